//===- Pipelines.h - the order of the passes ------------------------------===//
#ifndef CINCH_LIB_PIPELINE_PIPELINES_H
#define CINCH_LIB_PIPELINE_PIPELINES_H

#include "lib/Lowering/KernelToLLVM/DotProducts.h"
#include "mlir/Pass/PassManager.h"
#include <optional>
#include <string>
#include <vector>

namespace cinch {

/// How float values of a model are stored.
enum class Precision { F32, F16, BF16 }; // as in the model, or 16 bits

/// The precision called `f32`, `f16` or `bf16`.
std::optional<Precision> parsePrecision(llvm::StringRef name);

struct PipelineOptions {
  /// The oracle: one scalar kernel per operation, nothing fused, nothing in
  /// place.
  bool isReference = false;
  int64_t budgetBytes = 0;    ///< 0: no budget
  bool reportsCounts = false; ///< passes write their counts where they have a
                              ///< switch for it
  std::vector<std::string> states; ///< pairs past=present; empty: all found
  std::string chip; ///< GPU, such as sm_80; empty: kernels for the CPU
  Precision precision = Precision::F32;
  bool allowsTF32 = false;                     ///< in products of f32 on a GPU
  DotProducts dotProducts = DotProducts::None; ///< that a CPU has
};

/// graph to graph: everything that techniques and kernels build on.
void addGraphPasses(mlir::OpPassManager &passes,
                    const PipelineOptions &options);
/// graph to graph: values and weights in the precision that is asked for.
void addPrecisionPasses(mlir::OpPassManager &passes,
                        const PipelineOptions &options);
/// graph to exec with a checked memory plan.
void addExecPasses(mlir::OpPassManager &passes, const PipelineOptions &options);
/// exec with a plan to the llvm dialect.
void addLoweringPasses(mlir::OpPassManager &passes,
                       const PipelineOptions &options);
/// Registers the three phases as `cinch-graph`, `cinch-exec` and `cinch-lower`,
/// to be used in textual pipelines.
void registerPipelines();

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PIPELINES_H
