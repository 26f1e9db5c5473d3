//===- ContractionToGPU.h - contractions by tiles of blocks ---------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONTOGPU_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONTOGPU_H

#include "lib/Lowering/KernelToGPU/DeviceFunctions.h"
#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

namespace cinch {

/// What contractions are lowered for.
struct ContractionOptions {
  llvm::StringRef chip;
  bool allowTF32 = false; ///< f32 may be multiplied as tf32
};

/// Emits the functions of `body`, which `kernel` walks, if it is one
/// contraction and elementwise operations around it: tiles of blocks. nullopt
/// if it is not; failure after a diagnostic.
mlir::FailureOr<std::optional<DeviceSchedule>>
emitContraction(mlir::OpBuilder &builder, mlir::ModuleOp device,
                const DeviceBody &body, const KernelSchedule &kernel,
                const ContractionOptions &options);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONTOGPU_H
