//===- PrecisionError.cpp - what a precision costs in accuracy ------------===//
#include "lib/Pipeline/PrecisionError.h"
#include "lib/Pipeline/LoadedProgram.h"
#include "lib/Pipeline/Pipelines.h"
#include "runtime/RandomInput.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace cinch;

namespace {

/// A tensor with its memory.
struct OwnedTensor {
  std::string name;
  cinch_dtype_t dtype;
  SmallVector<int64_t> shape;
  int64_t count = 1;
  std::optional<AlignedBytes> bytes;

  llvm::Error allocate();
  cinch_tensor_t getView() {
    return {bytes->begin(), dtype, static_cast<int32_t>(shape.size()),
            shape.data(), nullptr};
  }
};

/// Sums over all samples of one output.
struct Sums {
  double maxDifference = 0, maxValue = 0, differences = 0, values = 0;
};

} // namespace

/// Elements of one input or output, which random inputs should not exceed.
static constexpr int64_t maxElements = int64_t(1) << 32;

llvm::Error OwnedTensor::allocate() {
  for (int64_t dim : shape)
    if (llvm::MulOverflow(count, dim, count) || count > maxElements)
      return llvm::createStringError("'" + name + "' would be too large");
  bytes.emplace(count * cinch_dtype_bytes(dtype));
  return llvm::Error::success();
}

static llvm::Error load(ModuleOp module, LoadedProgram &program) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  addExecPasses(passes, PipelineOptions());
  addLoweringPasses(passes, PipelineOptions());
  if (failed(passes.run(*copy)))
    return llvm::createStringError("the program cannot be compiled");
  return program.load(*copy);
}

/// The smallest sizes that are not 0, as cinch-run takes them.
static llvm::Expected<std::map<std::string, int64_t>>
getSizes(const cinch_model_t *model, int32_t count) {
  std::map<std::string, int64_t> sizes;
  for (int32_t index = 0; index < count; ++index) {
    cinch_symbol_info_t symbol = {};
    symbol.struct_size = sizeof(symbol);
    if (llvm::Error error =
            checkStatus(cinch_model_get_symbol(model, index, &symbol)))
      return error;
    int64_t &size = sizes[symbol.name];
    size = std::max<int64_t>(symbol.min, 1);
    if (symbol.max >= 0)
      size = std::min(size, symbol.max);
  }
  return sizes;
}

static llvm::Expected<std::vector<OwnedTensor>>
makeInputs(const cinch_model_t *model, const cinch_model_info_t &info,
           uint64_t seed) {
  auto sizes = getSizes(model, info.symbol_count);
  if (!sizes)
    return sizes.takeError();
  std::vector<OwnedTensor> inputs;
  for (int32_t index = 0; index < info.input_count; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    if (llvm::Error error =
            checkStatus(cinch_model_get_input(model, index, &value)))
      return error;
    OwnedTensor input;
    input.name = value.name;
    input.dtype = value.dtype;
    for (const cinch_dim_t &dim : ArrayRef(value.dims, value.rank)) {
      if (!dim.symbol && dim.min != dim.max)
        return llvm::createStringError("no random input '" + input.name +
                                       "': a dimension is " + dim.expression);
      input.shape.push_back(dim.symbol ? (*sizes)[dim.symbol] : dim.min);
    }
    if (llvm::Error error = input.allocate())
      return error;
    fillRandom(input.dtype, reinterpret_cast<uint8_t *>(input.bytes->begin()),
               input.count, seed, index);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

static llvm::Expected<std::vector<OwnedTensor>>
run(const LoadedProgram &program, const cinch_model_info_t &info,
    std::vector<OwnedTensor> &inputs) {
  std::vector<cinch_tensor_t> given, results;
  std::vector<cinch_shape_t> shapes;
  for (OwnedTensor &input : inputs) {
    given.push_back(input.getView());
    shapes.push_back(
        {static_cast<int32_t>(input.shape.size()), input.shape.data()});
  }
  std::vector<OwnedTensor> outputs;
  for (int32_t index = 0; index < info.output_count; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    if (llvm::Error error = checkStatus(
            cinch_model_get_output(program.getModel(), index, &value)))
      return error;
    OwnedTensor output;
    output.name = value.name;
    output.dtype = value.dtype;
    output.shape.resize(CINCH_MAX_RANK);
    if (llvm::Error error = checkStatus(cinch_model_output_shape(
            program.getModel(), shapes.data(), shapes.size(), index,
            output.shape.data())))
      return error;
    output.shape.resize(value.rank);
    if (llvm::Error error = output.allocate())
      return error;
    outputs.push_back(std::move(output));
  }
  for (OwnedTensor &output : outputs)
    results.push_back(output.getView());
  if (llvm::Error error = checkStatus(
          cinch_session_run(program.getSession(), given.data(), given.size(),
                            results.data(), results.size())))
    return error;
  return outputs;
}

/// Element `index` of a float tensor.
static double getElement(OwnedTensor &tensor, int64_t index) {
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

static void add(OwnedTensor &exact, OwnedTensor &rounded, Sums &sums) {
  auto grow = [](double &largest, double value) {
    if (!(value <= largest)) // a NaN stays
      largest = value;
  };
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

llvm::Expected<PrecisionError> cinch::comparePrograms(StringRef precision,
                                                      ModuleOp exact,
                                                      ModuleOp rounded,
                                                      int64_t samples) {
  LoadedProgram exactProgram, roundedProgram;
  if (llvm::Error error = load(exact, exactProgram))
    return error;
  if (llvm::Error error = load(rounded, roundedProgram))
    return error;
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  if (llvm::Error error =
          checkStatus(cinch_model_get_info(exactProgram.getModel(), &info)))
    return error;
  std::vector<Sums> sums(info.output_count);
  PrecisionError result{precision.str(), samples, {}};
  for (int64_t seed = 0; seed < samples; ++seed) {
    auto inputs = makeInputs(exactProgram.getModel(), info, seed);
    if (!inputs)
      return inputs.takeError();
    auto wanted = run(exactProgram, info, *inputs);
    if (!wanted)
      return wanted.takeError();
    auto got = run(roundedProgram, info, *inputs);
    if (!got)
      return got.takeError();
    result.outputs.clear();
    for (auto [a, b, sum] : llvm::zip(*wanted, *got, sums)) {
      if (!isFloat(a.dtype))
        continue;
      add(a, b, sum);
      auto divide = [](double error, double value) {
        return error == 0 ? 0 : error / value;
      };
      result.outputs.push_back(
          {a.name, divide(sum.maxDifference, sum.maxValue),
           std::sqrt(divide(sum.differences, sum.values))});
    }
  }
  return result;
}
