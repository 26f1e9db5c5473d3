//===- Pipelines.cpp - the order of the passes ----------------------------===//
#include "lib/Pipeline/Pipelines.h"
#include "lib/Lowering/ExecToLLVM/Passes.h"
#include "lib/Lowering/GraphToExec/Passes.h"
#include "lib/Lowering/KernelToGPU/Passes.h"
#include "lib/Lowering/KernelToLLVM/Passes.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Graph/Passes.h"
#include "passes/Memory/Passes.h"
#include "passes/Precision/Passes.h"
#include "passes/Quantize/Passes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace cinch;

void cinch::addGraphPasses(OpPassManager &passes,
                           const PipelineOptions &options) {
  // -- graph: what the model computes
  graph::GraphSimplifyPassOptions simplify;
  simplify.report = options.reportsCounts;
  // Shape arithmetic first: it decides what is static.
  passes.addNestedPass<func::FuncOp>(graph::createGraphSimplifyPass(simplify));
  // The oracle computes what the model says.
  if (!options.isReference) {
    graph::SinkTransposesPassOptions sink;
    sink.report = options.reportsCounts;
    // Constants get the order in which they are used; convolutions and what
    // follows them meet.
    passes.addNestedPass<func::FuncOp>(graph::createSinkTransposesPass(sink));
    graph::FoldConstantsPassOptions constants;
    constants.report = options.reportsCounts;
    // Before whatever wants weights to be constants.
    passes.addNestedPass<func::FuncOp>(
        graph::createFoldConstantsPass(constants));
    // While convolutions can be told from what follows them.
    graph::FoldBatchNormPassOptions fold;
    fold.report = options.reportsCounts;
    passes.addNestedPass<func::FuncOp>(graph::createFoldBatchNormPass(fold));
  }
  // Promise of the phase: every value has a name of its own.
  passes.addNestedPass<func::FuncOp>(graph::createVerifyNamesPass());
}

std::optional<Precision> cinch::parsePrecision(StringRef name) {
  return llvm::StringSwitch<std::optional<Precision>>(name)
      .Case("f32", Precision::F32)
      .Case("f16", Precision::F16)
      .Case("bf16", Precision::BF16)
      .Default(std::nullopt);
}

void cinch::addPrecisionPasses(OpPassManager &passes,
                               const PipelineOptions &options) {
  if (options.precision == Precision::F32)
    return;
  precision::ConvertPrecisionPassOptions convert;
  convert.type = options.precision == Precision::F16 ? precision::Type16::f16
                                                     : precision::Type16::bf16;
  convert.report = options.reportsCounts;
  // After all that computes constants, which do so in f32.
  passes.addNestedPass<func::FuncOp>(
      precision::createConvertPrecisionPass(convert));
  // As before: it names what it makes.
  passes.addNestedPass<func::FuncOp>(graph::createVerifyNamesPass());
}

void cinch::addExecPasses(OpPassManager &passes,
                          const PipelineOptions &options) {
  // -- graph to exec: afterwards everything that is stored is a value
  if (!options.isReference) {
    quantize::FormIntegerProductsPassOptions integers;
    integers.report = options.reportsCounts;
    // After the export, which keeps what the model says.
    passes.addNestedPass<func::FuncOp>(
        quantize::createFormIntegerProductsPass(integers));
  }
  // Not earlier: a recurrent operation can be exported, its loop cannot.
  passes.addNestedPass<func::FuncOp>(graph::createExpandRecurrentPass());
  graph::GraphSimplifyPassOptions simplify;
  simplify.report = options.reportsCounts;
  // The loops over time leave constants and reshapes behind.
  passes.addNestedPass<func::FuncOp>(graph::createGraphSimplifyPass(simplify));
  if (!options.isReference)
    passes.addNestedPass<func::FuncOp>(graph::createExpandConvTransposePass());
  // While the graph shows what is joined with what.
  graph::FormStatePassOptions state;
  state.pairs.assign(options.states.begin(), options.states.end());
  passes.addNestedPass<func::FuncOp>(graph::createFormStatePass(state));
  // Bands and layouts are those of the CPU's kernels.
  bool isForCpu = options.chip.empty();
  if (!options.isReference && isForCpu) {
    memory::StreamRowsPassOptions rows;
    rows.report = options.reportsCounts;
    // Last on the graph: which values are stored depends on all of it.
    passes.addNestedPass<func::FuncOp>(memory::createStreamRowsPass(rows));
  }
  FormKernelsPassOptions form;
  form.fuse = !options.isReference;
  passes.addPass(createFormKernelsPass(form));
  if (!options.isReference && isForCpu) {
    // After fusion: only what is stored has a layout.
    passes.addPass(createAssignLayoutsPass());
    // What layouts did not join for nothing.
    passes.addPass(createJoinRowsPass());
    // Before the plan: it changes what the weights file holds.
    passes.addPass(createPackWeightsPass());
  }
  if (!options.isReference && !isForCpu)
    // Likewise before the plan.
    passes.addPass(createOrientWeightsPass());
  // Kernels are final in what they read and write.
  passes.addPass(createBindStatePass());

  // -- exec: order and places
  // Lifetimes follow from the order.
  if (!options.isReference)
    passes.addPass(memory::createSchedulePass());
  // Last among the passes that change the program: it fixes every byte.
  passes.addPass(memory::createPlanMemoryPass());
  // Promise of the phase: every read sees what was written.
  passes.addPass(memory::createVerifyPlanPass());
  if (options.budgetBytes != 0) {
    memory::CheckBudgetPassOptions budget;
    budget.budgetBytes = options.budgetBytes;
    passes.addPass(memory::createCheckBudgetPass(budget));
  }
}

void cinch::addLoweringPasses(OpPassManager &passes,
                              const PipelineOptions &options) {
  // -- exec to llvm
  // While the bodies can still tell what they are made of.
  passes.addPass(createDescribeProgramPass());
  if (options.chip.empty()) {
    LowerKernelsPassOptions kernels;
    kernels.reference = options.isReference;
    kernels.dotProducts = options.dotProducts;
    passes.addPass(createLowerKernelsPass(kernels));
  } else {
    LowerKernelsToGPUPassOptions kernels;
    kernels.chip = options.chip;
    kernels.allowTF32 = options.allowsTF32;
    passes.addPass(createLowerKernelsToGPUPass(kernels));
    // The host program keeps the PTX only.
    GpuModuleToBinaryPassOptions binary;
    binary.compilationTarget = "isa";
    passes.addPass(createGpuModuleToBinaryPass(binary));
  }
  // Calls the lowered kernels, hence after them; nothing but llvm is left.
  passes.addPass(createLowerExecPass());
}

namespace {
struct PhaseOptions : public PassPipelineOptions<PhaseOptions> {
  Option<bool> reference{*this, "reference",
                         llvm::cl::desc("One scalar kernel per operation"),
                         llvm::cl::init(false)};
  Option<int64_t> budgetBytes{
      *this, "budget-bytes",
      llvm::cl::desc("Largest sum of arena and weights, in bytes; 0: any"),
      llvm::cl::init(0)};

  Option<std::string> chip{
      *this, "chip", llvm::cl::desc("GPU, such as sm_80; empty: for the CPU"),
      llvm::cl::init("")};

  PipelineOptions get() const {
    return {reference, budgetBytes, /*reportsCounts=*/false, /*states=*/{},
            chip};
  }
};
} // namespace

void cinch::registerPipelines() {
  PassPipelineRegistration<PhaseOptions>(
      "cinch-graph", "Simplifies the graph of a model",
      [](OpPassManager &passes, const PhaseOptions &options) {
        addGraphPasses(passes, options.get());
      });
  PassPipelineRegistration<PhaseOptions>(
      "cinch-exec", "Forms kernels and plans memory",
      [](OpPassManager &passes, const PhaseOptions &options) {
        addExecPasses(passes, options.get());
      });
  PassPipelineRegistration<PhaseOptions>(
      "cinch-lower", "Lowers a planned program to the llvm dialect",
      [](OpPassManager &passes, const PhaseOptions &options) {
        addLoweringPasses(passes, options.get());
      });
}
