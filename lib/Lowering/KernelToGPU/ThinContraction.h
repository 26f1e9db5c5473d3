//===- ThinContraction.h - contractions with few rows or columns ----------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_THINCONTRACTION_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_THINCONTRACTION_H

#include "lib/Lowering/KernelToGPU/ContractionToGPU.h"
#include "lib/Lowering/KernelToGPU/OperandReader.h"

namespace cinch {

/// How a contraction is computed whose `thin` side has few rows (columns), so
/// that every element of the other operand, the wide one, is used by one thread
/// only: from global memory to registers, the depth divided among the threads
/// of a block. Partial sums meet in shared memory; there is no workspace.
struct ThinSchedule {
  /// Columns that a warp takes at once where lanes go along the depth; places
  /// along the depth that a thread reads before it multiplies.
  static constexpr int64_t warpWide = 4, unrolled = 4;

  bool thinIsRight = false;
  int64_t thin = 0; ///< rows or columns of the thin side
  /// Lanes go along the depth, else along the wide side.
  bool isAlongDepth = false;
  int64_t group = 1; ///< neighbours that a lane reads at once
  int64_t wide = 0;  ///< of the wide side, per block
  int64_t depthWarps = 1, wideWarps = 1;
  /// The wide operand is read as codes. `scaleGroup`: places along the depth
  /// that share a scale, of which each is in one warp; 0: all do.
  bool decodes = false;
  int64_t scaleGroup = 0;
  std::string reason;

  /// nullopt where no side is thin, or the depth is so short that a thread per
  /// element is better.
  static std::optional<ThinSchedule> choose(const ContractionRoles &roles,
                                            llvm::StringRef chip);
};

/// Emits `body` that way.
mlir::FailureOr<DeviceSchedule>
emitThinContraction(mlir::OpBuilder &builder, mlir::ModuleOp device,
                    const DeviceBody &body, const KernelSchedule &kernel,
                    const ContractionRoles &roles,
                    const ThinSchedule &schedule);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_THINCONTRACTION_H
