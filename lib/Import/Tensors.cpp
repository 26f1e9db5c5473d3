//===- Tensors.cpp - ONNX tensors to attributes ---------------------------===//
#include "lib/Import/Tensors.h"
#include "lib/Import/WireScanner.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstring>

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

/// Tensors up to this many elements become dense attributes.
static constexpr int64_t maxDenseElements = 64;
/// Larger tensors are not searched for a single repeated value.
static constexpr uint64_t maxSplatBytes = 1 << 20;

namespace {
struct DataType {
  int32_t number;
  StringLiteral name;
  Type (*get)(MLIRContext *);
};
} // namespace

template <unsigned width,
          IntegerType::SignednessSemantics sign = IntegerType::Signless>
static Type getInt(MLIRContext *context) {
  return IntegerType::get(context, width, sign);
}
template <typename T> static Type getFloat(MLIRContext *context) {
  return T::get(context);
}

static const DataType dataTypes[] = {
    {1, "float", getFloat<Float32Type>},
    {2, "uint8", getInt<8, IntegerType::Unsigned>},
    {3, "int8", getInt<8>},
    {4, "uint16", getInt<16, IntegerType::Unsigned>},
    {5, "int16", getInt<16>},
    {6, "int32", getInt<32>},
    {7, "int64", getInt<64>},
    {8, "string", nullptr},
    {9, "bool", getInt<1>},
    {10, "float16", getFloat<Float16Type>},
    {11, "double", getFloat<Float64Type>},
    {12, "uint32", getInt<32, IntegerType::Unsigned>},
    {13, "uint64", getInt<64, IntegerType::Unsigned>},
    {14, "complex64", nullptr},
    {15, "complex128", nullptr},
    {16, "bfloat16", getFloat<BFloat16Type>},
    {17, "float8e4m3fn", getFloat<Float8E4M3FNType>},
    {18, "float8e4m3fnuz", getFloat<Float8E4M3FNUZType>},
    {19, "float8e5m2", getFloat<Float8E5M2Type>},
    {20, "float8e5m2fnuz", getFloat<Float8E5M2FNUZType>},
    {21, "uint4", getInt<4, IntegerType::Unsigned>},
    {22, "int4", getInt<4>},
    {23, "float4e2m1", getFloat<Float4E2M1FNType>},
    {24, "float8e8m0", getFloat<Float8E8M0FNUType>},
    {25, "uint2", getInt<2, IntegerType::Unsigned>},
    {26, "int2", getInt<2>},
    {27, "float6e2m3", getFloat<Float6E2M3FNType>},
    {28, "float6e3m2", getFloat<Float6E3M2FNType>},
};

StringRef import::getDataTypeName(int32_t dataType) {
  for (const DataType &type : dataTypes)
    if (type.number == dataType)
      return type.name;
  return "undefined";
}

StringRef import::getDataTypeName(Type elementType) {
  for (const DataType &type : dataTypes)
    if (type.get && type.get(elementType.getContext()) == elementType)
      return type.name;
  return "undefined";
}

Type import::getElementType(int32_t dataType, MLIRContext *context,
                            Problem &problem) {
  for (const DataType &type : dataTypes) {
    if (type.number != dataType)
      continue;
    if (type.get)
      return type.get(context);
    problem = Problem::notSupported("element type " + type.name +
                                    " (numbers and bool are supported)");
    return {};
  }
  problem =
      Problem::invalid("element type " + Twine(dataType) + " does not exist");
  return {};
}

std::optional<int64_t> import::countElements(ArrayRef<int64_t> dims) {
  bool empty = false;
  int64_t count = 1;
  for (int64_t dim : dims) {
    if (dim < 0)
      return std::nullopt;
    if (dim == 0) {
      empty = true;
      continue;
    }
    if (dim > maxElements / count)
      return std::nullopt;
    count *= dim;
  }
  return empty ? 0 : count;
}

TensorReader::TensorReader(StringRef path, ArrayRef<char> bytes,
                           MLIRContext *context)
    : path(path), bytes(bytes), context(context) {}

/// Bits that an element takes in `raw_data`; bool takes a byte.
static unsigned getStoredBits(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  return width == 1 ? 8 : width;
}

bool TensorReader::locateExternal(const onnx::TensorProto &tensor,
                                  uint64_t numBytes, Source &source,
                                  Problem &problem) {
  auto fail = [&](const Twine &message) {
    problem = Problem::invalid("external data " + message);
    return false;
  };
  StringRef location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const auto &entry : tensor.external_data()) {
    StringRef value = entry.value();
    if (entry.key() == "location")
      location = value;
    if (entry.key() == "offset" && value.getAsInteger(10, offset))
      return fail("has offset '" + value + "', which is not a number of bytes");
    if (uint64_t number; entry.key() == "length") {
      if (value.getAsInteger(10, number))
        return fail("has length '" + value +
                    "', which is not a number of bytes");
      length = number;
    }
  }
  if (location.empty() || location.contains('\0'))
    return fail("has no location");
  if (llvm::sys::path::is_absolute(location))
    return fail("is at '" + location + "', but must be relative to the model");
  for (StringRef part : llvm::make_range(llvm::sys::path::begin(location),
                                         llvm::sys::path::end(location)))
    if (part == "..")
      return fail("is at '" + location + "', outside the folder of the model");
  SmallString<256> folder, modelFile, file;
  if (llvm::sys::fs::real_path(path, modelFile))
    return fail(
        "cannot be looked up: the folder of the model is not accessible");
  // Links of the model file itself are followed; its data lies beside the
  // name the user gave.
  StringRef parent = llvm::sys::path::parent_path(path);
  if (llvm::sys::fs::real_path(parent.empty() ? "." : parent, folder))
    return fail(
        "cannot be looked up: the folder of the model is not accessible");
  file = folder;
  llvm::sys::path::append(file, location);
  SmallString<256> real;
  if (std::error_code error = llvm::sys::fs::real_path(file, real))
    return fail("is at '" + location +
                "', which cannot be opened: " + error.message());
  SmallString<256> prefix = folder;
  if (!StringRef(prefix).ends_with("/"))
    prefix += '/';
  if (!real.str().starts_with(prefix))
    return fail("is at '" + location +
                "', a link that leaves the folder of the model");
  if (!llvm::sys::fs::is_regular_file(real))
    return fail("is at '" + location + "', which is not a file");
  std::unique_ptr<llvm::MemoryBuffer> &buffer = externalFiles[real];
  if (!buffer) {
    auto opened = llvm::MemoryBuffer::getFile(real, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
    if (!opened)
      return fail("is at '" + location +
                  "', which cannot be opened: " + opened.getError().message());
    buffer = std::move(*opened);
  }
  uint64_t size = buffer->getBufferSize();
  if (length && *length != numBytes)
    return fail("has " + Twine(*length) +
                " bytes, but its shape and type need " + Twine(numBytes));
  if (offset > size || numBytes > size - offset)
    return fail("needs bytes " + Twine(offset) + " to " + Twine(offset) + "+" +
                Twine(numBytes) + " of '" + location + "', which has " +
                Twine(size));
  source.file = std::string(real);
  source.offset = offset;
  source.bytes = ArrayRef(buffer->getBufferStart() + offset, numBytes);
  return true;
}

/// Copies `values` as little-endian elements of `width` bytes.
template <typename Range>
static void storeAll(const Range &values, unsigned width, char *out) {
  for (auto value : values) {
    std::memcpy(out, &value, width);
    out += width;
  }
}

bool TensorReader::decodeTyped(const onnx::TensorProto &tensor,
                               int64_t numElements, uint64_t numBytes,
                               Source &source, Problem &problem) {
  int32_t type = tensor.data_type();
  unsigned width =
      numElements ? std::max<uint64_t>(1, numBytes / numElements) : 1;
  uint64_t expected = numElements, found;
  auto check = [&](uint64_t size) {
    found = size;
    if (found == expected) {
      source.owned =
          llvm::WritableMemoryBuffer::getNewUninitMemBuffer(numBytes);
      source.bytes = ArrayRef(source.owned->getBufferStart(), numBytes);
      return true;
    }
    problem =
        Problem::invalid("has " + Twine(found) +
                         " values, but its shape needs " + Twine(expected));
    return false;
  };
  switch (type) {
  case onnx::TensorProto::FLOAT:
    if (!check(tensor.float_data_size()))
      return false;
    storeAll(tensor.float_data(), width, source.owned->getBufferStart());
    return true;
  case onnx::TensorProto::DOUBLE:
    if (!check(tensor.double_data_size()))
      return false;
    storeAll(tensor.double_data(), width, source.owned->getBufferStart());
    return true;
  case onnx::TensorProto::INT64:
    if (!check(tensor.int64_data_size()))
      return false;
    storeAll(tensor.int64_data(), width, source.owned->getBufferStart());
    return true;
  case onnx::TensorProto::UINT32:
  case onnx::TensorProto::UINT64:
    if (!check(tensor.uint64_data_size()))
      return false;
    storeAll(tensor.uint64_data(), width, source.owned->getBufferStart());
    return true;
  default:
    // The rest is in int32_data; types below a byte are packed, a byte per
    // number.
    if (numBytes < expected)
      expected = numBytes;
    if (!check(tensor.int32_data_size()))
      return false;
    storeAll(tensor.int32_data(), width, source.owned->getBufferStart());
    return true;
  }
}

/// The elements of `data` as a dense attribute.
static DenseElementsAttr getDense(RankedTensorType type, ArrayRef<char> data,
                                  int64_t numElements) {
  Type element = type.getElementType();
  unsigned width = element.getIntOrFloatBitWidth(),
           stored = getStoredBits(element);
  SmallVector<APInt> values;
  for (int64_t i = 0; i < numElements; ++i) {
    uint64_t bits = 0;
    if (stored >= 8)
      std::memcpy(&bits, data.data() + i * (stored / 8), stored / 8);
    else
      for (unsigned bit = 0; bit < stored; ++bit) {
        uint64_t position = i * stored + bit;
        bits |= uint64_t(data[position / 8] >> (position % 8) & 1) << bit;
      }
    values.push_back(APInt(width, width == 1 ? bits != 0 : bits,
                           /*isSigned=*/false, /*implicitTrunc=*/true));
  }
  auto floatType = dyn_cast<FloatType>(element);
  if (!floatType)
    return DenseElementsAttr::get(type, values);
  SmallVector<APFloat> floats;
  for (const APInt &value : values)
    floats.emplace_back(floatType.getFloatSemantics(), value);
  return DenseElementsAttr::get(type, floats);
}

TypedAttr TensorReader::read(const onnx::TensorProto &tensor,
                             Problem &problem) {
  auto fail = [&](const Twine &message) {
    problem =
        Problem::invalid("tensor '" + Twine(tensor.name()) + "' " + message);
    return TypedAttr();
  };
  Type element = getElementType(tensor.data_type(), context, problem);
  if (!element) {
    problem.message = "tensor '" + tensor.name() + "' has " + problem.message;
    return {};
  }
  if (tensor.has_segment()) {
    problem = Problem::notSupported("tensor '" + tensor.name() +
                                    "' is stored in segments (store it whole)");
    return {};
  }
  SmallVector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  std::optional<int64_t> count = countElements(dims);
  if (!count)
    return fail("has a negative dimension or too many elements");
  uint64_t numBytes = (uint64_t(*count) * getStoredBits(element) + 7) / 8;
  auto type = RankedTensorType::get(dims, element);

  Source source;
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    if (!locateExternal(tensor, numBytes, source, problem))
      return fail(problem.message);
  } else if (tensor.has_raw_data()) {
    std::optional<FileRange> range = decodeRange(tensor.raw_data());
    if (!range || range->offset > bytes.size() ||
        range->length > bytes.size() - range->offset)
      return fail("has no data");
    if (range->length != numBytes)
      return fail("has " + Twine(range->length) +
                  " bytes, but its shape and type need " + Twine(numBytes));
    source.file = path;
    source.offset = range->offset;
    source.bytes = bytes.slice(range->offset, range->length);
  } else if (!decodeTyped(tensor, *count, numBytes, source, problem)) {
    return fail(problem.message);
  }

  if (*count <= maxDenseElements)
    return getDense(type, source.bytes, *count);
  unsigned width = getStoredBits(element) / 8;
  if (width && numBytes <= maxSplatBytes &&
      !std::memcmp(source.bytes.data(), source.bytes.data() + width,
                   numBytes - width)) {
    auto one = getDense(RankedTensorType::get({1}, element), source.bytes, 1);
    return isa<FloatType>(element)
               ? DenseElementsAttr::get(type, one.getSplatValue<APFloat>())
               : DenseElementsAttr::get(type, one.getSplatValue<APInt>());
  }
  if (source.owned) {
    auto &files =
        context->getOrLoadDialect<graph::GraphDialect>()->getWeightFiles();
    source.file = files.addBuffer(std::move(source.owned));
  }
  return graph::WeightAttr::get(context, source.file, source.offset, numBytes,
                                /*checksum=*/0, type);
}
