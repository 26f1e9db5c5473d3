//===- SampleProgram.cpp - a program that is run on random inputs ---------===//
#include "lib/Pipeline/SampleProgram.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Target/Machine.h"
#include "runtime/RandomInput.h"
#include "llvm/ADT/APFloat.h"
#include <map>

using namespace mlir;
using namespace cinch;

/// Elements of one input or output, which random inputs should not exceed.
static constexpr int64_t maxElements = int64_t(1) << 32;

llvm::Error SampleTensor::allocate() {
  count = 1;
  for (int64_t dim : shape)
    if (llvm::MulOverflow(count, dim, count) || count > maxElements)
      return llvm::createStringError("'" + name + "' would be too large");
  size_t size = llvm::divideCeil(count * cinch_dtype_bits(dtype), 8);
  if (!bytes || bytes->size() < size)
    bytes.emplace(size);
  return llvm::Error::success();
}

double SampleTensor::getFloat(int64_t index) const {
  const char *at = bytes->begin() + index * cinch_dtype_bytes(dtype);
  if (dtype == CINCH_DTYPE_F64)
    return *reinterpret_cast<const double *>(at);
  if (dtype == CINCH_DTYPE_F32)
    return *reinterpret_cast<const float *>(at);
  const llvm::fltSemantics &semantics = dtype == CINCH_DTYPE_F16
                                            ? llvm::APFloat::IEEEhalf()
                                            : llvm::APFloat::BFloat();
  uint16_t bits = *reinterpret_cast<const uint16_t *>(at);
  return llvm::APFloat(semantics, llvm::APInt(16, bits)).convertToDouble();
}

llvm::Error SampleProgram::load(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  llvm::Expected<Machine> machine = createMachine("native");
  if (!machine)
    return machine.takeError();
  PipelineOptions options;
  options.dotProducts = getDotProducts(machine->features);
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  addExecPasses(passes, options);
  addLoweringPasses(passes, options);
  if (failed(passes.run(*copy)))
    return llvm::createStringError("the program cannot be compiled");
  if (llvm::Error error = program.load(*copy))
    return error;
  info.struct_size = sizeof(info);
  return checkStatus(cinch_model_get_info(program.getModel(), &info));
}

/// The sizes that are given within their bounds, else the smallest that are not
/// 0, as cinch-run takes them.
static llvm::Expected<std::map<std::string, int64_t>>
getSizes(const cinch_model_t *model, int32_t count, const SampleSizes &given) {
  std::map<std::string, int64_t> sizes;
  for (int32_t index = 0; index < count; ++index) {
    cinch_symbol_info_t symbol = {};
    symbol.struct_size = sizeof(symbol);
    if (llvm::Error error =
            checkStatus(cinch_model_get_symbol(model, index, &symbol)))
      return error;
    int64_t &size = sizes[symbol.name];
    size = std::max<int64_t>(symbol.min, 1);
    for (const auto &[name, wanted] : given)
      if (name == symbol.name)
        size = std::max(size, wanted);
    if (symbol.max >= 0)
      size = std::min(size, symbol.max);
  }
  return sizes;
}

llvm::Expected<std::vector<SampleTensor>>
SampleProgram::makeInputs(uint64_t seed, const SampleSizes &given) const {
  const cinch_model_t *model = program.getModel();
  auto sizes = getSizes(model, info.symbol_count, given);
  if (!sizes)
    return sizes.takeError();
  std::vector<SampleTensor> inputs;
  for (int32_t index = 0; index < info.input_count; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    if (llvm::Error error =
            checkStatus(cinch_model_get_input(model, index, &value)))
      return error;
    SampleTensor input;
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

llvm::Expected<std::vector<SampleTensor>>
SampleProgram::run(std::vector<SampleTensor> &inputs) const {
  std::vector<SampleTensor> outputs;
  if (llvm::Error error = run(inputs, outputs))
    return error;
  return outputs;
}

llvm::Error SampleProgram::run(std::vector<SampleTensor> &inputs,
                               std::vector<SampleTensor> &outputs) const {
  std::vector<cinch_tensor_t> given, results;
  std::vector<cinch_shape_t> shapes;
  for (SampleTensor &input : inputs) {
    given.push_back(input.getView());
    shapes.push_back(
        {static_cast<int32_t>(input.shape.size()), input.shape.data()});
  }
  outputs.resize(info.output_count);
  for (int32_t index = 0; index < info.output_count; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    if (llvm::Error error = checkStatus(
            cinch_model_get_output(program.getModel(), index, &value)))
      return error;
    SampleTensor &output = outputs[index];
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
  }
  for (SampleTensor &output : outputs)
    results.push_back(output.getView());
  return checkStatus(cinch_session_run(program.getSession(), given.data(),
                                       given.size(), results.data(),
                                       results.size()));
}
