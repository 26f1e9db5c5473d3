//===- WireScanner.cpp - ONNX files without their weights -----------------===//
#include "lib/Import/WireScanner.h"
#include <cstring>

using namespace cinch::import;

namespace {

/// The messages of onnx.proto that can contain a tensor.
enum class Message {
  model,
  graph,
  node,
  attribute,
  tensor,
  sparse,
  function,
  training,
  other
};

enum WireType { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

constexpr unsigned maxDepth = 96; // protobuf's own limit is 100
constexpr uint32_t rawDataField = 9;

/// The message in field `field` of `parent`; `other` if it holds no tensor.
Message getChild(Message parent, uint32_t field) {
  switch (parent) {
  case Message::model:
    return field == 7    ? Message::graph
           : field == 20 ? Message::training
           : field == 25 ? Message::function
                         : Message::other;
  case Message::graph:
    return field == 1    ? Message::node
           : field == 5  ? Message::tensor
           : field == 15 ? Message::sparse
                         : Message::other;
  case Message::node:
    return field == 5 ? Message::attribute : Message::other;
  case Message::attribute:
    return field == 5 || field == 10    ? Message::tensor
           : field == 6 || field == 11  ? Message::graph
           : field == 22 || field == 23 ? Message::sparse
                                        : Message::other;
  case Message::sparse:
    return field == 1 || field == 2 ? Message::tensor : Message::other;
  case Message::function:
    return field == 7    ? Message::node
           : field == 11 ? Message::attribute
                         : Message::other;
  case Message::training:
    return field == 1 || field == 2 ? Message::graph : Message::other;
  case Message::tensor:
  case Message::other:
    return Message::other;
  }
  return Message::other;
}

void writeVarint(std::string &out, uint64_t value) {
  for (; value >= 128; value >>= 7)
    out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

class Scanner {
public:
  Scanner(std::string_view file, std::string &error)
      : file(file), error(error) {}

  bool copyMessage(Message message, uint64_t begin, uint64_t end,
                   unsigned depth, std::string &out) {
    if (depth > maxDepth)
      return fail(begin, "messages are nested too deep");
    uint64_t kept = begin; // bytes before are in `out`
    uint64_t at = begin;
    while (at < end) {
      uint64_t fieldBegin = at, tag, length;
      if (!readVarint(at, end, tag))
        return false;
      uint64_t field = tag >> 3;
      if (field == 0 || field > 0x1fffffff)
        return fail(fieldBegin, "field number is out of range");
      switch (tag & 7) {
      case varint:
        if (!readVarint(at, end, length))
          return false;
        continue;
      case fixed64:
      case fixed32:
        length = (tag & 7) == fixed64 ? 8 : 4;
        if (end - at < length)
          return fail(fieldBegin, "field runs past the end of its message");
        at += length;
        continue;
      case bytes:
        break;
      default:
        return fail(fieldBegin, "wire type is not used by ONNX");
      }
      if (!readVarint(at, end, length))
        return false;
      if (length > end - at)
        return fail(fieldBegin, "field runs past the end of its message");
      uint64_t body = at;
      at += length;
      bool isRawData = message == Message::tensor && field == rawDataField;
      Message child = isRawData
                          ? Message::other
                          : getChild(message, static_cast<uint32_t>(field));
      if (!isRawData && child == Message::other)
        continue;
      out.append(file.substr(kept, fieldBegin - kept));
      kept = at;
      std::string content;
      if (isRawData)
        content = encodeRange({body, length});
      else if (!copyMessage(child, body, at, depth + 1, content))
        return false;
      writeVarint(out, tag);
      writeVarint(out, content.size());
      out += content;
    }
    out.append(file.substr(kept, end - kept));
    return true;
  }

private:
  bool readVarint(uint64_t &at, uint64_t end, uint64_t &value) {
    value = 0;
    uint64_t begin = at;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at == end)
        return fail(begin, "number runs past the end of its message");
      uint64_t byte = static_cast<unsigned char>(file[at++]);
      value |= (byte & 127) << shift;
      if (byte < 128)
        return true;
    }
    return fail(begin, "number is longer than 10 bytes");
  }

  bool fail(uint64_t offset, const char *what) {
    error = std::string(what) + " (at byte " + std::to_string(offset) + ")";
    return false;
  }

  std::string_view file;
  std::string &error;
};

} // namespace

std::optional<std::string> cinch::import::scanModel(std::string_view file,
                                                    std::string &error) {
  std::string out;
  if (!Scanner(file, error).copyMessage(Message::model, 0, file.size(), 0, out))
    return std::nullopt;
  return out;
}

std::string cinch::import::encodeRange(FileRange range) {
  std::string record(16, '\0');
  std::memcpy(record.data(), &range.offset, 8);
  std::memcpy(record.data() + 8, &range.length, 8);
  return record;
}

std::optional<FileRange> cinch::import::decodeRange(std::string_view record) {
  if (record.size() != 16)
    return std::nullopt;
  FileRange range;
  std::memcpy(&range.offset, record.data(), 8);
  std::memcpy(&range.length, record.data() + 8, 8);
  return range;
}
