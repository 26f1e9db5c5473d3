//===- JitEvaluator.cpp - compiles and runs in process --------------------===//
//
// The program goes the way of every model, by the reference pipeline, into an
// object in memory, which LLVM's JIT linker places and our runtime runs. So
// there is one definition of what an operation computes. It has a context of
// its own: passes may be running in the one it comes from.
//
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/JitEvaluator.h"
#include "cinch/runtime.h"
#include "dialects/Graph/Graph.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Pipeline/Register.h"
#include "lib/Target/Manifest.h"
#include "lib/Target/ObjectCode.h"
#include "mlir/Parser/Parser.h"
#include "passes/Common/Evaluator.h"
#include "runtime/ModuleAbi.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/Alignment.h"

using namespace mlir;
using namespace cinch;

namespace {

class JitEvaluator : public Evaluator {
public:
  using Evaluator::Evaluator;
  llvm::Error run(ModuleOp module, ArrayRef<ArrayRef<char>> inputs,
                  ArrayRef<MutableArrayRef<char>> outputs) const override;
};

/// Memory aligned as the runtime wants it.
class AlignedBytes {
public:
  explicit AlignedBytes(size_t size)
      : storage(size + alignment),
        start(reinterpret_cast<char *>(
            llvm::alignAddr(storage.data(), llvm::Align(alignment)))) {}
  AlignedBytes(AlignedBytes &&) = default;
  char *begin() { return start; }

  static constexpr size_t alignment = 64;

private:
  std::vector<char> storage;
  char *start;
};

/// A compiled program, loaded into this process.
class LoadedProgram {
public:
  ~LoadedProgram() {
    cinch_session_release(session);
    cinch_model_release(model);
  }
  llvm::Error load(ModuleOp module);
  llvm::Error run(ArrayRef<ArrayRef<char>> inputs,
                  ArrayRef<MutableArrayRef<char>> outputs);

private:
  llvm::Error compile(ModuleOp module, llvm::SmallVectorImpl<char> &object);

  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::optional<AlignedBytes> weights;
  size_t weightsBytes = 0;
  cinch_module_t loaded = {};
  cinch_model_t *model = nullptr;
  cinch_session_t *session = nullptr;
};

} // namespace

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static llvm::Error check(cinch_status_t status) {
  return status == CINCH_OK ? llvm::Error::success()
                            : makeError(cinch_last_error());
}

llvm::Error LoadedProgram::compile(ModuleOp module,
                                   llvm::SmallVectorImpl<char> &object) {
  llvm::Expected<Machine> machine = createMachine("native");
  if (!machine)
    return machine.takeError();
  llvm::Expected<WeightsFile> file = WeightsFile::create(module);
  if (!file)
    return file.takeError();
  if (file->getBytes() != 0) {
    std::string bytes;
    llvm::raw_string_ostream stream(bytes);
    if (llvm::Error error = file->write(stream))
      return error;
    weightsBytes = bytes.size();
    weights.emplace(weightsBytes);
    memcpy(weights->begin(), bytes.data(), weightsBytes);
  }
  ModuleContents contents;
  contents.symbol = CINCH_MODULE_SYMBOL;
  contents.manifest = makeManifest(module, ManifestInfo(), *machine, *file);
  contents.note = makeNote(contents.target, *machine, *file);
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> code =
      makeLLVMModule(module, context, *machine, contents);
  if (!code)
    return code.takeError();
  optimize(**code, *machine);
  llvm::raw_svector_ostream stream(object);
  return writeObject(**code, *machine, stream);
}

llvm::Error LoadedProgram::load(ModuleOp module) {
  llvm::SmallVector<char, 0> object;
  if (llvm::Error error = compile(module, object))
    return error;
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> made =
      llvm::orc::LLJITBuilder().create();
  if (!made)
    return made.takeError();
  jit = std::move(*made);
  if (llvm::Error error =
          jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
              StringRef(object.data(), object.size()))))
    return error;
  llvm::Expected<llvm::orc::ExecutorAddr> address =
      jit->lookup(CINCH_MODULE_SYMBOL);
  if (!address)
    return address.takeError();
  loaded = *address->toPtr<const cinch_module_t *>();
  if (weights) {
    loaded.weights = weights->begin();
    loaded.weights_bytes = weightsBytes;
  }
  if (llvm::Error error =
          check(cinch_model_from_module(&loaded, nullptr, &model)))
    return error;
  cinch_session_options_t options = {};
  options.struct_size = sizeof(options);
  options.threads = 1;
  return check(cinch_session_create(model, &options, &session));
}

llvm::Error LoadedProgram::run(ArrayRef<ArrayRef<char>> inputs,
                               ArrayRef<MutableArrayRef<char>> outputs) {
  std::vector<AlignedBytes> copies;
  std::vector<std::array<int64_t, CINCH_MAX_RANK>> shapes(inputs.size() +
                                                          outputs.size());
  auto describe = [&](auto getInfo, int32_t index, size_t place, char *data,
                      size_t size,
                      std::vector<cinch_tensor_t> &tensors) -> llvm::Error {
    cinch_value_info_t info = {};
    info.struct_size = sizeof(info);
    if (llvm::Error error = check(getInfo(model, index, &info)))
      return error;
    int64_t bytes = cinch_dtype_bytes(info.dtype);
    for (int32_t axis = 0; axis < info.rank; ++axis) {
      shapes[place][axis] = info.dims[axis].min;
      bytes *= info.dims[axis].min;
    }
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
  if (llvm::Error error = check(cinch_session_run(
          session, given.data(), given.size(), results.data(), results.size())))
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
  return program.run(inputs, outputs);
}

void cinch::registerJitEvaluator(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, graph::GraphDialect *dialect) {
    dialect->addInterfaces<JitEvaluator>();
  });
}
