//===- TensorFile.h - .safetensors files of passes ------------------------===//
//
// The format: https://github.com/huggingface/safetensors. Passes keep numbers
// in it that are too many for JSON.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_PASSES_COMMON_TENSORFILE_H
#define CINCH_PASSES_COMMON_TENSORFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>
#include <memory>
#include <string>

namespace cinch {

/// A tensor of a .safetensors file. `bytes` are little endian, row-major, may
/// be unaligned and live as long as what they were read from.
struct StoredTensor {
  std::string dtype; ///< as the format names it, such as F32
  llvm::SmallVector<int64_t> shape;
  llvm::ArrayRef<char> bytes;
};

/// Bytes of an element of `dtype`; 0 if the format has no such name.
int64_t getDtypeBytes(llvm::StringRef dtype);

/// A .safetensors file that is read.
class TensorFile {
public:
  /// Maps the file. An error that starts with `path` if it cannot be read, its
  /// header is damaged, a name is there twice, the bytes of a tensor are not
  /// those of its type and shape, or tensors overlap or leave a hole.
  static llvm::Expected<TensorFile> read(llvm::StringRef path);

  /// By name, in alphabetical order.
  const std::map<std::string, StoredTensor> &getTensors() const {
    return tensors;
  }
  /// A text of the metadata; null if there is none.
  const std::string *findMetadata(llvm::StringRef key) const;

private:
  llvm::Error parse();
  llvm::Error checkCoverage(int64_t dataBytes) const;

  std::unique_ptr<llvm::MemoryBuffer> buffer;
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes a .safetensors file of `tensors`, in alphabetical order. The file
/// appears under `path` when it is complete. An error if it cannot be written.
llvm::Error writeTensorFile(llvm::StringRef path,
                            const std::map<std::string, StoredTensor> &tensors,
                            const std::map<std::string, std::string> &metadata);

} // namespace cinch

#endif // CINCH_PASSES_COMMON_TENSORFILE_H
