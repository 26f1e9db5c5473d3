//===- Indices.h - indices that are data ----------------------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_INDICES_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_INDICES_H

#include "lib/Lowering/GraphToExec/KernelBody.h"

namespace cinch::form {

/// The indices of one operation into axes of its input. Negative ones count
/// from the end. One that is out of range fails the run, unless all were
/// checked when compiling; the place that is returned is clamped all the same,
/// so that no access leaves the input.
class Indices {
public:
  /// `op` has its input as operand 0 and its indices as operand 1; `axes` are
  /// those of the input that are indexed.
  Indices(mlir::Operation *op, KernelBody &body, llvm::ArrayRef<int64_t> axes);

  /// The place in axis `axes[number]` that `index`, an element of the indices,
  /// means.
  mlir::Value getPlace(Scalars &s, unsigned number, mlir::Value index) const;

private:
  KernelBody &body;
  llvm::SmallVector<mlir::Value> sizes;
  llvm::SmallVector<std::optional<unsigned>> faults;
};

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_INDICES_H
