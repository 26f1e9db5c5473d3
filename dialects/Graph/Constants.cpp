//===- Constants.cpp - reading constant elements --------------------------===//
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/ElementTypes.h"
#include "dialects/Graph/Graph.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

std::optional<int64_t> graph::getNumElements(RankedTensorType type) {
  int64_t count = 1;
  for (int64_t dim : type.getShape())
    if (ShapedType::isDynamic(dim) || llvm::MulOverflow(count, dim, count))
      return std::nullopt;
  return count;
}

std::optional<int64_t> graph::getStorageBytes(RankedTensorType type) {
  std::optional<int64_t> count = getNumElements(type);
  Type element = type.getElementType();
  if (!count || !element.isIntOrFloat())
    return std::nullopt;
  int64_t bits = element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
  int64_t total;
  if (llvm::MulOverflow(*count, bits, total) || total > INT64_MAX - 7)
    return std::nullopt;
  return (total + 7) / 8;
}

LogicalResult
WeightAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   StringRef file, uint64_t offset, uint64_t length,
                   uint64_t checksum, RankedTensorType type) {
  if (!type.hasStaticShape())
    return emitError() << "expected a weight of static shape, but got "
                       << type; // C1
  std::optional<int64_t> bytes = getStorageBytes(type);
  if (!bytes || static_cast<uint64_t>(*bytes) != length) // C2
    return emitError() << "expected the bytes of " << type
                       << " as length of a weight, but got " << length;
  return success();
}

TypedAttr graph::getConstantValue(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? constant.getValue() : TypedAttr();
}

/// Calls `consume` with the bits of each element of a small constant; false if
/// they cannot be read.
static bool forEachElement(TypedAttr constant, int64_t maxElements,
                           llvm::function_ref<void(const APInt &)> consume) {
  auto type = dyn_cast<RankedTensorType>(constant.getType());
  if (!type)
    return false;
  std::optional<int64_t> count = getNumElements(type);
  if (!count || *count > maxElements)
    return false;
  Type element = type.getElementType();
  if (auto dense = dyn_cast<DenseElementsAttr>(constant)) {
    if (isa<FloatType>(element)) {
      for (const APFloat &value : dense.getValues<APFloat>())
        consume(value.bitcastToAPInt());
      return true;
    }
    if (!isa<IntegerType>(element))
      return false;
    for (const APInt &value : dense.getValues<APInt>())
      consume(value);
    return true;
  }
  auto weight = dyn_cast<WeightAttr>(constant);
  if (!weight)
    return false;
  unsigned bits = element.getIntOrFloatBitWidth(),
           stored = getStorageBits(element);
  if (stored == 0)
    return false;
  auto *dialect = constant.getContext()->getLoadedDialect<GraphDialect>();
  llvm::Expected<ArrayRef<char>> data =
      dialect->getWeightFiles().getBytes(weight);
  if (!data) {
    llvm::consumeError(data.takeError());
    return false;
  }
  for (int64_t i = 0; i < *count; ++i) {
    uint64_t value = 0;
    int64_t first = i * stored / 8;
    for (unsigned byte = 0; byte < llvm::divideCeil(stored, 8); ++byte)
      value |=
          static_cast<uint64_t>(static_cast<uint8_t>((*data)[first + byte]))
          << (8 * byte);
    value >>= i * stored % 8;
    consume(APInt(bits, bits == 1 ? value != 0 : value, /*isSigned=*/false,
                  /*implicitTrunc=*/true));
  }
  return true;
}

std::optional<SmallVector<int64_t>> graph::getIntegers(TypedAttr constant,
                                                       int64_t maxElements) {
  auto shaped = constant ? dyn_cast<RankedTensorType>(constant.getType())
                         : RankedTensorType();
  auto type =
      shaped ? dyn_cast<IntegerType>(shaped.getElementType()) : IntegerType();
  if (!type)
    return std::nullopt;
  bool isUnsigned = type.isUnsigned() || type.getWidth() == 1;
  bool fits = true;
  SmallVector<int64_t> elements;
  bool read = forEachElement(constant, maxElements, [&](const APInt &value) {
    fits &= isUnsigned ? value.getActiveBits() < 64
                       : value.getSignificantBits() <= 64;
    if (fits)
      elements.push_back(isUnsigned ? static_cast<int64_t>(value.getZExtValue())
                                    : value.getSExtValue());
  });
  if (!read || !fits)
    return std::nullopt;
  return elements;
}

std::optional<SmallVector<double>> graph::getFloats(TypedAttr constant,
                                                    int64_t maxElements) {
  auto shaped = constant ? dyn_cast<RankedTensorType>(constant.getType())
                         : RankedTensorType();
  auto type =
      shaped ? dyn_cast<FloatType>(shaped.getElementType()) : FloatType();
  if (!type)
    return std::nullopt;
  SmallVector<double> elements;
  bool read = forEachElement(constant, maxElements, [&](const APInt &bits) {
    APFloat value(type.getFloatSemantics(), bits);
    bool losesInfo;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    elements.push_back(value.convertToDouble());
  });
  if (!read)
    return std::nullopt;
  return elements;
}

llvm::Expected<ArrayRef<char>>
graph::getConstantBytes(TypedAttr constant,
                        llvm::SmallVectorImpl<char> &storage) {
  if (auto weight = dyn_cast_or_null<WeightAttr>(constant))
    return constant.getContext()
        ->getLoadedDialect<GraphDialect>()
        ->getWeightFiles()
        .getBytes(weight);
  auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
  bool isNumber = dense && dense.getElementType().isIntOrFloat();
  unsigned bits = isNumber ? dense.getElementType().getIntOrFloatBitWidth() : 0;
  if (bits == 1) {
    for (bool value : dense.getValues<bool>())
      storage.push_back(value);
    return ArrayRef<char>(storage);
  }
  unsigned perByte = isNumber ? getElementsPerByte(dense.getElementType()) : 1;
  if (perByte > 1) {
    storage.assign(llvm::divideCeil(dense.getNumElements(), perByte), 0);
    (void)forEachElement(constant, INT64_MAX,
                         [&, index = int64_t(0)](const APInt &value) mutable {
                           storage[index / perByte] =
                               static_cast<char>(storage[index / perByte] |
                                                 (value.getZExtValue()
                                                  << (index % perByte * bits)));
                           ++index;
                         });
    return ArrayRef<char>(storage);
  }
  if (bits == 0 || bits % 8 != 0)
    return llvm::createStringError("expected a constant whose elements have a "
                                   "place in memory");
  if (!dense.isSplat())
    return dense.getRawData();
  ArrayRef<char> element = dense.getRawData().take_front(bits / 8);
  storage.reserve(dense.getNumElements() * element.size());
  for (int64_t i = 0; i < dense.getNumElements(); ++i)
    storage.append(element.begin(), element.end());
  return ArrayRef<char>(storage);
}

TypedAttr
graph::makeConstant(RankedTensorType type,
                    std::unique_ptr<llvm::WritableMemoryBuffer> buffer) {
  MLIRContext *context = type.getContext();
  uint64_t length = buffer->getBufferSize();
  std::string file =
      context->getOrLoadDialect<GraphDialect>()->getWeightFiles().addBuffer(
          std::move(buffer));
  return WeightAttr::get(context, file, /*offset=*/0, length, /*checksum=*/0,
                         type);
}

/// An unnamed file of `bytes` bytes that `fill` wrote, mapped read-only.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
makeTemporaryFile(size_t bytes,
                  llvm::function_ref<void(MutableArrayRef<char>)> fill) {
  namespace fs = llvm::sys::fs;
  int descriptor;
  llvm::SmallString<64> path;
  if (std::error_code error =
          fs::createTemporaryFile("cinch", "weights", descriptor, path))
    return llvm::createStringError(error, "cannot make a temporary file");
  auto fail = [&](std::error_code error) {
    return llvm::createStringError(error, "cannot write " + llvm::Twine(bytes) +
                                              " bytes to a temporary file");
  };
  fs::file_t file = fs::convertFDToNativeFile(descriptor);
  llvm::scope_exit close([&] {
    std::error_code ignored = fs::closeFile(file); // it is mapped
    (void)ignored;
  });
  if (std::error_code error = fs::remove(path))
    return fail(error);
  if (std::error_code error = fs::resize_file(descriptor, bytes))
    return fail(error);
  {
    std::error_code error;
    fs::mapped_file_region region(file, fs::mapped_file_region::readwrite,
                                  bytes, /*offset=*/0, error);
    if (error)
      return fail(error);
    fill({region.data(), bytes});
  }
  auto buffer = llvm::MemoryBuffer::getOpenFile(
      file, "weights", bytes, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(buffer.getError());
  return std::move(*buffer);
}

llvm::Expected<TypedAttr> graph::makeTemporaryConstant(
    RankedTensorType type,
    llvm::function_ref<void(MutableArrayRef<char>)> fill) {
  uint64_t length = *getStorageBytes(type);
  auto buffer = makeTemporaryFile(length, fill);
  if (!buffer)
    return buffer.takeError();
  MLIRContext *context = type.getContext();
  std::string file =
      context->getOrLoadDialect<GraphDialect>()->getWeightFiles().addBuffer(
          std::move(*buffer));
  return TypedAttr(WeightAttr::get(context, file, /*offset=*/0, length,
                                   /*checksum=*/0, type));
}

TypedAttr graph::getIntegerConstant(RankedTensorType type,
                                    ArrayRef<int64_t> elements) {
  unsigned width = type.getElementTypeBitWidth();
  SmallVector<APInt> values;
  for (int64_t element : elements)
    values.push_back(APInt(width, static_cast<uint64_t>(element),
                           /*isSigned=*/true, /*implicitTrunc=*/true));
  return DenseElementsAttr::get(type, values);
}
