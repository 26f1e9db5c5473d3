//===- DotProducts.h - products of 8-bit integers on a CPU ----------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_DOTPRODUCTS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_DOTPRODUCTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MathExtras.h"
#include <string>
#include <vector>

namespace cinch {

/// The instructions of a CPU for sums of products of 8-bit integers in i32.
enum class DotProducts {
  None,       ///< none that is used: scalar loops
  Avx2,       ///< vpmaddwd of 16 elements of 16 bits
  Avx512,     ///< the same of 32
  AvxVnni,    ///< vpdpbusd of 32 bytes, one operand unsigned, one signed
  Avx512Vnni, ///< the same of 64
};

/// Those of a CPU with `features`, in LLVM's names.
DotProducts getDotProducts(llvm::ArrayRef<std::string> features);

/// Elements of the depth that lie together in a panel.
inline constexpr int64_t dotDepth = 4;
/// Panels have a multiple of so many columns.
inline constexpr int64_t dotColumns = 16;

/// Columns per panel of a matrix of `numColumns`: least padding, then widest.
inline int64_t getDotColumns(int64_t numColumns) {
  int64_t best = 4 * dotColumns;
  for (int64_t width = 3 * dotColumns; width > 0; width -= dotColumns)
    if (llvm::alignTo(numColumns, width) < llvm::alignTo(numColumns, best))
      best = width;
  return best;
}

/// C[rows, columns] += A[rows, depth] * B[depth, columns], i32 from bytes.
/// A is row-major, B is [ceil(depth / 4)][columns][4], C is row-major; the
/// depth is a multiple of 4, padded with zeros in B.
struct DotProduct {
  int64_t columns;  ///< a multiple of `dotColumns`
  int64_t rowDepth; ///< elements between two rows of A
  bool isLhsSigned, isRhsSigned;
  /// A has elements of 16 bits, else bytes of which those of one operand are
  /// unsigned: where A and B are signed, A has the elements plus 128.
  bool isWide;

  /// The product of operands of these signs on `target`.
  static DotProduct get(DotProducts target, bool isLhsSigned, bool isRhsSigned);
  /// Whether A holds its elements plus 128.
  bool isShifted() const { return !isWide && isLhsSigned && isRhsSigned; }
};

/// The function (pointers a, b, c, indices rows, depth / 4) that computes
/// `product` on `target`, made in `module` where it is not there yet.
mlir::func::FuncOp getDotFunction(mlir::ModuleOp module, DotProducts target,
                                  const DotProduct &product);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_DOTPRODUCTS_H
