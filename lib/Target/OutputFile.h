//===- OutputFile.h - a file that appears when it is complete
//-----------------===//
#ifndef CINCH_LIB_TARGET_OUTPUTFILE_H
#define CINCH_LIB_TARGET_OUTPUTFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>

namespace cinch {

/// A file under a temporary name beside its final one. Unless `keep` is called,
/// nothing is left, also when the process is killed by a signal that can be
/// caught.
class OutputFile {
public:
  /// Opens a temporary file in the folder of `path`.
  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(llvm::StringRef path);
  ~OutputFile();

  llvm::raw_fd_ostream &os() { return *stream; }
  /// Name under which the bytes are now, for programs that write the file.
  llvm::StringRef getTemporaryPath() const { return temporaryPath; }
  /// Writes what is buffered; fails when the disk is full.
  llvm::Error flush();
  /// Closes the file and renames it to its final name.
  llvm::Error keep();

private:
  std::string path, temporaryPath;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

} // namespace cinch

#endif // CINCH_LIB_TARGET_OUTPUTFILE_H
