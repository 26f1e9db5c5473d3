//===- ChannelJoins.h - concatenations of channels ------------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_CHANNELJOINS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_CHANNELJOINS_H

#include "dialects/Exec/Exec.h"
#include "llvm/ADT/SetVector.h"

namespace cinch {

/// Whether `assemble` joins channels.
bool joinsChannels(exec::AssembleOp assemble);

/// Drops from `values`, which are to have another layout, the parts and results
/// of concatenations in `module` of which one is not among them, such as a
/// view: parts lie in the result as they are.
void dropPartialJoins(mlir::ModuleOp module,
                      llvm::SetVector<mlir::Value> &values);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_CHANNELJOINS_H
