//===- TensorProto.cpp - ONNX's tensor files ------------------------------===//
//
// A strict reader of the protobuf wire format for one message, so that the tool
// needs no protobuf. Numbers of fields and types: onnx.proto.
//
//===----------------------------------------------------------------------===//
#include "lib/TensorFiles/Tensor.h"

#include <algorithm>
#include <cstring>

namespace cinch {

namespace {

enum Field {
  Dims = 1,
  DataType = 2,
  Segment = 3,
  FloatData = 4,
  Int32Data = 5,
  StringData = 6,
  Int64Data = 7,
  Name = 8,
  RawData = 9,
  DoubleData = 10,
  Uint64Data = 11,
  DocString = 12,
  ExternalData = 13,
  DataLocation = 14,
  MetadataProps = 16
};
enum Wire { Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5 };

struct Cursor {
  Bytes bytes;
  bool readVarint(uint64_t &out) {
    out = 0;
    for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
      uint8_t byte = static_cast<uint8_t>(bytes[0]);
      bytes.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }
  bool take(uint64_t count, Bytes &out) {
    if (count > bytes.size())
      return false;
    out = bytes.substr(0, count);
    bytes.remove_prefix(count);
    return true;
  }
};

/// ONNX's type, ours, and the typed field that may hold the data.
struct Type {
  int onnx;
  cinch_dtype_t dtype;
  Field field;
};

struct Message {
  std::vector<int64_t> dims;
  uint64_t dataType = 0;
  Bytes raw;
  bool hasRaw = false;
  int typedField = 0;
  std::vector<uint64_t> typed; ///< bits of each element
};

} // namespace

static constexpr Type types[] = {{1, CINCH_DTYPE_F32, FloatData},
                                 {2, CINCH_DTYPE_U8, Int32Data},
                                 {3, CINCH_DTYPE_I8, Int32Data},
                                 {4, CINCH_DTYPE_U16, Int32Data},
                                 {5, CINCH_DTYPE_I16, Int32Data},
                                 {6, CINCH_DTYPE_I32, Int32Data},
                                 {7, CINCH_DTYPE_I64, Int64Data},
                                 {9, CINCH_DTYPE_BOOL, Int32Data},
                                 {10, CINCH_DTYPE_F16, Int32Data},
                                 {11, CINCH_DTYPE_F64, DoubleData},
                                 {12, CINCH_DTYPE_U32, Uint64Data},
                                 {13, CINCH_DTYPE_U64, Uint64Data},
                                 {16, CINCH_DTYPE_BF16, Int32Data},
                                 {17, CINCH_DTYPE_F8E4M3FN, Int32Data},
                                 {18, CINCH_DTYPE_F8E4M3FNUZ, Int32Data},
                                 {19, CINCH_DTYPE_F8E5M2, Int32Data},
                                 {20, CINCH_DTYPE_F8E5M2FNUZ, Int32Data},
                                 {21, CINCH_DTYPE_U4, Int32Data},
                                 {22, CINCH_DTYPE_I4, Int32Data},
                                 {23, CINCH_DTYPE_F4E2M1FN, Int32Data},
                                 {24, CINCH_DTYPE_F8E8M0FNU, Int32Data},
                                 {25, CINCH_DTYPE_U2, Int32Data},
                                 {26, CINCH_DTYPE_I2, Int32Data}};

/// Appends the numbers of one occurrence of a repeated field, packed or not.
template <typename Append>
static bool readNumbers(Cursor &cursor, int wire, int elementWire,
                        Append append) {
  Cursor values = cursor;
  if (wire == Delimited) {
    uint64_t size;
    if (!cursor.readVarint(size) || !cursor.take(size, values.bytes))
      return false;
  } else if (wire != elementWire) {
    return false;
  }
  do {
    if (values.bytes.empty())
      break; // an empty packed field
    uint64_t bits = 0;
    Bytes fixed;
    if (elementWire == Varint) {
      if (!values.readVarint(bits))
        return false;
    } else {
      if (!values.take(elementWire == Fixed32 ? 4 : 8, fixed))
        return false;
      memcpy(&bits, fixed.data(), fixed.size());
    }
    append(bits);
  } while (wire == Delimited);
  if (wire != Delimited)
    cursor = values;
  return true;
}

static bool readField(Cursor &cursor, Message &message) {
  uint64_t key, size;
  Bytes ignored;
  if (!cursor.readVarint(key))
    return false;
  int field = static_cast<int>(key >> 3), wire = static_cast<int>(key & 7);
  auto addTyped = [&](uint64_t bits) { message.typed.push_back(bits); };
  switch (field) {
  case Dims:
    return readNumbers(cursor, wire, Varint, [&](uint64_t bits) {
      message.dims.push_back(static_cast<int64_t>(bits));
    });
  case DataType:
    return wire == Varint && cursor.readVarint(message.dataType);
  case FloatData:
    message.typedField = field;
    return readNumbers(cursor, wire, Fixed32, addTyped);
  case DoubleData:
    message.typedField = field;
    return readNumbers(cursor, wire, Fixed64, addTyped);
  case Int32Data:
  case Int64Data:
  case Uint64Data:
    message.typedField = field;
    return readNumbers(cursor, wire, Varint, addTyped);
  case RawData:
    message.hasRaw = true;
    return wire == Delimited && cursor.readVarint(size) &&
           cursor.take(size, message.raw);
  case Name:
  case DocString:
  case MetadataProps:
    return wire == Delimited && cursor.readVarint(size) &&
           cursor.take(size, ignored);
  case DataLocation: // 0: inside
    return wire == Varint && cursor.readVarint(size) && size == 0;
  default: // segments, strings, external data, unknown fields
    return false;
  }
}

bool parseTensorProto(Bytes file, Tensor &out, std::string &error) {
  Cursor cursor{file};
  Message message;
  while (!cursor.bytes.empty())
    if (!readField(cursor, message)) {
      error = "not a tensor with its data inside (TensorProto)";
      return false;
    }
  const Type *type = nullptr;
  for (const Type &candidate : types)
    if (static_cast<uint64_t>(candidate.onnx) == message.dataType)
      type = &candidate;
  if (!type) {
    error = "the ONNX type " + std::to_string(message.dataType) +
            " is not supported";
    return false;
  }
  out.dtype = type->dtype;
  out.shape = message.dims;
  // Typed data is packed as raw data is: a number holds a byte of elements.
  int64_t bytes, size = std::max<int64_t>(cinch_dtype_bytes(type->dtype), 1);
  if (out.shape.size() > CINCH_MAX_RANK ||
      !getBytes(out.dtype, out.shape, bytes)) {
    error = "the tensor has a bad shape";
    return false;
  }
  uint64_t given =
      message.hasRaw ? message.raw.size() : message.typed.size() * size;
  bool isWrongField = !message.hasRaw && message.typedField != 0 &&
                      message.typedField != type->field;
  if (isWrongField || (message.hasRaw && message.typedField) ||
      given != static_cast<uint64_t>(bytes)) {
    error = "the tensor's data does not match its type and shape";
    return false;
  }
  if (message.hasRaw) {
    out.data.assign(message.raw.begin(), message.raw.end());
    return true;
  }
  out.data.resize(bytes);
  for (size_t index = 0; index < message.typed.size(); ++index)
    memcpy(&out.data[index * size], &message.typed[index], size);
  return true;
}

static void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::string makeTensorProtoHeader(const Tensor &tensor,
                                  const std::string &name) {
  std::string header;
  for (int64_t dim : tensor.shape) {
    appendVarint(header, Dims << 3 | Varint);
    appendVarint(header, static_cast<uint64_t>(dim));
  }
  for (const Type &type : types)
    if (type.dtype == tensor.dtype) {
      appendVarint(header, DataType << 3 | Varint);
      appendVarint(header, type.onnx);
    }
  appendVarint(header, Name << 3 | Delimited);
  appendVarint(header, name.size());
  header += name;
  appendVarint(header, RawData << 3 | Delimited);
  appendVarint(header, tensor.data.size());
  return header;
}

} // namespace cinch
