//===- Safetensors.cpp - writes the weights file
//-------------------------------===//
//
// Format: 8 bytes length of the header, the header (JSON), the data. The header
// holds the checksum of the data, which is known only at the end: it has a
// fixed length and is patched in.
//
//===----------------------------------------------------------------------===//
#include "lib/Target/Safetensors.h"

#include "dialects/Graph/Graph.h"
#include "runtime/Checksum.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace cinch;

namespace {

/// One entry of `exec.weights`, or padding (no value).
struct Tensor {
  std::string name;
  int64_t offset = 0, bytes = 0;
  TypedAttr value;
  DictionaryAttr layout; ///< of a packed weight: original shape and layout
};

} // namespace

static constexpr int64_t dataAlignment = 64;

/// The dtype of safetensors; signless integers are written signed.
static std::string getDtype(Type type) {
  if (type.isInteger(1))
    return "BOOL";
  if (auto integer = dyn_cast<IntegerType>(type))
    return (integer.isUnsigned() ? "U" : "I") +
           std::to_string(integer.getWidth());
  if (isa<BFloat16Type>(type))
    return "BF16";
  if (isa<Float8E4M3FNType>(type))
    return "F8_E4M3";
  if (isa<Float8E5M2Type>(type))
    return "F8_E5M2";
  return "F" + std::to_string(type.getIntOrFloatBitWidth());
}

/// Collects the weights and the padding between them.
static std::vector<Tensor> getTensors(ModuleOp module, int64_t totalBytes) {
  std::vector<Tensor> tensors;
  int64_t end = 0, numPaddings = 0;
  auto pad = [&](int64_t offset) {
    if (offset > end)
      tensors.push_back({"cinch.padding." + std::to_string(numPaddings++), end,
                         offset - end, nullptr, nullptr});
  };
  llvm::StringMap<int> names;
  auto records = module->getAttrOfType<ArrayAttr>("exec.weights");
  for (auto record : records.getAsRange<DictionaryAttr>()) {
    int64_t offset = record.getAs<IntegerAttr>("offset").getInt();
    int64_t bytes = record.getAs<IntegerAttr>("bytes").getInt();
    std::string name = record.getAs<StringAttr>("name").str();
    if (int count = names[name]++)
      name += "#" + std::to_string(count);
    pad(offset);
    tensors.push_back({name, offset, bytes, record.getAs<TypedAttr>("value"),
                       record.getAs<DictionaryAttr>("layout")});
    end = offset + bytes;
  }
  pad(totalBytes);
  return tensors;
}

static std::string getHeader(ArrayRef<Tensor> tensors, StringRef checksum) {
  std::string header;
  llvm::raw_string_ostream os(header);
  llvm::json::OStream json(os);
  json.object([&] {
    json.attributeObject("__metadata__", [&] {
      json.attribute("format", "cinch");
      json.attribute("cinch_checksum", checksum);
      for (const Tensor &tensor : tensors)
        if (tensor.layout)
          for (NamedAttribute entry : tensor.layout)
            json.attribute((tensor.name + "." + entry.getName().str()),
                           cast<StringAttr>(entry.getValue()).getValue());
    });
    for (const Tensor &tensor : tensors)
      json.attributeObject(tensor.name, [&] {
        auto type = tensor.value
                        ? cast<RankedTensorType>(tensor.value.getType())
                        : RankedTensorType();
        json.attribute("dtype", type ? getDtype(type.getElementType()) : "U8");
        json.attributeArray("shape", [&] {
          if (!type)
            json.value(tensor.bytes);
          else
            for (int64_t dim : type.getShape())
              json.value(dim);
        });
        json.attributeArray("data_offsets", [&] {
          json.value(tensor.offset);
          json.value(tensor.offset + tensor.bytes);
        });
      });
  });
  os.flush();
  // Spaces at the end are legal and align the data.
  header.append(
      llvm::alignTo(header.size() + 8, dataAlignment) - 8 - header.size(), ' ');
  return header;
}

namespace {

/// Writes data and hashes it on the way.
class DataWriter {
public:
  DataWriter(OutputFile &file) : file(file) {}

  llvm::Error write(const Tensor &tensor, graph::WeightFiles &files) {
    if (!tensor.value)
      return repeat(ArrayRef<char>("\0", 1), tensor.bytes);
    if (auto weight = dyn_cast<graph::WeightAttr>(tensor.value)) {
      auto bytes = files.getBytes(weight);
      if (!bytes)
        return bytes.takeError();
      put(*bytes);
      return llvm::Error::success();
    }
    auto dense = dyn_cast<DenseElementsAttr>(tensor.value);
    if (!dense)
      return llvm::createStringError("weight '" + tensor.name +
                                     "' has no bytes");
    if (dense.getElementType().isInteger(1)) {
      std::vector<char> bytes;
      for (bool element : dense.getValues<bool>())
        bytes.push_back(element);
      put(bytes);
      return llvm::Error::success();
    }
    if (dense.isSplat())
      return repeat(dense.getRawData(), dense.getNumElements());
    put(dense.getRawData());
    return llvm::Error::success();
  }

  std::string getChecksum() const { return checksum.str(); }

private:
  void put(ArrayRef<char> bytes) {
    checksum.update(bytes.data(), bytes.size());
    file.os().write(bytes.data(), bytes.size());
  }

  /// Writes `count` copies of `element`, a block at a time.
  llvm::Error repeat(ArrayRef<char> element, int64_t count) {
    std::vector<char> block;
    int64_t perBlock = std::min<int64_t>(count, (1 << 16) / element.size());
    for (int64_t i = 0; i < perBlock; ++i)
      block.insert(block.end(), element.begin(), element.end());
    for (; count > 0; count -= perBlock)
      put(ArrayRef<char>(block).take_front(std::min(count, perBlock) *
                                           element.size()));
    return llvm::Error::success();
  }

  OutputFile &file;
  Checksum checksum;
};

} // namespace

llvm::Expected<WeightsSummary> cinch::writeSafetensors(ModuleOp module,
                                                       OutputFile &file) {
  WeightsSummary summary;
  summary.bytes =
      module->getAttrOfType<IntegerAttr>("exec.weight_bytes").getInt();
  std::vector<Tensor> tensors = getTensors(module, summary.bytes);
  auto writeHeader = [&] {
    std::string header = getHeader(tensors, summary.checksum);
    char length[8];
    llvm::support::endian::write64le(length, header.size());
    file.os().write(length, sizeof(length));
    file.os() << header;
  };
  summary.checksum = Checksum().str();
  writeHeader();
  auto &files = module.getContext()
                    ->getLoadedDialect<graph::GraphDialect>()
                    ->getWeightFiles();
  DataWriter writer(file);
  for (const Tensor &tensor : tensors)
    if (llvm::Error error = writer.write(tensor, files))
      return error;
  if (llvm::Error error = file.flush())
    return error;
  summary.checksum = writer.getChecksum();
  file.os().seek(0);
  writeHeader();
  if (llvm::Error error = file.flush())
    return error;
  return summary;
}
