//===- SharedTile.h - tiles of matrices in shared memory ------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_SHAREDTILE_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_SHAREDTILE_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// A tile of `rows` x `columns` elements of `elementBits` bits in shared
/// memory, those of fewer than 8 bits packed as in memory. A row is a power of
/// two of at least 16 bytes, and consists of chunks of 16 bytes. The 32 banks
/// hold 128 bytes, which are several rows or a part of one; chunk c of row r is
/// at place c ^ (number of those 128 bytes), so that 8 neighbouring rows have
/// one chunk each in different banks:
///
///   rows of 64 bytes:   r 0: 0 1 2 3    r 2: 1 0 3 2    r 4: 2 3 0 1
///                       r 1: 0 1 2 3    r 3: 1 0 3 2    ...
struct SharedTile {
  int64_t rows = 0, columns = 0, elementBits = 0;
  /// False: chunks are in order, for tiles that are read along their rows.
  bool isSwizzled = true;

  int64_t getRowBytes() const { return columns * elementBits / 8; }
  int64_t getBytes() const { return rows * getRowBytes(); }
  /// Rows after which places repeat: the offsets of (r + period, c) and (r, c)
  /// differ by `period` rows.
  static constexpr int64_t period = 8;

  /// Offset in bytes of chunk `chunk` of row `row`.
  mlir::Value getChunkOffset(ElementEmitter &emitter, mlir::Value row,
                             mlir::Value chunk) const;
  /// Offset in bytes of an element, the first of its byte.
  mlir::Value getElementOffset(ElementEmitter &emitter, mlir::Value row,
                               mlir::Value column) const;
};

/// The dynamic shared memory of the block, aligned to 16 bytes: !llvm.ptr<3>.
mlir::Value getSharedPool(ElementEmitter &emitter);

/// `pointer` moved by `bytes`, an index.
mlir::Value movePointer(ElementEmitter &emitter, mlir::Value pointer,
                        mlir::Value bytes);
mlir::Value movePointer(ElementEmitter &emitter, mlir::Value pointer,
                        int64_t bytes);

/// `count` scalars of `type` that lie together at `pointer`, which is aligned
/// to all of them.
llvm::SmallVector<mlir::Value> loadTogether(ElementEmitter &emitter,
                                            mlir::Type type,
                                            mlir::Value pointer, int64_t count);
/// Stores `values`, scalars of one type, together at `pointer`, which is
/// aligned to all of them.
void storeTogether(ElementEmitter &emitter, mlir::ValueRange values,
                   mlir::Value pointer);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_SHAREDTILE_H
