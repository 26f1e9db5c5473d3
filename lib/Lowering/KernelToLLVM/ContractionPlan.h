//===- ContractionPlan.h - how a contraction becomes tiles of GEMM --------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_CONTRACTIONPLAN_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_CONTRACTIONPLAN_H

#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

namespace cinch {

/// On the generic that shows a packed weight as the matrix it was: columns per
/// block (pack-weights).
inline constexpr llvm::StringLiteral unpackAttrName = "exec.unpack";

/// The signs of the 8-bit operands of a product in i32.
struct IntegerOperands {
  bool isLhsSigned, isRhsSigned;
};

/// The roles of the loops of C[rows, columns] += A[rows, K] * B[K, columns], a
/// contraction whose results are walked in the space of a schedule. `columns`
/// is the innermost part of that space that only B depends on, `rows` the
/// innermost dimension (or mergeable run) that only A depends on; the other
/// dimensions are outer: one GEMM for each of their values. Of a convolution
/// with few positions, or an unknown number of them along its only axis, the
/// positions are rows and the filters, wherever they are, columns.
struct ContractionPlan {
  mlir::linalg::GenericOp op;
  mlir::OpOperand *lhs = nullptr, *rhs = nullptr;   ///< A and B
  llvm::SmallVector<unsigned> rows, columns, outer; ///< dimensions of the space
  llvm::SmallVector<unsigned> reduced;              ///< loops of `op`
  llvm::SmallVector<int> loopOfDim;                 ///< space -> loop of `op`

  /// Sizes where they are static, else nullopt.
  std::optional<int64_t> numRows, numColumns, depth;
  /// Row strides of the operands where microkernels read them in place.
  std::optional<int64_t> lhsStride, rhsStride;
  /// The argument that holds B packed in blocks of `blockColumns` columns.
  std::optional<unsigned> packedArgument;
  /// Of a B that is computed from elements of at most 8 bits, packed in blocks
  /// of `blockColumns` columns: what shows these as the matrix they were.
  mlir::linalg::GenericOp unpack;
  /// Columns of a panel of B that are computed at once, as they share bytes.
  int64_t columnUnit = 1;
  /// Of a product of 8-bit integers: A is packed, and B if its argument is not.
  std::optional<IntegerOperands> integers;
  /// Whether the depth is one contiguous index of A.
  bool hasLinearDepth = false;
  /// Columns are one contiguous index for every access of the kernel.
  bool linearColumns = false;

  /// Block sizes: rows per tile (and per call), columns and depth per call.
  int64_t tileRows = 0, callRows = 0, blockColumns = 0, blockDepth = 0;
  /// Blocks of columns per tile: they share what was packed of A.
  int64_t groupBlocks = 1;

  /// The plans of all contractions of the kernel, which have one tile space;
  /// empty where microkernels do not apply. `packsWeights`: B will be packed if
  /// it is a weight.
  static llvm::SmallVector<ContractionPlan, 1>
  compute(const KernelSchedule &schedule, bool packsWeights = false);
};

/// Chooses the blocks of a product of 8-bit integers, of which everything is
/// packed but a B that is packed already.
void chooseIntegerBlocks(ContractionPlan &plan);

/// The indexing map of `operand` with loops of size 1 replaced by 0.
mlir::AffineMap getSimplifiedMap(mlir::linalg::LinalgOp op,
                                 mlir::OpOperand *operand);

/// True if the region of `op` adds the product of its two inputs, in f32, to
/// its output; inputs of 16 bits are widened.
bool isMultiplyAdd(mlir::linalg::GenericOp op);
/// The signs of the two inputs of `op`, of 8 bits, if its region adds their
/// product, in i32, to its output.
std::optional<IntegerOperands> findIntegerProduct(mlir::linalg::GenericOp op);
/// True if `op` accumulates on zeros.
bool startsAtZero(mlir::linalg::GenericOp op);
/// The operand of at most 8 bits from which `value`, an operand of a
/// contraction, is computed element by element, at the same place; null if it
/// is not.
mlir::OpOperand *findFewBits(mlir::Value value);
/// The number of the argument of packed elements that `unpack`, marked with
/// unpackAttrName, shows as a matrix.
unsigned getPackedArgument(mlir::linalg::GenericOp unpack);
/// The stride in elements of axis `axis` of `type`, if it is static.
std::optional<int64_t> getStride(mlir::RankedTensorType type, size_t axis);
/// The axis of `map` that is loop `loop` itself, where no other axis uses it.
std::optional<size_t> findAxis(mlir::AffineMap map, unsigned loop);
/// True if `loops` together walk through `type` with one stride: their axes in
/// `map` are neighbours in that order, and all but the first run over the whole
/// axis. A loop of size 1 needs none. Sets `last` to the axis of the last loop.
bool areNeighbours(mlir::RankedTensorType type, mlir::AffineMap map,
                   llvm::ArrayRef<unsigned> loops,
                   llvm::ArrayRef<int64_t> ranges, size_t &last);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_CONTRACTIONPLAN_H
