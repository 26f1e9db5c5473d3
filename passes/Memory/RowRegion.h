//===- RowRegion.h - operations that are computed in bands of rows --------===//
#ifndef CINCH_PASSES_MEMORY_ROWREGION_H
#define CINCH_PASSES_MEMORY_ROWREGION_H

#include "passes/Memory/Rows.h"

namespace cinch::memory {

/// Operations in program order of which nobody else reads anything but the
/// result of the last one, all in one block.
struct RowRegion {
  llvm::SmallVector<mlir::Operation *> ops;

  mlir::Value getExit() const { return ops.back()->getResult(0); }
  bool contains(mlir::Operation *op) const {
    return llvm::is_contained(ops, op);
  }
  /// The rows that every operation computes for `rows` of the exit, those
  /// read by several users once; nullopt where one would be empty.
  std::optional<llvm::SmallVector<Rows>> getRows(Rows rows) const;
  /// `numRows` rows in bands of one size, the last may be smaller.
  llvm::SmallVector<Rows> getBands(int64_t numBands) const;

  /// Computes the exit in bands and joins these; names are made from those of
  /// the values, and unlike those in `taken`.
  void split(int64_t numBands, llvm::StringSet<> &taken) const;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_ROWREGION_H
