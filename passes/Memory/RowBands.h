//===- RowBands.h - values that are kept in bands of rows -----------------===//
#ifndef CINCH_PASSES_MEMORY_ROWBANDS_H
#define CINCH_PASSES_MEMORY_ROWBANDS_H

#include "passes/Memory/Rows.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace cinch::memory {

/// Images of one height that are never whole: every band is a value of its
/// own, as all that read it need rows of one band at a time. The operations
/// that make or read them are computed stage by stage, and the operations of a
/// stage band by band.
class RowBands {
public:
  using Operations = llvm::SmallVector<mlir::Operation *>;

  /// All values that are connected with `seed` by operations and can be kept
  /// in `numBands` bands, with a stage for every kernel; nullopt if there are
  /// none, or something else that is read or made would have to be copied.
  /// The bands of the values `overlapping` have rows of others that are needed
  /// for one band of what reads them.
  static std::optional<RowBands> grow(mlir::Value seed, int64_t numBands,
                                      llvm::ArrayRef<mlir::Value> overlapping);

  bool contains(mlir::Value value) const { return values.contains(value); }
  int64_t getNumBands() const { return numBands; }
  size_t getNumValues() const { return values.size(); }
  size_t getNumStages() const { return stages.size(); }
  /// The results that are joined.
  llvm::SmallVector<mlir::Value> getJoined() const;
  /// Joins the stages `number` and `number` + 1; false if the second reads
  /// rows of other bands that the first makes.
  bool mergeStages(size_t number);

  /// The same values and operations in a copy of the function.
  RowBands map(const mlir::IRMapping &mapping) const;
  /// Replaces the operations by bands, and joins the bands of results that
  /// others read; names are made from those of the values, and unlike those
  /// in `taken`. Returns the first and the last operation of every stage; null
  /// for a stage without any.
  llvm::SmallVector<std::pair<mlir::Operation *, mlir::Operation *>>
  split(llvm::StringSet<> &taken);

private:
  bool canBeApart(mlir::Value value) const;
  bool canCompute(mlir::Operation *op) const;
  bool canRead(mlir::OpOperand &operand) const;
  bool canJoin(mlir::Value value) const;
  bool isOperation(mlir::Operation *op) const { return ops.contains(op); }
  /// Whether `value` is never whole.
  bool isInBands(mlir::Value value) const {
    return contains(value) || overlaps.contains(value);
  }
  bool addOverlap(mlir::Value value);
  mlir::Operation *findFollowers();
  Rows getBand(mlir::Value value, int64_t number) const;
  Rows getOverlappingBand(mlir::Value value, int64_t number) const;
  mlir::Value buildOverlap(mlir::Operation *place, mlir::Value value,
                           int64_t number, llvm::StringSet<> &taken);
  void setStages();
  void place(mlir::Operation *op,
             llvm::DenseMap<mlir::Operation *, size_t> &at);

  int64_t numBands = 0, numRows = 0;
  llvm::SetVector<mlir::Value> values;
  llvm::SetVector<mlir::Operation *> ops; ///< in program order
  /// Values whose bands overlap, and the operations that make them.
  llvm::MapVector<mlir::Value, Operations> overlaps;
  /// Operations between these that need a result of theirs.
  Operations followers;
  llvm::SmallVector<Operations> stages;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> parts;
};

/// The values of `function` to keep in bands for the lowest peak; nullopt if it
/// would not fall by the share `minGain`.
std::optional<RowBands> findRowBands(mlir::func::FuncOp function,
                                     double minGain);

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_ROWBANDS_H
