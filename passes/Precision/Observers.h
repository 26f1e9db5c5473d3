//===- Observers.h - the largest magnitudes of values
//-----------------------===//
#ifndef CINCH_PASSES_PRECISION_OBSERVERS_H
#define CINCH_PASSES_PRECISION_OBSERVERS_H

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/DenseMap.h"
#include <string>
#include <vector>

namespace cinch::precision {

/// Adds a result to the entry of `module` for every f32 value outside of
/// control flow that is no constant: its largest magnitude, a scalar, below 0
/// if the value is empty. Returns the names of the values in the order of the
/// new results, which come behind the others.
std::vector<std::string> addObservers(mlir::ModuleOp module);

/// Writes the `magnitudes` of the values `names` into the attribute
/// `graph.magnitudes` of the entry of `module`, a dictionary of 64-bit floats,
/// by which convert-precision decides.
void setMagnitudes(mlir::ModuleOp module, llvm::ArrayRef<std::string> names,
                   llvm::ArrayRef<double> magnitudes);

/// What `graph.magnitudes` says about the values of `function`.
llvm::DenseMap<mlir::Value, double> getMagnitudes(mlir::func::FuncOp function);

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_OBSERVERS_H
