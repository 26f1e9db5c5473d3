//===- Files.cpp - output files, all or nothing ---------------------------===//
#include "lib/Target/Files.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/Path.h"
#include <csignal>
#include <unistd.h>

using namespace cinch;
using llvm::sys::fs::TempFile;

static llvm::Error makeError(llvm::StringRef path, const llvm::Twine &what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "cannot write '" + path + "': " + what);
}

/// A device, a pipe or a socket: it is written to, never replaced.
static bool isSpecial(llvm::StringRef path) {
  llvm::sys::fs::file_status status;
  return !llvm::sys::fs::status(path, status) &&
         llvm::sys::fs::exists(status) &&
         !llvm::sys::fs::is_regular_file(status) &&
         !llvm::sys::fs::is_directory(status);
}

llvm::Error cinch::checkPlace(llvm::StringRef path) {
  if (path.empty())
    return llvm::Error::success();
  if (llvm::sys::fs::is_directory(path))
    return makeError(path, "is a directory");
  if (isSpecial(path))
    return llvm::Error::success();
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (folder.empty())
    folder = ".";
  if (!llvm::sys::fs::is_directory(folder))
    return makeError(path, "'" + folder + "' is not a directory");
  if (access(folder.str().c_str(), W_OK))
    return makeError(path, llvm::sys::StrError());
  return llvm::Error::success();
}

OutputFiles::~OutputFiles() {
  for (Pending &pending : files)
    llvm::consumeError(pending.file.discard());
}

llvm::Expected<TempFile> OutputFiles::create(llvm::StringRef path) {
  llvm::Expected<TempFile> file =
      TempFile::create(path + ".%%%%%%%%.tmp",
                       llvm::sys::fs::all_read | llvm::sys::fs::all_write);
  if (!file)
    return makeError(path, llvm::toString(file.takeError()));
  return file;
}

/// Lets `writer` write to the open file of `path`.
static llvm::Error fill(int descriptor, llvm::StringRef path,
                        OutputFiles::Writer writer) {
  llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/false);
  llvm::Error error = writer(os);
  os.flush();
  if (os.has_error()) {
    std::string cause = os.error().message();
    os.clear_error();
    llvm::consumeError(std::move(error));
    return makeError(path, cause);
  }
  return error;
}

llvm::Error OutputFiles::write(llvm::StringRef path, Writer writer) {
  if (isSpecial(path)) {
    int descriptor;
    if (std::error_code error = llvm::sys::fs::openFileForWrite(
            path, descriptor, llvm::sys::fs::CD_OpenExisting))
      return makeError(path, error.message());
    llvm::Error error = fill(descriptor, path, writer);
    ::close(descriptor);
    return error;
  }
  llvm::Expected<TempFile> file = create(path);
  if (!file)
    return file.takeError();
  llvm::Error error = fill(file->FD, path, writer);
  files.push_back({std::move(*file), path.str()});
  return error;
}

llvm::Expected<std::string> OutputFiles::reserve(llvm::StringRef path) {
  if (isSpecial(path))
    return makeError(path, "is not a regular file");
  llvm::Expected<TempFile> file = create(path);
  if (!file)
    return file.takeError();
  std::string name = file->TmpName;
  files.push_back({std::move(*file), path.str()});
  return name;
}

llvm::Expected<std::string>
OutputFiles::writeTemporary(llvm::StringRef besidePath, Writer writer) {
  llvm::Expected<TempFile> file = create(besidePath);
  if (!file)
    return file.takeError();
  llvm::Error error = fill(file->FD, besidePath, writer);
  std::string name = file->TmpName;
  files.push_back({std::move(*file), ""});
  if (error)
    return error;
  return name;
}

llvm::Error OutputFiles::commit() {
  for (const Pending &pending : files)
    if (llvm::Error error = checkPlace(pending.path))
      return error;
  sigset_t signals, before;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  llvm::scope_exit unblock(
      [&] { pthread_sigmask(SIG_SETMASK, &before, nullptr); });
  std::vector<llvm::StringRef> done;
  for (Pending &pending : files) {
    if (pending.path.empty())
      continue;
    if (llvm::Error error = pending.file.keep(pending.path)) {
      for (llvm::StringRef path : done)
        llvm::consumeError(llvm::errorCodeToError(llvm::sys::fs::remove(path)));
      return makeError(pending.path, llvm::toString(std::move(error)));
    }
    done.push_back(pending.path);
  }
  return llvm::Error::success();
}
