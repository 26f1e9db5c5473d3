//===- Tensors.h - ONNX tensors to attributes -----------------------------===//
#ifndef CINCH_LIB_IMPORT_TENSORS_H
#define CINCH_LIB_IMPORT_TENSORS_H

#include "dialects/Graph/Graph.h"
#include "lib/Import/Proto.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <string>

namespace cinch::import {

/// Something wrong with (or unsupported in) a model.
struct Problem {
  bool unsupported = false;
  std::string message;

  static Problem invalid(const llvm::Twine &message) {
    return {false, message.str()};
  }
  static Problem notSupported(const llvm::Twine &message) {
    return {true, message.str()};
  }
};

/// The element type of an ONNX data type; null, with `problem` set, for
/// strings, complex and unknown types.
mlir::Type getElementType(int32_t dataType, mlir::MLIRContext *context,
                          Problem &problem);
/// The name of an ONNX data type as schemas write it (`float`, `int64`).
llvm::StringRef getDataTypeName(int32_t dataType);
/// The name, as schemas write it, of the data type of `elementType`.
llvm::StringRef getDataTypeName(mlir::Type elementType);

/// Largest product of static dimensions that is taken for a tensor.
constexpr int64_t maxElements = int64_t(1) << 46;
/// The product of `dims`; nullopt if one is negative or it exceeds maxElements.
std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> dims);

/// Reads the tensors of one model.
class TensorReader {
public:
  /// `bytes` are those of the model file at `path`; both must outlive the
  /// reader.
  TensorReader(llvm::StringRef path, llvm::ArrayRef<char> bytes,
               mlir::MLIRContext *context);

  /// The tensor as a dense attribute (few elements, or a splat) or a reference
  /// to its file; null with `problem` set.
  mlir::TypedAttr read(const onnx::TensorProto &tensor, Problem &problem);

private:
  /// Bytes of a tensor, with the file they are in (empty: decoded, in `owned`).
  struct Source {
    std::string file;
    uint64_t offset = 0;
    llvm::ArrayRef<char> bytes;
    std::unique_ptr<llvm::WritableMemoryBuffer> owned;
  };
  bool locateExternal(const onnx::TensorProto &tensor, uint64_t numBytes,
                      Source &source, Problem &problem);
  bool decodeTyped(const onnx::TensorProto &tensor, int64_t numElements,
                   uint64_t numBytes, Source &source, Problem &problem);

  std::string path;
  llvm::ArrayRef<char> bytes;
  mlir::MLIRContext *context;
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> externalFiles;
};

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_TENSORS_H
