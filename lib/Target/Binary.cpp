//===- Binary.cpp - the files of a compiled model -------------------------===//
#include "lib/Target/Binary.h"
#include "lib/Target/Header.h"
#include "lib/Target/Link.h"
#include "lib/Target/Manifest.h"
#include "lib/Target/ObjectCode.h"
#include "lib/Target/WeightsObject.h"
#include "runtime/ModuleAbi.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/Path.h"

using namespace cinch;
namespace path = llvm::sys::path;

namespace {

class BinaryWriter {
public:
  BinaryWriter(mlir::ModuleOp module, const Machine &machine,
               const BinaryOptions &options, OutputFiles &files)
      : module(module), machine(machine), options(options), files(files) {}
  llvm::Error run();

private:
  std::string withExtension(llvm::StringRef extension) const {
    llvm::SmallString<128> name(options.output);
    path::replace_extension(name, extension);
    return std::string(name);
  }
  bool isEmbedded() const {
    return options.embedsWeights && weights->getBytes() > 0;
  }
  bool hasWeightsFile() const {
    return !options.embedsWeights && weights->getBytes() > 0;
  }
  ModuleContents makeContents() const;
  llvm::Error writeObjects(llvm::Module &code);
  llvm::Error writeHeaderFile();

  mlir::ModuleOp module;
  const Machine &machine;
  const BinaryOptions &options;
  OutputFiles &files;
  std::optional<WeightsFile> weights;
  std::string weightsName; ///< of the weights file, without a folder
  std::string weightsSymbol;
};

} // namespace

ModuleContents BinaryWriter::makeContents() const {
  ManifestInfo info;
  info.model = options.model;
  info.producer = options.producer;
  info.target = options.target;
  info.weightsName = weightsName;
  ModuleContents contents;
  contents.symbol = CINCH_MODULE_SYMBOL;
  if (options.form == BinaryForm::Object)
    contents.symbol += "_" + makeIdentifier(path::stem(options.output));
  contents.manifest = makeManifest(module, info, machine, *weights);
  contents.target = options.target;
  contents.cubin = options.cubin;
  contents.note = makeNote(options.target, machine, *weights);
  if (isEmbedded()) {
    contents.weightsSymbol = weightsSymbol;
    contents.weightsBytes = weights->getFileBytes();
  }
  return contents;
}

llvm::Error BinaryWriter::writeHeaderFile() {
  return files.write(withExtension(".h"), [&](llvm::raw_ostream &os) {
    HeaderInfo info{options.model, path::stem(options.output).str(),
                    weightsName};
    writeHeader(os, module, info);
    return llvm::Error::success();
  });
}

/// Writes the object file or the shared library.
llvm::Error BinaryWriter::writeObjects(llvm::Module &code) {
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream objectStream(object);
  if (llvm::Error error = writeObject(code, machine, objectStream))
    return error;
  auto write = [&](llvm::raw_ostream &os) {
    os.write(object.data(), object.size());
    return llvm::Error::success();
  };
  bool isObject = options.form == BinaryForm::Object;
  options.enterPhase("write");
  if (isObject && !isEmbedded())
    return files.write(options.output, write);

  std::vector<std::string> objects;
  auto addObject = [&](OutputFiles::Writer writer) -> llvm::Error {
    llvm::Expected<std::string> name =
        files.writeTemporary(options.output, writer);
    if (!name)
      return name.takeError();
    objects.push_back(*name);
    return llvm::Error::success();
  };
  if (llvm::Error error = addObject(write))
    return error;
  if (isEmbedded()) {
    llvm::ELF::Elf64_Ehdr header;
    memcpy(&header, object.data(), sizeof(header));
    if (llvm::Error error = addObject([&](llvm::raw_ostream &os) {
          return writeWeightsObject(os, *weights, weightsSymbol,
                                    header.e_machine, header.e_flags);
        }))
      return error;
  }
  llvm::Expected<std::string> output = files.reserve(options.output);
  if (!output)
    return output.takeError();
  return isObject ? linkObject(objects, *output)
                  : linkSharedLibrary(objects, *output);
}

llvm::Error BinaryWriter::run() {
  options.enterPhase("read weights");
  llvm::Expected<WeightsFile> file = WeightsFile::create(module);
  if (!file)
    return file.takeError();
  weights = std::move(*file);
  std::string weightsPath = withExtension(".safetensors");
  if (hasWeightsFile())
    weightsName = path::filename(weightsPath).str();
  weightsSymbol = "cinch_weights_" + makeIdentifier(path::stem(options.output));

  options.enterPhase("optimize");
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> code =
      makeLLVMModule(module, context, machine, makeContents());
  if (!code)
    return code.takeError();
  optimize(**code, machine);
  if (options.form == BinaryForm::LLVMText)
    return files.write(options.output, [&](llvm::raw_ostream &os) {
      (*code)->print(os, nullptr);
      return llvm::Error::success();
    });
  options.enterPhase("generate code");
  if (hasWeightsFile())
    if (llvm::Error error =
            files.write(weightsPath, [&](llvm::raw_ostream &os) {
              return weights->write(os);
            }))
      return error;
  if (options.form == BinaryForm::Object)
    if (llvm::Error error = writeHeaderFile())
      return error;
  return writeObjects(**code);
}

llvm::Error cinch::writeBinary(mlir::ModuleOp module, const Machine &machine,
                               const BinaryOptions &options,
                               OutputFiles &files) {
  return BinaryWriter(module, machine, options, files).run();
}
