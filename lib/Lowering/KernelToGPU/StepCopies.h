//===- StepCopies.h - operands of the steps of a contraction --------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_STEPCOPIES_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_STEPCOPIES_H

#include "lib/Lowering/KernelToGPU/BlockProduct.h"

namespace cinch {

/// Fills the stages of a block in shared memory: the tiles of both operands and
/// the scales of their groups.
class StepCopies {
public:
  /// `pool`: shared memory (!llvm.ptr<3>); `firstRow`, `firstColumn`: of the
  /// block; the others as of TileLoader.
  StepCopies(const ContractionRoles &roles, const ContractionSizes &sizes,
             const ContractionSchedule &schedule, ElementEmitter &emitter,
             mlir::Value pool, mlir::Value thread, mlir::Value firstRow,
             mlir::Value firstColumn, llvm::ArrayRef<mlir::Value> at);

  /// What step `step` multiplies, which is in stage `stage`.
  StepTiles getTiles(mlir::Value step, mlir::Value stage);
  /// Starts the asynchronous copies of step `step` to stage `stage`.
  void start(mlir::Value step, mlir::Value stage);
  /// Adds what this thread loads by itself of the tiles of step `step` to
  /// `values`. Returns false after an error.
  bool load(mlir::Value step, llvm::SmallVectorImpl<mlir::Value> &values);
  /// The same, zeros if not `isThere`.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> loadIf(mlir::Value isThere,
                                                         mlir::Value step);
  /// Stores what was loaded to stage `stage`.
  void store(mlir::ValueRange values, mlir::Value stage);

private:
  mlir::Value moveToStage(mlir::Value number, bool isRight);
  mlir::Value getSlots(bool isRight);

  const ContractionSchedule &schedule;
  ElementEmitter &emitter;
  mlir::Value pool;
  TileLoader lhs, rhs;
  std::optional<GroupLoader> lhsGroups, rhsGroups;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_STEPCOPIES_H
