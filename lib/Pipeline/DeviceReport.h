//===- DeviceReport.h - how the kernels of a GPU are computed -------------===//
#ifndef CINCH_LIB_PIPELINE_DEVICEREPORT_H
#define CINCH_LIB_PIPELINE_DEVICEREPORT_H

#include "lib/Target/Occupancy.h"
#include "lib/Target/Ptxas.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace cinch {

/// What is known of a device function. It refers to attributes of the module.
struct DeviceFunction {
  llvm::StringRef name, schedule, reason;
  bool isFallback = false; ///< there is no schedule for such a kernel
  int64_t threads = 0;     ///< of a block
  int64_t dynamicSharedBytes = 0, staticSharedBytes = 0; ///< of a block
  /// Number of matrix instructions, and bytes that are loaded and stored:
  /// expressions of the words of a launch; empty where no record says.
  llvm::StringRef matrixOps, loadBytes, storeBytes;
  mlir::DictionaryAttr record; ///< everything that the schedule says
  std::optional<FunctionResources> resources; ///< nullopt: not assembled
  std::optional<Occupancy> occupancy;
};

/// The device functions of a module lowered for `chip`, with what the assembler
/// said of them; none of another module.
std::vector<DeviceFunction> collectDeviceFunctions(
    mlir::ModuleOp module, llvm::StringRef chip,
    llvm::ArrayRef<std::pair<std::string, FunctionResources>> resources);

/// One line on the kernels that the GPU has no schedule for, of which the first
/// `maxNamed` are named; empty if there are none.
std::string describeFallbacks(mlir::ModuleOp module, size_t maxNamed);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_DEVICEREPORT_H
