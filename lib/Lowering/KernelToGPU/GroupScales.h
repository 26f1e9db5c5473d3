//===- GroupScales.h - scales of groups along the depth -------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_GROUPSCALES_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_GROUPSCALES_H

#include "lib/Lowering/KernelToGPU/CodedOperand.h"
#include "lib/Lowering/KernelToGPU/OperandReader.h"

namespace cinch {

/// How the scales of the groups of a coded operand get to shared memory: into a
/// slot per stage, [groups of a step][rows or columns of the tile], copied in
/// the step that begins the group.
struct GroupCopy {
  int64_t size;    ///< places along the depth that share a scale
  int64_t major;   ///< rows or columns of a tile
  int64_t depth;   ///< of a step
  mlir::Type type; ///< of a scale
  int64_t width;   ///< neighbours that a thread copies at once

  int64_t getGroupsPerStep() const {
    return std::max<int64_t>(depth / size, 1);
  }
  int64_t getStepsPerGroup() const {
    return std::max<int64_t>(size / depth, 1);
  }
  int64_t getScaleBytes() const { return type.getIntOrFloatBitWidth() / 8; }
  int64_t getRowBytes() const { return major * getScaleBytes(); }
  int64_t getSlotBytes() const { return getGroupsPerStep() * getRowBytes(); }

  /// nullopt where steps of `depth` and groups do not fit into each other, a
  /// group is no multiple of `least` places, or scales cannot be copied.
  static std::optional<GroupCopy> plan(const ContractionRoles &roles,
                                       bool isRight, int64_t major,
                                       int64_t depth, int64_t least);
};

/// Copies the scales of one operand.
class GroupLoader {
public:
  /// As of TileLoader. `slots`: number of them.
  GroupLoader(const ContractionRoles &roles, const ContractionSizes &sizes,
              bool isRight, const GroupCopy &copy, int64_t slots,
              ElementEmitter &emitter, mlir::Value thread, int64_t threads,
              mlir::Value first, llvm::ArrayRef<mlir::Value> at);

  /// Starts the copies of the groups that begin in step `step`; the slots begin
  /// at `base` (!llvm.ptr<3>).
  void startCopies(mlir::Value step, mlir::Value base);
  /// The slot of step `step`.
  mlir::Value getSlot(mlir::Value step, mlir::Value base);

private:
  const GroupCopy copy;
  int64_t slots, threads;
  ElementEmitter &emitter;
  OperandReader reader;
  Role role;
  mlir::Value thread, first, numGroups;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_GROUPSCALES_H
