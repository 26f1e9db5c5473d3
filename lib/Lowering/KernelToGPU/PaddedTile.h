//===- PaddedTile.h - matrices in shared memory with gaps between rows ----===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_PADDEDTILE_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_PADDEDTILE_H

#include "lib/Lowering/KernelToGPU/SharedTile.h"

namespace cinch {

/// A row-major matrix in shared memory, at a multiple of 16 bytes. Unlike a
/// SharedTile, its rows may have any size.
struct PaddedTile {
  mlir::Value base; ///< !llvm.ptr<3>
  mlir::Type element;
  int64_t stride = 0; ///< elements between rows

  /// Address of an element.
  mlir::Value at(ElementEmitter &emitter, mlir::Value row,
                 mlir::Value column) const;
};

/// Elements between rows of at least `columns` elements of `bytes` bytes, such
/// that 16 bytes each of eight neighbouring rows lie in different banks: an odd
/// number of 16 bytes.
int64_t getPaddedStride(int64_t columns, int64_t bytes);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_PADDEDTILE_H
