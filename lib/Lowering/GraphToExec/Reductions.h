//===- Reductions.h - building reductions over axes -----------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_REDUCTIONS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_REDUCTIONS_H

#include "lib/Lowering/GraphToExec/KernelBody.h"

namespace cinch::form {

/// The loops of reductions over some axes of a tensor: kept axes first, reduced
/// axes innermost, so that results are per row of the loops.
class AxisLoops {
public:
  AxisLoops(KernelBody &body, llvm::ArrayRef<Expr> dims,
            llvm::ArrayRef<int64_t> axes);

  /// Dims of a reduced tensor: 1 at the axes, resp. without them.
  Dims getReducedDims(bool keepDims) const;
  /// Product of the reduced dims.
  Expr getCount() const;

  /// Reduces `ins` (broadcast to the dims) into `out`, which has the reduced
  /// dims, after filling it with `init`. `fn` takes the scalars and the current
  /// result.
  using CombineFn = llvm::function_ref<mlir::Value(
      Scalars &, mlir::ValueRange ins, mlir::Value current)>;
  Tensor reduce(llvm::ArrayRef<Tensor> ins, mlir::Value out, mlir::Type element,
                bool keepDims, mlir::TypedAttr init, CombineFn fn);
  /// The same into a temporary of `element`, axes kept as 1: a row statistic.
  Tensor rowStatistic(llvm::ArrayRef<Tensor> ins, mlir::Type element,
                      mlir::TypedAttr init, CombineFn fn);
  /// Element by element over the dims into `out`, loops in the order of the
  /// reductions.
  mlir::Value map(llvm::ArrayRef<Tensor> ins, mlir::Value out,
                  KernelBody::ElementFn fn);

  /// From the loops to the axes.
  mlir::AffineMap getAxisMap() const { return axisMap; }
  /// From the loops to the axes of a reduced tensor.
  mlir::AffineMap getReducedMap(bool keepDims) const;
  llvm::SmallVector<mlir::utils::IteratorType> getIterators() const;

private:
  llvm::SmallVector<Operand> getOperands(llvm::ArrayRef<Tensor> ins);

  KernelBody &body;
  Dims dims;
  llvm::SmallVector<bool> isReduced;
  mlir::AffineMap axisMap;
};

/// How often `op`, a reduction over rows, reads its operand; nullopt for other
/// operations. `axes` receives the reduced axes.
std::optional<unsigned> getRowPasses(mlir::Operation *op,
                                     llvm::SmallVectorImpl<int64_t> &axes);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_REDUCTIONS_H
