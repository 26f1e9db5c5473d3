// A pass that lives outside of the project: cinch-opt loads it with
// --load-pass-plugin. It says how many operations each function has.
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

namespace {
struct CountOps : PassWrapper<CountOps, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CountOps)

  StringRef getArgument() const final { return "count-ops"; }
  StringRef getDescription() const final {
    return "Remarks the number of operations of every function";
  }

  void runOnOperation() override {
    getOperation()->walk([](FunctionOpInterface function) {
      int64_t count = 0;
      function->walk([&](Operation *op) { count += op != function; });
      function.emitRemark() << count << " operations";
    });
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "CountOps", "0.1",
          [] { PassRegistration<CountOps>(); }};
}
