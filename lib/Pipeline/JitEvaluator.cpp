//===- JitEvaluator.cpp - compiles and runs in process --------------------===//
//
// The program goes the way of every model, by the reference pipeline, into an
// object in memory, which LLVM's JIT linker places and our runtime runs. So
// there is one definition of what an operation computes. It has a context of
// its own: passes may be running in the one it comes from.
//
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/JitEvaluator.h"
#include "dialects/Graph/Graph.h"
#include "lib/Pipeline/LoadedProgram.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Pipeline/Register.h"
#include "mlir/Parser/Parser.h"
#include "passes/Common/Evaluator.h"

using namespace mlir;
using namespace cinch;

namespace {

class JitEvaluator : public Evaluator {
public:
  using Evaluator::Evaluator;
  llvm::Error run(ModuleOp module, ArrayRef<ArrayRef<char>> inputs,
                  ArrayRef<MutableArrayRef<char>> outputs) const override;
};

} // namespace

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Runs `program` on the bytes of its inputs.
static llvm::Error run(const LoadedProgram &program,
                       ArrayRef<ArrayRef<char>> inputs,
                       ArrayRef<MutableArrayRef<char>> outputs) {
  std::vector<AlignedBytes> copies;
  std::vector<std::array<int64_t, CINCH_MAX_RANK>> shapes(inputs.size() +
                                                          outputs.size());
  auto describe = [&](auto getInfo, int32_t index, size_t place, char *data,
                      size_t size,
                      std::vector<cinch_tensor_t> &tensors) -> llvm::Error {
    cinch_value_info_t info = {};
    info.struct_size = sizeof(info);
    if (llvm::Error error =
            checkStatus(getInfo(program.getModel(), index, &info)))
      return error;
    int64_t bits = cinch_dtype_bits(info.dtype);
    for (int32_t axis = 0; axis < info.rank; ++axis) {
      shapes[place][axis] = info.dims[axis].min;
      bits *= info.dims[axis].min;
    }
    int64_t bytes = llvm::divideCeil(bits, 8);
    if (bytes != static_cast<int64_t>(size))
      return makeError("a value has " + llvm::Twine(bytes) + " bytes, but " +
                       llvm::Twine(size) + " were given");
    tensors.push_back(
        {data, info.dtype, info.rank, shapes[place].data(), nullptr});
    return llvm::Error::success();
  };
  std::vector<cinch_tensor_t> given, results;
  auto place = [&](size_t size) {
    copies.emplace_back(size);
    return copies.back().begin();
  };
  for (auto [index, bytes] : llvm::enumerate(inputs)) {
    char *data = place(bytes.size());
    memcpy(data, bytes.data(), bytes.size());
    if (llvm::Error error = describe(cinch_model_get_input, index, index, data,
                                     bytes.size(), given))
      return error;
  }
  for (auto [index, bytes] : llvm::enumerate(outputs)) {
    if (llvm::Error error =
            describe(cinch_model_get_output, index, inputs.size() + index,
                     place(bytes.size()), bytes.size(), results))
      return error;
  }
  if (llvm::Error error = checkStatus(
          cinch_session_run(program.getSession(), given.data(), given.size(),
                            results.data(), results.size())))
    return error;
  for (auto [tensor, bytes] : llvm::zip(results, outputs))
    memcpy(bytes.data(), tensor.data, bytes.size());
  return llvm::Error::success();
}

llvm::Error JitEvaluator::run(ModuleOp module, ArrayRef<ArrayRef<char>> inputs,
                              ArrayRef<MutableArrayRef<char>> outputs) const {
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  std::string messages;
  context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      messages += (messages.empty() ? "" : "; ") + diagnostic.str();
  });
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().printGenericOpForm());
  OwningOpRef<ModuleOp> copy = parseSourceString<ModuleOp>(text, &context);
  PassManager passes(&context, ModuleOp::getOperationName());
  PipelineOptions options;
  options.isReference = true;
  addExecPasses(passes, options);
  addLoweringPasses(passes, options);
  if (!copy || failed(passes.run(*copy)))
    return makeError(messages);
  LoadedProgram program;
  if (llvm::Error error = program.load(*copy))
    return error;
  return ::run(program, inputs, outputs);
}

void cinch::registerJitEvaluator(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, graph::GraphDialect *dialect) {
    dialect->addInterfaces<JitEvaluator>();
  });
}
