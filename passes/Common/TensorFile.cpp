//===- TensorFile.cpp - .safetensors files of passes ----------------------===//
#include "passes/Common/TensorFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <vector>

using namespace cinch;
namespace json = llvm::json;

/// Bytes of the length of the header, in front of it.
static constexpr uint64_t lengthBytes = 8;
static constexpr llvm::StringLiteral metadataKey = "__metadata__";

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

int64_t cinch::getDtypeBytes(llvm::StringRef dtype) {
  return llvm::StringSwitch<int64_t>(dtype)
      .Cases({"BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2"}, 1)
      .Cases({"I16", "U16", "F16", "BF16"}, 2)
      .Cases({"I32", "U32", "F32"}, 4)
      .Cases({"I64", "U64", "F64"}, 8)
      .Default(0);
}

/// The key that valid JSON `text` has twice in its outermost object, as it is
/// written; empty if there is none. The parser keeps the last without a word.
static llvm::StringRef findDuplicateKey(llvm::StringRef text) {
  llvm::StringSet<> keys;
  int depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '{' || c == '[')
      ++depth;
    if (c == '}' || c == ']')
      --depth;
    if (c != '"')
      continue;
    size_t end = at + 1;
    while (text[end] != '"')
      end += text[end] == '\\' ? 2 : 1;
    llvm::StringRef quoted = text.slice(at, end + 1);
    at = end;
    if (depth != 1 || !text.drop_front(end + 1).ltrim().starts_with(":"))
      continue;
    // An escape and what it stands for are the same key.
    llvm::Expected<json::Value> key = json::parse(quoted);
    if (!key)
      llvm::consumeError(key.takeError());
    else if (!keys.insert(key->getAsString().value_or("")).second)
      return quoted.drop_front().drop_back();
  }
  return "";
}

/// Reads one member of the header; `data` is the data section.
static llvm::Error parseTensor(const json::Value &value,
                               llvm::ArrayRef<char> data,
                               StoredTensor &tensor) {
  const json::Object *object = value.getAsObject();
  const json::Array *shape = object ? object->getArray("shape") : nullptr;
  const json::Array *offsets =
      object ? object->getArray("data_offsets") : nullptr;
  auto dtype = object ? object->getString("dtype") : std::nullopt;
  if (!shape || !offsets || !dtype || offsets->size() != 2)
    return makeError("expected dtype, shape and two data_offsets");
  tensor.dtype = dtype->str();
  int64_t bytes = getDtypeBytes(tensor.dtype);
  if (bytes == 0)
    return makeError("has unknown dtype '" + tensor.dtype + "'");
  for (const json::Value &dim : *shape) {
    auto size = dim.getAsInteger();
    if (!size || *size < 0 || llvm::MulOverflow(bytes, *size, bytes))
      return makeError("has an invalid shape");
    tensor.shape.push_back(*size);
  }
  auto begin = (*offsets)[0].getAsInteger(), end = (*offsets)[1].getAsInteger();
  if (!begin || !end || *begin < 0 || *end < *begin ||
      static_cast<uint64_t>(*end) > data.size())
    return makeError("lies outside of the file");
  if (*end - *begin != bytes)
    return makeError("has " + llvm::Twine(*end - *begin) + " bytes, but its " +
                     "type and shape take " + llvm::Twine(bytes));
  tensor.bytes = data.slice(*begin, bytes);
  return llvm::Error::success();
}

llvm::Error TensorFile::checkCoverage(int64_t dataBytes) const {
  std::vector<llvm::ArrayRef<char>> ranges;
  for (const auto &[name, tensor] : tensors)
    if (!tensor.bytes.empty())
      ranges.push_back(tensor.bytes);
  llvm::sort(ranges, [](auto &a, auto &b) { return a.data() < b.data(); });
  const char *at = buffer->getBufferEnd() - dataBytes;
  for (llvm::ArrayRef<char> range : ranges) {
    if (range.data() != at)
      return makeError(range.data() < at ? "tensors overlap"
                                         : "bytes belong to no tensor");
    at = range.end();
  }
  if (at != buffer->getBufferEnd())
    return makeError("bytes belong to no tensor");
  return llvm::Error::success();
}

llvm::Error TensorFile::parse() {
  llvm::StringRef text = buffer->getBuffer();
  uint64_t length = text.size() < lengthBytes
                        ? 0
                        : llvm::support::endian::read64le(text.data());
  if (text.size() < lengthBytes || length > text.size() - lengthBytes)
    return makeError("expected a .safetensors file, but the header is not all "
                     "there");
  llvm::StringRef header = text.substr(lengthBytes, length);
  llvm::ArrayRef<char> data(header.end(), text.end());
  llvm::Expected<json::Value> parsed = json::parse(header);
  if (!parsed)
    return makeError("expected a .safetensors file, but the header is no "
                     "JSON: " +
                     llvm::toString(parsed.takeError()));
  const json::Object *object = parsed->getAsObject();
  if (!object)
    return makeError("expected an object as header of a .safetensors file");
  if (llvm::StringRef key = findDuplicateKey(header); !key.empty())
    return makeError("'" + key + "' is there twice");
  for (const auto &[key, value] : *object) {
    std::string name = llvm::StringRef(key).str();
    if (name != metadataKey) {
      if (llvm::Error error = parseTensor(value, data, tensors[name]))
        return makeError("'" + llvm::Twine(name) + "' " +
                         llvm::toString(std::move(error)));
      continue;
    }
    const json::Object *texts = value.getAsObject();
    if (!texts)
      return makeError("expected an object as metadata");
    for (const auto &[entry, text] : *texts) {
      auto string = text.getAsString();
      if (!string)
        return makeError("expected metadata of texts");
      metadata[llvm::StringRef(entry).str()] = string->str();
    }
  }
  return checkCoverage(data.size());
}

llvm::Expected<TensorFile> TensorFile::read(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return makeError(path + ": " + buffer.getError().message());
  TensorFile file;
  file.buffer = std::move(*buffer);
  if (llvm::Error error = file.parse())
    return makeError(path + ": " + llvm::toString(std::move(error)));
  return file;
}

const std::string *TensorFile::findMetadata(llvm::StringRef key) const {
  auto entry = metadata.find(key.str());
  return entry == metadata.end() ? nullptr : &entry->second;
}

/// The header, padded so that the data starts at a multiple of 64.
static std::string
makeHeader(const std::map<std::string, StoredTensor> &tensors,
           const std::map<std::string, std::string> &metadata) {
  std::string text;
  llvm::raw_string_ostream os(text);
  json::OStream out(os);
  int64_t at = 0;
  out.object([&] {
    out.attributeObject(metadataKey, [&] {
      for (const auto &[key, value] : metadata)
        out.attribute(key, value);
    });
    for (const auto &entry : tensors)
      out.attributeObject(entry.first, [&, &tensor = entry.second] {
        out.attribute("dtype", tensor.dtype);
        out.attributeArray("shape", [&] {
          for (int64_t dim : tensor.shape)
            out.value(dim);
        });
        out.attributeArray("data_offsets", [&] {
          out.value(at);
          out.value(at += static_cast<int64_t>(tensor.bytes.size()));
        });
      });
  });
  text.append(
      llvm::offsetToAlignment(lengthBytes + text.size(), llvm::Align(64)), ' ');
  return text;
}

llvm::Error
cinch::writeTensorFile(llvm::StringRef path,
                       const std::map<std::string, StoredTensor> &tensors,
                       const std::map<std::string, std::string> &metadata) {
  auto write = [&](llvm::raw_ostream &os) {
    std::string header = makeHeader(tensors, metadata);
    char length[lengthBytes];
    llvm::support::endian::write64le(length, header.size());
    os.write(length, sizeof(length)) << header;
    for (const auto &[name, tensor] : tensors)
      os.write(tensor.bytes.data(), tensor.bytes.size());
    return llvm::Error::success();
  };
  if (llvm::Error error = llvm::writeToOutput(path, write))
    return makeError(path + ": " + llvm::toString(std::move(error)));
  return llvm::Error::success();
}
