//===- Weights.h - the weights file of a compiled model -------------------===//
#ifndef CINCH_LIB_TARGET_WEIGHTS_H
#define CINCH_LIB_TARGET_WEIGHTS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace cinch {

/// The constants of a program (`exec.weights`), as a .safetensors file
/// (docs/formats.md). Tensors start at multiples of 64 bytes;
/// `cinch.padding.N` fill the gaps, which the format forbids. Bytes are
/// produced one tensor at a time.
class WeightsFile {
public:
  /// Reads every tensor once for the checksum.
  static llvm::Expected<WeightsFile> create(mlir::ModuleOp module);

  /// Bytes of the data section; 0: the program has no weights.
  int64_t getBytes() const { return bytes; }
  /// Of the data section, as runtime/Checksum.h writes it.
  const std::string &getChecksum() const { return checksum; }
  /// Bytes that `write` writes.
  int64_t getFileBytes() const { return 8 + header.size() + bytes; }
  llvm::Error write(llvm::raw_ostream &os) const;

private:
  struct Tensor {
    std::string name;
    int64_t offset, bytes;
    mlir::TypedAttr value;
    mlir::Type element; ///< as in the model; kernels may see another
    /// How the elements of a tensor of shape `shape` are laid out in `value`;
    /// empty: row-major, as they are.
    std::string layout;
    llvm::SmallVector<int64_t> shape;
  };
  using Sink = llvm::function_ref<void(llvm::ArrayRef<char>)>;
  llvm::Error produce(Sink sink) const;
  std::string makeHeader() const;
  std::string makeLayouts() const;
  std::string makeTypes() const;

  std::vector<Tensor> tensors;
  int64_t bytes = 0;
  std::string checksum;
  std::string header;
};

} // namespace cinch

#endif // CINCH_LIB_TARGET_WEIGHTS_H
