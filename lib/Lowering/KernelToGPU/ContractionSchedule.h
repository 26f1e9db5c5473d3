//===- ContractionSchedule.h - tiles of a contraction ---------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONSCHEDULE_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONSCHEDULE_H

#include "lib/Lowering/KernelToGPU/GroupScales.h"
#include "lib/Lowering/KernelToGPU/MatrixFragments.h"
#include "lib/Lowering/KernelToGPU/TileLoader.h"

namespace cinch {

inline constexpr int64_t warpThreads = 32;

/// What is known of a GPU architecture, for the choice of a schedule.
struct GpuLimits {
  int64_t processors;  ///< multiprocessors of a typical product
  int64_t sharedBytes; ///< a block may have
  int64_t sharedPerProcessor;
  int64_t f32Rate;        ///< multiply-adds per cycle and multiprocessor
  int64_t matrixByteRate; ///< the same of matrix instructions, times bytes of
                          ///< an element
  /// Those of `chip`: sm_80, sm_86, sm_89, sm_90, sm_120.
  static GpuLimits get(llvm::StringRef chip);
};

/// How a block computes its tile of C: in steps of `depth`, of which `stages`
/// are in shared memory at once; each warp computes a part.
struct ContractionSchedule {
  int64_t rows = 0, columns = 0; ///< of a tile
  int64_t depth = 0;             ///< elements of a step
  int64_t rowWarps = 0, columnWarps = 0;
  int64_t stages = 2;
  std::optional<MatrixKind> kind; ///< none: multiply-adds of threads
  TileCopy lhs, rhs;
  /// Scales that change along the depth, of operands whose tiles hold codes.
  std::optional<GroupCopy> lhsGroups, rhsGroups;
  std::string reason;

  int64_t getThreads() const { return warpThreads * rowWarps * columnWarps; }
  int64_t getWarpRows() const { return rows / rowWarps; }
  int64_t getWarpColumns() const { return columns / columnWarps; }
  int64_t getStageBytes() const {
    return lhs.tile.getBytes() + rhs.tile.getBytes();
  }
  bool isAsync() const { return lhs.isAsync || rhs.isAsync; }
  /// The columns of B are decoded four at once, and the fragments of a warp
  /// take turns among its columns (CodedColumns).
  bool decodesColumns() const {
    return kind && rhs.isCoded && !rhs.depthIsInner;
  }
  /// Places along the depth in 32 bytes of A, which a warp reads at once.
  int64_t getPieceDepth() const { return 256 / lhs.tile.elementBits; }
  bool hasGroups() const { return lhsGroups || rhsGroups; }
  /// Bytes of the slots for the scales of one operand, and where they begin:
  /// all tiles come first.
  int64_t getGroupBytes(bool isRight) const {
    const std::optional<GroupCopy> &groups = isRight ? rhsGroups : lhsGroups;
    return groups ? stages * groups->getSlotBytes() : 0;
  }
  int64_t getGroupOffset(bool isRight) const {
    return stages * getStageBytes() + (isRight ? getGroupBytes(false) : 0);
  }
  /// The type of the sums, in a contraction that sums in `accumulator`.
  mlir::Type getSumType(mlir::Type accumulator) const;
  /// Elements from one row of sums to the next, where they are in shared memory
  /// to be stored. Rows begin 8 banks after each other, or 4 where a lane
  /// stores 4 sums at once.
  int64_t getSumPitch() const { return columns + (decodesColumns() ? 4 : 8); }
  int64_t getSumBytes() const { return 4 * getWarpRows() * getSumPitch(); }
  int64_t getSharedBytes() const {
    return std::max(getGroupOffset(true) + getGroupBytes(true), getSumBytes());
  }
  /// Such as "mma 128x128x32".
  std::string getName() const;

  /// The schedule with the shortest modelled time. `allowTF32`: f32 may be
  /// multiplied as tf32.
  static ContractionSchedule choose(const ContractionRoles &roles,
                                    llvm::StringRef chip, bool allowTF32);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONSCHEDULE_H
