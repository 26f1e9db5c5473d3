//===- Files.h - output files, all or nothing -----------------------------===//
#ifndef CINCH_LIB_TARGET_FILES_H
#define CINCH_LIB_TARGET_FILES_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace cinch {

/// Refuses a `path` that no file can be written to: a folder, or a place in a
/// folder that is missing or cannot be written. An empty path is good.
llvm::Error checkPlace(llvm::StringRef path);

/// Files that appear together under their names once `commit` is called, and
/// not at all before or otherwise. Each is written beside its place under a
/// temporary name (`PATH.XXXXXXXX.tmp`), which is removed on failure and on a
/// signal; only SIGKILL and a crash of the machine leave it.
class OutputFiles {
public:
  using Writer = llvm::function_ref<llvm::Error(llvm::raw_ostream &)>;

  ~OutputFiles();
  /// Writes a file that will be `path`. An error names the file and the cause
  /// (a full disk, a folder that cannot be written). A device or a pipe is
  /// written to at once.
  llvm::Error write(llvm::StringRef path, Writer writer);
  /// Makes an empty temporary file that will be `path` for another program to
  /// write; returns its name.
  llvm::Expected<std::string> reserve(llvm::StringRef path);
  /// Makes a temporary file that is removed in the end; returns its name.
  llvm::Expected<std::string> writeTemporary(llvm::StringRef besidePath,
                                             Writer writer);
  /// Renames all files to their places, in the order of their creation. If one
  /// cannot be renamed, those before it are removed. SIGINT, SIGTERM and SIGHUP
  /// wait on this thread until all is done.
  llvm::Error commit();

private:
  struct Pending {
    llvm::sys::fs::TempFile file;
    std::string path; ///< empty: a temporary file
  };
  llvm::Expected<llvm::sys::fs::TempFile> create(llvm::StringRef path);

  std::vector<Pending> files;
};

} // namespace cinch

#endif // CINCH_LIB_TARGET_FILES_H
