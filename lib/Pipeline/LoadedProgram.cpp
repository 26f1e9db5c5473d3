//===- LoadedProgram.cpp - a program compiled into this process -----------===//
#include "lib/Pipeline/LoadedProgram.h"
#include "lib/Target/Manifest.h"
#include "lib/Target/ObjectCode.h"

using namespace mlir;
using namespace cinch;

llvm::Error cinch::checkStatus(cinch_status_t status) {
  return status == CINCH_OK ? llvm::Error::success()
                            : llvm::createStringError(cinch_last_error());
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
          checkStatus(cinch_model_from_module(&loaded, nullptr, &model)))
    return error;
  cinch_session_options_t options = {};
  options.struct_size = sizeof(options);
  options.threads = 1;
  return checkStatus(cinch_session_create(model, &options, &session));
}
