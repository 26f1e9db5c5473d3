//===- MatrixFragments.h - operands of matrix instructions ----------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_MATRIXFRAGMENTS_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_MATRIXFRAGMENTS_H

#include "lib/Lowering/KernelToGPU/SharedTile.h"

namespace cinch {

/// What a warp multiplies with one instruction: D[16, 8] = A[16, K] * B[K, 8]
/// + C[16, 8], where K elements are 32 bytes. Of a warp, lane l holds, with g =
/// l / 4 and t = l % 4: of A four words, the bytes 4 t + 16 (i / 2) of row g +
/// 8 (i % 2) for i = 0 ... 3; of B two words, the bytes 4 t + 16 i of column g;
/// of C and D the elements (g + 8 (i / 2), 2 t + i % 2).
/// Of integers of 8 and 4 bits, and of floats of 8 bits (from sm_89 on), A and
/// B may differ: that of A comes first.
enum class MatrixKind {
  F16,
  BF16,
  TF32,
  S8,
  U8,
  S8U8,
  U8S8,
  S4,
  U4,
  S4U4,
  U4S4,
  E4M3,
  E5M2,
  E4M3E5M2,
  E5M2E4M3,
};

/// Elements along the depth of one instruction.
int64_t getMatrixDepth(MatrixKind kind);
/// The name of the instruction as the emulated device counts it.
std::string getMatrixName(MatrixKind kind);
/// The type of C and D.
mlir::Type getAccumulatorType(MatrixKind kind, mlir::MLIRContext *context);

/// Emits one instruction: `a` four and `b` two words (i32), `c` four scalars of
/// the accumulator type. Returns the four of D.
llvm::SmallVector<mlir::Value, 4>
multiplyFragments(ElementEmitter &emitter, MatrixKind kind, mlir::ValueRange a,
                  mlir::ValueRange b, mlir::ValueRange c);

/// Where a lane of a warp reads the fragments of one operand from a tile. The
/// tile has the depth along its rows (`depthIsInner`), or, for elements of 16
/// bits, across them, which ldmatrix transposes.
class FragmentReader {
public:
  /// Of A: `first` is the first of `count` rows of the warp; of B (`isRight`)
  /// the first of its columns. `lane`: 0 ... 31. Computes what does not change
  /// between tiles at the insertion point.
  FragmentReader(ElementEmitter &emitter, SharedTile tile, bool depthIsInner,
                 bool isRight, mlir::Value first, int64_t count,
                 mlir::Value lane);

  /// The fragments at depth `step` (of one instruction) of 16 rows from
  /// 16 * `number` on, or columns, as four words: those of A, or those of two
  /// fragments of B. `base`: address of the tile (!llvm.ptr<3>).
  llvm::SmallVector<mlir::Value, 4> read(mlir::Value base, int64_t number,
                                         int64_t step);

private:
  ElementEmitter &emitter;
  SharedTile tile;
  bool depthIsInner;
  /// Of what this lane gives, by the number of the 32 bytes of a row.
  llvm::SmallVector<mlir::Value> offsets;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_MATRIXFRAGMENTS_H
