//===- WindowSums.h - convolutions of each channel by itself --------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_WINDOWSUMS_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_WINDOWSUMS_H

#include "lib/Lowering/KernelToGPU/ContractionToGPU.h"
#include "lib/Lowering/KernelToGPU/OperandReader.h"

namespace cinch {

/// How a convolution with one filter for each channel is computed: a thread
/// has a few neighbours of a row, and reads what their windows share once.
struct WindowSchedule {
  unsigned out, tap;        ///< role loops along the rows
  int64_t stride, dilation; ///< along the rows
  int64_t group;            ///< neighbours of a thread

  /// nullopt where it is no such convolution, or one with many taps.
  static std::optional<WindowSchedule> choose(const ContractionRoles &roles);
};

/// Emits `body` that way.
mlir::FailureOr<DeviceSchedule>
emitWindowSums(mlir::OpBuilder &builder, mlir::ModuleOp device,
               const DeviceBody &body, const KernelSchedule &kernel,
               const ContractionRoles &roles, const WindowSchedule &schedule);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_WINDOWSUMS_H
