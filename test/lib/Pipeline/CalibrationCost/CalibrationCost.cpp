//===- CalibrationCost.cpp - what calibration costs over running ----------===//
//
//   calibration-cost MODEL.onnx SAMPLES run|CHANNELS
//
// Runs a model on samples, or calibrates it on them, with the same code around
// it, so that two processes differ in the observers and what is made of their
// results; second moments are of values of at most CHANNELS channels. Prints
// seconds until the first sample, seconds for all samples, and KiB of memory
// before the program was compiled and at most.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Graph.h"
#include "lib/Import/Import.h"
#include "lib/Pipeline/Calibrate.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Pipeline/Register.h"
#include "lib/Pipeline/Samples.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Format.h"
#include <chrono>
#include <sys/resource.h>

using namespace mlir;
using namespace cinch;
using Clock = std::chrono::steady_clock;

static double getSeconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// The largest resident size of this process until now, in KiB.
static long getPeak() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Runs `module` as it is; `first` is set when the first sample begins.
static llvm::Error runSamples(ModuleOp module, const std::string &data,
                              std::optional<Clock::time_point> &first) {
  SampleProgram program;
  if (llvm::Error error = program.load(module))
    return error;
  std::vector<SampleTensor> outputs;
  return forEachSample(program, data,
                       [&](Sample &sample, double) -> llvm::Error {
                         if (!first)
                           first = Clock::now();
                         return program.run(sample, outputs);
                       });
}

static llvm::Error calibrateOn(ModuleOp module, const std::string &data,
                               int64_t maxMomentChannels,
                               std::optional<Clock::time_point> &first) {
  CalibrationOptions options;
  options.data = data;
  options.maxMomentChannels = maxMomentChannels;
  options.progress = [&](double) {
    if (!first)
      first = Clock::now();
  };
  return calibrate(module, options).takeError();
}

int main(int argc, char **argv) {
  StringRef mode = argc == 4 ? argv[3] : "";
  int64_t maxMomentChannels = 0;
  if (mode != "run" && mode.getAsInteger(10, maxMomentChannels)) {
    llvm::errs() << "usage: calibration-cost MODEL.onnx SAMPLES run|CHANNELS\n";
    return 2;
  }
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ImportResult imported = importOnnx(argv[1], context);
  PassManager passes(&context, ModuleOp::getOperationName());
  addGraphPasses(passes, PipelineOptions());
  if (!imported.module || failed(passes.run(*imported.module)))
    return 1;
  long before = getPeak();
  Clock::time_point start = Clock::now();
  std::optional<Clock::time_point> first;
  llvm::Error error =
      mode == "run"
          ? runSamples(*imported.module, argv[2], first)
          : calibrateOn(*imported.module, argv[2], maxMomentChannels, first);
  if (error) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  llvm::outs() << llvm::format("%.3f %.3f %ld %ld\n", getSeconds(start, *first),
                               getSeconds(*first, Clock::now()), before,
                               getPeak());
  return 0;
}
