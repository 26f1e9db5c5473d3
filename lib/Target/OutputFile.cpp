//===- OutputFile.cpp - a file that appears when it is complete
//---------------===//
#include "lib/Target/OutputFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"

#include <sys/stat.h>

using namespace cinch;

static llvm::Error makeError(llvm::StringRef path, std::error_code code) {
  return llvm::createStringError("cannot write '" + path +
                                 "': " + code.message());
}

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::create(llvm::StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return llvm::createStringError("cannot write '" + path +
                                   "': it is a folder");
  auto file = std::make_unique<OutputFile>();
  file->path = path.str();
  int descriptor;
  llvm::SmallString<128> temporary;
  if (std::error_code code = llvm::sys::fs::createUniqueFile(
          path + ".%%%%%%%%.tmp", descriptor, temporary))
    return makeError(path, code);
  file->temporaryPath = temporary.str().str();
  llvm::sys::RemoveFileOnSignal(file->temporaryPath);
  file->stream = std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                        /*shouldClose=*/true);
  return file;
}

OutputFile::~OutputFile() {
  if (temporaryPath.empty())
    return;
  if (stream)
    stream->clear_error();
  stream.reset();
  llvm::sys::fs::remove(temporaryPath);
  llvm::sys::DontRemoveFileOnSignal(temporaryPath);
}

llvm::Error OutputFile::flush() {
  stream->flush();
  std::error_code code = stream->error();
  stream->clear_error();
  return code ? makeError(path, code) : llvm::Error::success();
}

llvm::Error OutputFile::keep() {
  if (llvm::Error error = flush())
    return error;
  stream->close();
  std::error_code closed = stream->error();
  stream->clear_error();
  if (closed)
    return makeError(path, closed);
  if (std::error_code code = llvm::sys::fs::rename(temporaryPath, path))
    return makeError(path, code);
  llvm::sys::DontRemoveFileOnSignal(temporaryPath);
  temporaryPath.clear();
  // Temporary files are private; a result has the usual permissions.
  mode_t mask = umask(0);
  umask(mask);
  llvm::sys::fs::setPermissions(
      path, static_cast<llvm::sys::fs::perms>(0666 & ~mask));
  return llvm::Error::success();
}
