//===- LiveBytes.h - bytes alive in a graph before kernels are formed -----===//
#ifndef CINCH_PASSES_MEMORY_LIVEBYTES_H
#define CINCH_PASSES_MEMORY_LIVEBYTES_H

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/MapVector.h"

namespace cinch::memory {

/// Values that will most likely share one buffer, and when it is alive: from
/// the operation `first` to `last`, by their numbers in the block.
struct Storage {
  int64_t bytes = 0;
  int64_t first = 0, last = 0;
  llvm::SmallVector<mlir::Value, 2> values;
};

/// Whether only element-wise operations on all of `value` read it: they are
/// computed by the kernel that makes it.
bool isFused(mlir::Value value);

/// An estimate of what the operations of one block need of the arena in their
/// order. Element-wise operations write over an operand that dies, reshapes,
/// slices of rows and joined rows take nothing; constants, arguments of the
/// function and what it returns are not counted; unknown dimensions count as
/// 128, as 1 if they are the outermost (images).
/// What is too high: the scores of an attention, which its kernel does not
/// store.
class LiveBytes {
public:
  explicit LiveBytes(mlir::Block &block);

  llvm::ArrayRef<mlir::Operation *> getOps() const { return ops; }
  /// The number of the operation of the block that is or contains `op`; -1 for
  /// one of another block.
  int64_t getNumber(mlir::Operation *op) const;
  /// The storage of `value`; nullptr if it is not counted.
  Storage *find(mlir::Value value);

  /// Bytes alive while the operation `number` runs.
  int64_t get(int64_t number) const { return live[number]; }
  /// The first operation with the most bytes.
  int64_t findPeak() const;
  void add(int64_t number, int64_t bytes) { live[number] += bytes; }

  /// Bytes of the elements of `value`, not of what it shares.
  static int64_t getBytes(mlir::Value value);

private:
  bool isReadUpTo(mlir::Value value, mlir::Operation *op) const;
  void shareStorages();
  void setLives();

  mlir::Block &block;
  std::vector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, int64_t> numbers;
  llvm::MapVector<mlir::Value, int64_t> numberOf; ///< storages of values
  std::vector<Storage> storages;
  std::vector<int64_t> live;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_LIVEBYTES_H
