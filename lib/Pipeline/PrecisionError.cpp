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

/// Element `index` of a float tensor.
static double getElement(const SampleTensor &tensor, int64_t index) {
  const char *at =
      tensor.bytes->begin() + index * cinch_dtype_bytes(tensor.dtype);
  if (tensor.dtype == CINCH_DTYPE_F64)
    return *reinterpret_cast<const double *>(at);
  if (tensor.dtype == CINCH_DTYPE_F32)
    return *reinterpret_cast<const float *>(at);
  const llvm::fltSemantics &semantics = tensor.dtype == CINCH_DTYPE_F16
                                            ? llvm::APFloat::IEEEhalf()
                                            : llvm::APFloat::BFloat();
  uint16_t bits = *reinterpret_cast<const uint16_t *>(at);
  return llvm::APFloat(semantics, llvm::APInt(16, bits)).convertToDouble();
}

static void grow(double &largest, double value) {
  if (!(value <= largest)) // a NaN stays
    largest = value;
}

static void add(const SampleTensor &exact, const SampleTensor &rounded,
                Sums &sums) {
  for (int64_t index = 0; index < exact.count; ++index) {
    double a = getElement(exact, index);
    double difference = a - getElement(rounded, index);
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

std::string cinch::describe(const PrecisionError &error,
                            const OutputError &output) {
  return llvm::formatv(
             "{0}: output '{1}' is within {2:e2} of its largest value "
             "in f32, rms error {3:e2}",
             error.precision, output.name, output.maxError, output.rmsError)
      .str();
}

llvm::Error PrecisionSamples::load(ModuleOp module, bool observes) {
  OwningOpRef<ModuleOp> copy = module.clone();
  if (observes)
    observed = addObservers(*copy);
  return exact.load(*copy);
}

llvm::Error PrecisionSamples::observe(ModuleOp module) {
  std::vector<double> magnitudes(observed.size());
  for (int64_t seed = 0; seed < count; ++seed) {
    auto inputs = exact.makeInputs(seed, sizes);
    if (!inputs)
      return inputs.takeError();
    auto outputs = exact.run(*inputs);
    if (!outputs)
      return outputs.takeError();
    auto seen = ArrayRef(*outputs).take_back(observed.size());
    for (auto [magnitude, output] : llvm::zip(magnitudes, seen))
      grow(magnitude, getElement(output, 0));
  }
  setMagnitudes(module, observed, magnitudes);
  return llvm::Error::success();
}

llvm::Error PrecisionSamples::compare(ModuleOp module, PrecisionError &result) {
  SampleProgram rounded;
  if (llvm::Error error = rounded.load(module))
    return error;
  std::vector<Sums> sums;
  for (int64_t seed = 0; seed < count; ++seed) {
    auto inputs = exact.makeInputs(seed, sizes);
    if (!inputs)
      return inputs.takeError();
    auto wanted = exact.run(*inputs);
    if (!wanted)
      return wanted.takeError();
    auto got = rounded.run(*inputs);
    if (!got)
      return got.takeError();
    sums.resize(got->size()); // what is observed comes behind these outputs
    for (auto [a, b, sum] : llvm::zip_first(*got, *wanted, sums))
      if (isFloat(b.dtype))
        add(b, a, sum);
    result.outputs.clear();
    for (auto [output, sum] : llvm::zip(*got, sums)) {
      auto divide = [](double error, double value) {
        return error == 0 ? 0 : error / value;
      };
      if (isFloat(output.dtype))
        result.outputs.push_back(
            {output.name, divide(sum.maxDifference, sum.maxValue),
             std::sqrt(divide(sum.differences, sum.values))});
    }
  }
  result.samples = count;
  return llvm::Error::success();
}

std::vector<KeptValue> cinch::takeKeptValues(ModuleOp module) {
  std::vector<KeptValue> kept;
  for (auto function : module.getOps<func::FuncOp>()) {
    function->removeAttr("graph.magnitudes");
    auto reasons = dyn_cast_or_null<DictionaryAttr>(
        function->removeAttr("graph.precision_kept"));
    if (reasons)
      for (NamedAttribute entry : reasons)
        kept.push_back(
            {entry.getName().str(), cast<StringAttr>(entry.getValue()).str()});
  }
  return kept;
}
