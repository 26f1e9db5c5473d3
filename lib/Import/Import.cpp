//===- Import.cpp - ONNX models to the graph dialect ----------------------===//
#include "lib/Import/Import.h"
#include "lib/Import/Importer.h"
#include "lib/Import/WireScanner.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

ImportResult cinch::importOnnx(StringRef path, MLIRContext &context,
                               const ImportOptions &options) {
  context.loadDialect<graph::GraphDialect, func::FuncDialect, scf::SCFDialect,
                      arith::ArithDialect, tensor::TensorDialect>();
  Location location = FileLineColLoc::get(&context, path, 0, 0);
  auto fail = [&](const Twine &message) {
    emitError(location) << message;
    return ImportResult{ImportStatus::invalid, {}};
  };
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return fail("cannot open the model: " + error.message());
  if (!llvm::sys::fs::is_regular_file(status))
    return fail("cannot open the model: not a regular file");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail("cannot open the model: " + buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.empty())
    return fail("not an ONNX model: the file is empty");

  std::string error;
  std::optional<std::string> skeleton =
      scanModel(std::string_view(bytes.data(), bytes.size()), error);
  if (!skeleton)
    return fail("not an ONNX model, or a damaged one: " + error);
  if (skeleton->size() > INT32_MAX)
    return fail("model has over 2 GB beside its weights (store weights as raw "
                "or external data)");
  onnx::ModelProto model;
  if (!model.ParseFromArray(skeleton->data(),
                            static_cast<int>(skeleton->size())))
    return fail(
        "not an ONNX model, or a damaged one: a field has the wrong form");
  skeleton.reset();
  return Importer(path, ArrayRef<char>(bytes.data(), bytes.size()), model,
                  context, options)
      .run();
}

void cinch::registerOnnxTranslation() {
  static TranslateToMLIRRegistration registration(
      "import-onnx", "imports an ONNX model",
      [](llvm::SourceMgr &sources,
         MLIRContext *context) -> OwningOpRef<Operation *> {
        StringRef path = sources.getMemoryBuffer(sources.getMainFileID())
                             ->getBufferIdentifier();
        return importOnnx(path, *context).module;
      },
      [](DialectRegistry &registry) {
        registry.insert<graph::GraphDialect, func::FuncDialect, scf::SCFDialect,
                        arith::ArithDialect, tensor::TensorDialect>();
      });
}
