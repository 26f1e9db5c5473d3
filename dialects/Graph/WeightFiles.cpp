//===- WeightFiles.cpp - table of mapped weight files ---------------------===//
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace cinch::graph;

Expected<ArrayRef<char>> WeightFiles::getBytes(WeightAttr weight) {
  std::lock_guard<std::mutex> lock(mutex);
  StringRef path = weight.getFile();
  auto found = files.find(path);
  if (found != files.end() && !found->second)
    return createStringError(std::errc::invalid_argument,
                             "weight '%s' is declared, but has no bytes",
                             path.str().c_str());
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

/// N of `<computed:N>`.
static std::optional<unsigned> getNumber(StringRef name) {
  unsigned number = 0;
  if (!name.consume_front("<computed:") || !name.consume_back(">") ||
      name.getAsInteger(10, number) || number == UINT_MAX)
    return std::nullopt;
  return number;
}

bool WeightFiles::isComputed(StringRef name) {
  return getNumber(name).has_value();
}

WeightFiles::Entry *WeightFiles::declareBuffer(StringRef name) {
  std::optional<unsigned> number = getNumber(name);
  if (!number)
    return nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  numComputed = std::max(numComputed, *number + 1);
  return &*files.try_emplace(name).first;
}

std::optional<ArrayRef<char>> WeightFiles::getComputed(StringRef name) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = files.find(name);
  if (found == files.end() || !found->second)
    return std::nullopt;
  StringRef bytes = found->second->getBuffer();
  return ArrayRef<char>(bytes.data(), bytes.size());
}

bool WeightFiles::setBuffer(StringRef name, ArrayRef<char> bytes) {
  auto buffer = WritableMemoryBuffer::getNewUninitMemBuffer(bytes.size());
  if (!buffer)
    return false;
  llvm::copy(bytes, buffer->getBufferStart());
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<MemoryBuffer> &entry = files[name];
  if (entry)
    return false;
  entry = std::move(buffer);
  return true;
}
