//===- WeightFiles.cpp - table of mapped weight files ---------------------===//
#include "dialects/Graph/Graph.h"

using namespace llvm;
using namespace cinch::graph;

Expected<ArrayRef<char>> WeightFiles::getBytes(WeightAttr weight) {
  std::lock_guard<std::mutex> lock(mutex);
  StringRef path = weight.getFile();
  auto found = files.find(path);
  if (found == files.end()) {
    // Mapped, not read: large files skip the copy if no terminator is asked
    // for.
    auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false);
    if (!buffer)
      return createStringError(
          buffer.getError(), "cannot read weight file '%s': %s",
          path.str().c_str(), buffer.getError().message().c_str());
    found = files.try_emplace(path, std::move(*buffer)).first;
  }
  StringRef bytes = found->second->getBuffer();
  uint64_t offset = weight.getOffset(), length = weight.getLength();
  if (offset > bytes.size() || length > bytes.size() - offset)
    return createStringError(
        std::errc::invalid_argument,
        "weight file '%s' has %zu bytes, but a tensor is at %llu + %llu",
        path.str().c_str(), bytes.size(),
        static_cast<unsigned long long>(offset),
        static_cast<unsigned long long>(length));
  return ArrayRef<char>(bytes.data() + offset, length);
}

std::string WeightFiles::addBuffer(std::unique_ptr<MemoryBuffer> buffer) {
  std::lock_guard<std::mutex> lock(mutex);
  std::string name = "<computed:" + std::to_string(numComputed++) + ">";
  files.try_emplace(name, std::move(buffer));
  return name;
}
