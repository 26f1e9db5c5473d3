//===- Calibrate.cpp - statistics of a program on samples -----------------===//
#include "lib/Pipeline/Calibrate.h"
#include "lib/Pipeline/Samples.h"
#include "passes/Common/EntryResults.h"
#include "passes/Quantize/ModelHash.h"
#include "passes/Quantize/Observers.h"
#include "llvm/Support/FileSystem.h"
#include <chrono>

using namespace mlir;
using namespace cinch;
using namespace cinch::quantize;

/// After how long statistics are written again: what is lost at most when a
/// calibration is stopped.
static constexpr std::chrono::seconds writesAfter(10);

namespace {

/// One calibration.
class Calibration {
public:
  explicit Calibration(const CalibrationOptions &options) : options(options) {}
  llvm::Error load(ModuleOp module);
  llvm::Error run();
  Statistics statistics;

private:
  llvm::Error resume();
  llvm::Error add(Sample &sample);
  llvm::Error write();

  const CalibrationOptions &options;
  std::vector<Observer> observers;
  SampleProgram program;
  std::vector<SampleTensor> outputs; ///< of the last sample
  std::chrono::steady_clock::time_point written;
};

} // namespace

llvm::Error Calibration::load(ModuleOp module) {
  func::FuncOp entry = getEntry(module);
  if (!entry)
    return llvm::createStringError("there is no program to calibrate");
  llvm::Expected<std::string> hash = hashModel(entry);
  if (!hash)
    return hash.takeError();
  statistics = Statistics(*hash);
  OwningOpRef<ModuleOp> observed = module.clone();
  observers = addObservers(*observed, options.maxMomentChannels);
  if (observers.empty())
    return llvm::createStringError(
        "nothing to calibrate: the model multiplies no f32 values");
  if (llvm::Error error = resume())
    return error;
  return program.load(*observed);
}

/// Takes over what `options.file` has.
llvm::Error Calibration::resume() {
  if (options.file.empty() || !llvm::sys::fs::exists(options.file))
    return llvm::Error::success();
  llvm::Expected<Statistics> known =
      Statistics::read(options.file, statistics.getModel());
  if (!known)
    return known.takeError();
  for (const Observer &observer : observers) {
    const ValueStatistics *value = known->find(observer.name);
    if (value && value->secondMoment.empty() == observer.hasSecondMoment)
      return llvm::createStringError(
          options.file + ": has " + (observer.hasSecondMoment ? "no " : "") +
          "second moments of '" + observer.name +
          "'; calibrate to another file, or remove this one");
  }
  statistics = std::move(*known);
  return llvm::Error::success();
}

llvm::Error Calibration::write() {
  written = std::chrono::steady_clock::now();
  return options.file.empty() ? llvm::Error::success()
                              : statistics.write(options.file);
}

llvm::Error Calibration::add(Sample &sample) {
  if (llvm::Error error = program.run(sample, outputs))
    return error;
  size_t next = outputs.size();
  for (const Observer &observer : observers)
    next -= observer.getNumResults();
  for (const Observer &observer : observers) {
    SmallVector<ArrayRef<char>> results;
    for (unsigned end = next + observer.getNumResults(); next < end; ++next) {
      const SampleTensor &output = outputs[next];
      results.push_back(
          {output.bytes->begin(),
           size_t(output.count) * cinch_dtype_bytes(output.dtype)});
    }
    if (llvm::Error error =
            addSample(observer, results, statistics.values[observer.name]))
      return error;
  }
  ++statistics.samples;
  return llvm::Error::success();
}

llvm::Error Calibration::run() {
  int64_t numDone = statistics.samples, number = 0;
  written = std::chrono::steady_clock::now();
  llvm::Error error = forEachSample(
      program, options.data, [&](Sample &sample, double share) -> llvm::Error {
        if (options.progress)
          options.progress(share);
        if (number++ < numDone)
          return llvm::Error::success();
        if (llvm::Error error = add(sample))
          return llvm::createStringError(
              "sample " + std::to_string(number - 1) + " of " + options.data +
              ": " + llvm::toString(std::move(error)));
        if (std::chrono::steady_clock::now() - written > writesAfter)
          return write();
        return llvm::Error::success();
      });
  if (error)
    return error;
  if (number < numDone)
    return llvm::createStringError(
        options.file + ": is of " + std::to_string(numDone) + " samples, but " +
        options.data + " has " + std::to_string(number));
  return number == numDone ? llvm::Error::success() : write();
}

llvm::Expected<Statistics> cinch::calibrate(ModuleOp module,
                                            const CalibrationOptions &options) {
  Calibration calibration(options);
  if (llvm::Error error = calibration.load(module))
    return error;
  if (llvm::Error error = calibration.run())
    return error;
  return std::move(calibration.statistics);
}
