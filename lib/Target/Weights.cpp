//===- Weights.cpp - the weights file of a compiled model -----------------===//
#include "lib/Target/Weights.h"
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/ElementTypes.h"
#include "dialects/Graph/Graph.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "runtime/Checksum.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace cinch;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Name of an element type in a .safetensors header; U8 for what has none.
static StringRef getDtype(Type type) {
  return llvm::TypeSwitch<Type, StringRef>(type)
      .Case([](Float64Type) { return "F64"; })
      .Case([](Float32Type) { return "F32"; })
      .Case([](Float16Type) { return "F16"; })
      .Case([](BFloat16Type) { return "BF16"; })
      .Case([](Float8E5M2Type) { return "F8_E5M2"; })
      .Case([](Float8E4M3FNType) { return "F8_E4M3"; })
      .Case([](IntegerType type) -> StringRef {
        bool isUnsigned = type.isUnsigned();
        switch (type.getWidth()) {
        case 1:
          return "BOOL";
        case 8:
          return isUnsigned ? "U8" : "I8";
        case 16:
          return isUnsigned ? "U16" : "I16";
        case 32:
          return isUnsigned ? "U32" : "I32";
        case 64:
          return isUnsigned ? "U64" : "I64";
        default:
          return "U8";
        }
      })
      .Default([](Type) { return "U8"; });
}

/// Whether the header does not say what `type` is.
static bool isUnnamed(Type type) {
  return getDtype(type) == "U8" && !type.isUnsignedInteger(8);
}

/// Passes the bytes of `value` to `sink`, in row-major order.
static llvm::Error produceBytes(TypedAttr value,
                                llvm::function_ref<void(ArrayRef<char>)> sink) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return makeError("a constant refers to data that the file lacks");
    sink(blob->getData());
    return llvm::Error::success();
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (dense && dense.isSplat() && !dense.getElementType().isInteger(1) &&
      !graph::isPacked(dense.getElementType())) {
    for (int64_t copy = 0; copy < dense.getNumElements(); ++copy)
      sink(dense.getRawData());
    return llvm::Error::success();
  }
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes =
      graph::getConstantBytes(value, storage);
  if (!bytes)
    return bytes.takeError();
  sink(*bytes);
  return llvm::Error::success();
}

llvm::Error WeightsFile::produce(Sink sink) const {
  static constexpr char zeros[64] = {};
  int64_t at = 0;
  auto pad = [&](int64_t to) {
    for (; at < to; ++at)
      sink(ArrayRef<char>(zeros, 1));
  };
  for (const Tensor &tensor : tensors) {
    pad(tensor.offset);
    auto count = [&](ArrayRef<char> part) {
      at += part.size();
      sink(part);
    };
    if (llvm::Error error = produceBytes(tensor.value, count))
      return makeError("weight '" + tensor.name +
                       "': " + llvm::toString(std::move(error)));
    if (at != tensor.offset + tensor.bytes)
      return makeError("weight '" + tensor.name + "' has " +
                       llvm::Twine(at - tensor.offset) + " bytes, expected " +
                       llvm::Twine(tensor.bytes));
  }
  pad(bytes);
  return llvm::Error::success();
}

llvm::Expected<WeightsFile> WeightsFile::create(ModuleOp module) {
  WeightsFile file;
  llvm::StringSet<> names;
  auto records = module->getAttrOfType<ArrayAttr>("exec.weights");
  auto total = module->getAttrOfType<IntegerAttr>("exec.weight_bytes");
  if (!records || !total)
    return makeError("expected exec.weights, which plan-memory writes");
  for (auto record : records.getAsRange<DictionaryAttr>()) {
    std::string name = record.getAs<StringAttr>("name").getValue().str();
    std::string unique = name;
    for (int suffix = 1; !names.insert(unique).second; ++suffix)
      unique = name + "." + std::to_string(suffix);
    file.tensors.push_back({unique,
                            record.getAs<IntegerAttr>("offset").getInt(),
                            record.getAs<IntegerAttr>("bytes").getInt(),
                            record.getAs<TypedAttr>("value"),
                            nullptr,
                            "",
                            {}});
    Tensor &tensor = file.tensors.back();
    auto original = record.getAs<TypeAttr>("element_type");
    tensor.element =
        original
            ? original.getValue()
            : cast<RankedTensorType>(tensor.value.getType()).getElementType();
    if (auto layout = record.getAs<StringAttr>("layout")) {
      tensor.layout = layout.getValue().str();
      llvm::append_range(
          tensor.shape,
          record.getAs<DenseI64ArrayAttr>("unpacked_shape").asArrayRef());
    }
  }
  file.bytes = total.getInt();
  Checksum checksum;
  auto add = [&](ArrayRef<char> part) {
    checksum.update(part.data(), part.size());
  };
  if (llvm::Error error = file.produce(add))
    return error;
  file.checksum = checksum.str();
  file.header = file.makeHeader();
  return file;
}

/// The packed tensors as JSON: {name: {"layout": …, "shape": […]}}.
std::string WeightsFile::makeLayouts() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  json.object([&] {
    for (const Tensor &tensor : tensors)
      if (!tensor.layout.empty())
        json.attributeObject(tensor.name, [&] {
          json.attribute("layout", tensor.layout);
          json.attributeArray("shape", [&] {
            for (int64_t dim : tensor.shape)
              json.value(dim);
          });
        });
  });
  return text;
}

/// The tensors whose element type has no name in the format, as JSON: {name:
/// {"dtype": …, "shape": […]}}.
std::string WeightsFile::makeTypes() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  json.object([&] {
    for (const Tensor &tensor : tensors)
      if (isUnnamed(tensor.element))
        json.attributeObject(tensor.name, [&] {
          json.attribute("dtype", llvm::formatv("{0}", tensor.element).str());
          json.attributeArray("shape", [&] {
            for (int64_t dim :
                 cast<RankedTensorType>(tensor.value.getType()).getShape())
              json.value(dim);
          });
        });
  });
  return text;
}

std::string WeightsFile::makeHeader() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  int64_t at = 0, numPaddings = 0;
  auto writeTensor = [&](StringRef name, StringRef dtype,
                         ArrayRef<int64_t> shape, int64_t end) {
    json.attributeObject(name, [&] {
      json.attribute("dtype", dtype);
      json.attributeArray("shape", [&] {
        for (int64_t dim : shape)
          json.value(dim);
      });
      json.attributeArray("data_offsets", [&] {
        json.value(at);
        json.value(end);
      });
    });
    at = end;
  };
  auto pad = [&](int64_t to) {
    if (at < to)
      writeTensor("cinch.padding." + std::to_string(numPaddings++), "U8",
                  {to - at}, to);
  };
  json.object([&] {
    json.attributeObject("__metadata__", [&] {
      json.attribute("cinch_checksum", checksum);
      json.attribute("cinch_layouts", makeLayouts());
      json.attribute("cinch_types", makeTypes());
    });
    for (const Tensor &tensor : tensors) {
      pad(tensor.offset);
      auto type = cast<RankedTensorType>(tensor.value.getType());
      StringRef dtype = getDtype(tensor.element);
      SmallVector<int64_t> shape(type.getShape());
      if (isUnnamed(tensor.element))
        shape = {tensor.bytes};
      writeTensor(tensor.name, dtype, shape, tensor.offset + tensor.bytes);
    }
    pad(bytes);
  });
  text.append(llvm::offsetToAlignment(8 + text.size(), llvm::Align(64)), ' ');
  return text;
}

llvm::Error WeightsFile::write(llvm::raw_ostream &os) const {
  char length[8];
  llvm::support::endian::write64le(length, header.size());
  os.write(length, sizeof(length));
  os << header;
  return produce(
      [&](ArrayRef<char> part) { os.write(part.data(), part.size()); });
}
