//===- WeightFiles.h - table of mapped weight files -----------------------===//
#ifndef CINCH_DIALECTS_GRAPH_WEIGHTFILES_H
#define CINCH_DIALECTS_GRAPH_WEIGHTFILES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <mutex>

namespace cinch::graph {

class WeightAttr;

/// Files that weight attributes point into, each mapped read-only once. Owned
/// by the graph dialect (one table per context). Thread-safe.
class WeightFiles {
public:
  /// The bytes of `weight`, mapping its file on first use; an error if the file
  /// cannot be read or the range lies outside it. Valid as long as the table.
  llvm::Expected<llvm::ArrayRef<char>> getBytes(WeightAttr weight);
  /// Registers an in-memory file (a weight computed by a pass) under a unique
  /// name of the form `<computed:N>` and returns the name.
  std::string addBuffer(std::unique_ptr<llvm::MemoryBuffer> buffer);

  /// A file, and its bytes if they are known.
  using Entry = llvm::StringMapEntry<std::unique_ptr<llvm::MemoryBuffer>>;
  /// The entry of a computed weight that a program was printed with; null if
  /// `name` is not of the form `<computed:N>`.
  Entry *declareBuffer(llvm::StringRef name);
  /// Gives a declared entry a copy of `bytes`; false if it has bytes already.
  bool setBuffer(llvm::StringRef name, llvm::ArrayRef<char> bytes);
  /// All bytes of a computed weight; nullopt if there are none.
  std::optional<llvm::ArrayRef<char>> getComputed(llvm::StringRef name);
  /// True for names that `addBuffer` makes.
  static bool isComputed(llvm::StringRef name);

private:
  std::mutex mutex;
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> files;
  unsigned numComputed = 0;
};

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_WEIGHTFILES_H
