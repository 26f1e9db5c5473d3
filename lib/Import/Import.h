//===- Import.h - ONNX models to the graph dialect ------------------------===//
#ifndef CINCH_LIB_IMPORT_IMPORT_H
#define CINCH_LIB_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace cinch {

/// What is known of a dynamic dimension: `min == max` pins it.
struct DimBound {
  std::string name; ///< of the dimension, as in the model or as symbol
  int64_t min = 0;
  std::optional<int64_t> max;
};

struct ImportOptions {
  std::vector<DimBound> dims;
};

enum class ImportStatus {
  success,
  invalid,     ///< not a valid ONNX model (or option): diagnostics say why
  unsupported, ///< valid, but it uses what Cinch does not support
};

struct ImportResult {
  ImportStatus status = ImportStatus::invalid;
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< set on success only
};

/// Imports the ONNX model at `path` as a module with the entry function
/// `@main`. Weights stay in the file (and the external files it names). On
/// failure has emitted diagnostics; everything unsupported is reported in one
/// of them, with a note for each.
ImportResult importOnnx(llvm::StringRef path, mlir::MLIRContext &context,
                        const ImportOptions &options = {});

/// Registers the translation `import-onnx` (a file to a module) with MLIR.
void registerOnnxTranslation();

} // namespace cinch

#endif // CINCH_LIB_IMPORT_IMPORT_H
