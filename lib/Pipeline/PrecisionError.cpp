//===- PrecisionError.cpp - what a precision costs in accuracy ------------===//
#include "lib/Pipeline/PrecisionError.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Precision/Observers.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::precision;

namespace {

/// Sums over all samples of one output.
struct Sums {
  double maxDifference = 0, maxValue = 0, differences = 0, values = 0;
};

} // namespace

static void grow(double &largest, double value) {
  if (!(value <= largest)) // a NaN stays
    largest = value;
}

static void add(const SampleTensor &exact, const SampleTensor &rounded,
                Sums &sums) {
  for (int64_t index = 0; index < exact.count; ++index) {
    double a = exact.getFloat(index);
    double difference = a - rounded.getFloat(index);
    grow(sums.maxDifference, std::abs(difference));
    grow(sums.maxValue, std::abs(a));
    sums.differences += difference * difference;
    sums.values += a * a;
  }
}

static bool isFloat(cinch_dtype_t dtype) {
  return dtype == CINCH_DTYPE_F16 || dtype == CINCH_DTYPE_BF16 ||
         dtype == CINCH_DTYPE_F32 || dtype == CINCH_DTYPE_F64;
}

double cinch::getMaxError(ArrayRef<OutputError> outputs) {
  double largest = 0;
  for (const OutputError &output : outputs)
    grow(largest, output.maxError);
  return largest;
}

double cinch::getRmsError(ArrayRef<OutputError> outputs) {
  double largest = 0;
  for (const OutputError &output : outputs)
    grow(largest, output.rmsError);
  return largest;
}

std::string cinch::describe(const PrecisionError &error,
                            const OutputError &output) {
  return llvm::formatv(
             "{0}: output '{1}' is within {2:e2} of its largest value "
             "in f32, norm of the error {3:e2} of its norm",
             error.precision, output.name, output.maxError, output.rmsError)
      .str();
}

llvm::Error PrecisionSamples::load(ModuleOp module, bool observes) {
  OwningOpRef<ModuleOp> copy = module.clone();
  if (observes)
    observed = addObservers(*copy);
  if (llvm::Error error = exact.load(*copy))
    return error;
  llvm::Expected<std::vector<Sample>> read = readSamples(exact, source);
  if (!read)
    return read.takeError();
  samples = std::move(*read);
  return llvm::Error::success();
}

/// Runs the program in f32 once for every sample.
llvm::Error PrecisionSamples::computeWanted() {
  for (size_t index = wanted.size(); index < samples.size(); ++index) {
    auto outputs = exact.run(samples[index]);
    if (!outputs)
      return outputs.takeError();
    wanted.push_back(std::move(*outputs));
  }
  return llvm::Error::success();
}

llvm::Error PrecisionSamples::observe(ModuleOp module) {
  if (llvm::Error error = computeWanted())
    return error;
  std::vector<double> magnitudes(observed.size());
  for (const std::vector<SampleTensor> &outputs : wanted) {
    auto seen = ArrayRef(outputs).take_back(observed.size());
    for (auto [magnitude, output] : llvm::zip(magnitudes, seen))
      grow(magnitude, output.getFloat(0));
  }
  setMagnitudes(module, observed, magnitudes);
  return llvm::Error::success();
}

static SampleTensor makeFlag(bool value) {
  SampleTensor flag;
  flag.name = "flag";
  flag.dtype = CINCH_DTYPE_BOOL;
  flag.bytes.emplace(1);
  *flag.bytes->begin() = static_cast<char>(value);
  return flag;
}

llvm::Expected<std::vector<OutputError>>
PrecisionSamples::measure(const SampleProgram &program, ArrayRef<bool> flags) {
  if (llvm::Error error = computeWanted())
    return error;
  std::vector<Sums> sums;
  std::vector<std::pair<std::string, cinch_dtype_t>> outputs;
  for (auto [sample, want] : llvm::zip_equal(samples, wanted)) {
    size_t numInputs = sample.size();
    for (bool flag : flags)
      sample.push_back(makeFlag(flag));
    auto got = program.run(sample);
    while (sample.size() > numInputs)
      sample.pop_back();
    if (!got)
      return got.takeError();
    sums.resize(got->size()); // what is observed comes behind these outputs
    outputs.clear();
    for (auto [a, b, sum] : llvm::zip_first(*got, want, sums)) {
      outputs.emplace_back(a.name, b.dtype);
      if (isFloat(b.dtype))
        add(b, a, sum);
    }
  }
  std::vector<OutputError> errors;
  auto divide = [](double error, double value) {
    return error == 0 ? 0 : error / value;
  };
  for (auto [output, sum] : llvm::zip_equal(outputs, sums))
    if (isFloat(output.second))
      errors.push_back({output.first, divide(sum.maxDifference, sum.maxValue),
                        std::sqrt(divide(sum.differences, sum.values))});
  return errors;
}

llvm::Error PrecisionSamples::compare(ModuleOp module, PrecisionError &result) {
  SampleProgram rounded;
  if (llvm::Error error = rounded.load(module))
    return error;
  llvm::Expected<std::vector<OutputError>> errors = measure(rounded, {});
  if (!errors)
    return errors.takeError();
  result.outputs = std::move(*errors);
  result.samples = samples.size();
  result.source = source.path;
  return llvm::Error::success();
}

std::vector<KeptValue> cinch::takeKeptValues(ModuleOp module) {
  std::vector<KeptValue> kept;
  for (auto function : module.getOps<func::FuncOp>()) {
    function->removeAttr("graph.magnitudes");
    function->removeAttr("graph.wide_products");
    auto reasons = dyn_cast_or_null<DictionaryAttr>(
        function->removeAttr("graph.precision_kept"));
    if (reasons)
      for (NamedAttribute entry : reasons)
        kept.push_back(
            {entry.getName().str(), cast<StringAttr>(entry.getValue()).str()});
  }
  return kept;
}
