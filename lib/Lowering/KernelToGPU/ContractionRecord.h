//===- ContractionRecord.h - what a contraction will do -------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONRECORD_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONRECORD_H

#include "lib/Lowering/KernelToGPU/ContractionSchedule.h"

namespace cinch {

/// Fields of the record of a contraction: `stages`, `lhs` and `rhs` (how they
/// get to shared memory), `minimum_blocks` (that a multiprocessor should have
/// at once, so that ptxas gives the threads as many registers; absent: it
/// decides), `matrix` (the instruction, if there is one), `matrix_count` (how
/// often a launch executes it), `load_bytes` (of A and B, where both are plain
/// arguments: each tile once per block) and `store_bytes`. The last three are
/// expressions (runtime/Plan/Expr.h) over `word0`, `word1`,
/// ..., the words of the launch; a field whose sizes are not words is absent.
llvm::SmallVector<mlir::NamedAttribute>
describeContraction(mlir::func::FuncOp body, const ContractionRoles &roles,
                    const ContractionSchedule &schedule);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONRECORD_H
