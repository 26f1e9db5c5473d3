//===- Codes.cpp - constants of few bits in the graph ---------------------===//
#include "passes/Quantize/Codes.h"
#include "dialects/Graph/Constants.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/WeightRounding.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// The type of the constant of codes of `type`.
static RankedTensorType getStoredType(RankedTensorType type,
                                      const Format &format) {
  MLIRContext *context = type.getContext();
  if (format.isByElement())
    return type.clone(getElementType(format, context));
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = llvm::divideCeil(shape.back() * format.bits, 8);
  return RankedTensorType::get(
      shape, IntegerType::get(context, 8, IntegerType::Unsigned));
}

int64_t quantize::getCodeBytes(RankedTensorType type, const Format &format) {
  return *getStorageBytes(getStoredType(type, format));
}

/// Puts the codes into bytes as the constant of `type` has them.
static void packRows(ArrayRef<uint8_t> codes, RankedTensorType type,
                     const Format &format, MutableArrayRef<char> bytes) {
  size_t row = format.isByElement() ? codes.size() : type.getShape().back();
  size_t width = format.isByElement() ? bytes.size()
                                      : llvm::divideCeil(row * format.bits, 8);
  for (size_t first = 0, at = 0; first < codes.size();
       first += row, at += width)
    packCodes(codes.slice(first, row), format.bits, bytes.slice(at, width));
}

/// A small constant, whose elements text shows.
static TypedAttr makeDense(RankedTensorType type, const Format &format,
                           ArrayRef<uint8_t> codes) {
  if (format.isFloat()) {
    SmallVector<APFloat> elements;
    for (uint8_t code : codes)
      elements.push_back(APFloat(*format.semantics, APInt(format.bits, code)));
    return DenseElementsAttr::get(type, elements);
  }
  SmallVector<APInt> elements;
  unsigned bits = type.getElementTypeBitWidth();
  for (uint8_t code : codes)
    elements.push_back(APInt(bits, code));
  return DenseElementsAttr::get(type, elements);
}

llvm::Expected<Codes>
quantize::makeCodes(OpBuilder &builder, Location loc, const std::string &name,
                    RankedTensorType type, const Format &format,
                    ArrayRef<uint8_t> codes, bool isSmall) {
  Codes result;
  RankedTensorType stored = getStoredType(type, format);
  result.bytes = *getStorageBytes(stored);
  std::vector<char> bytes(result.bytes);
  TypedAttr attribute;
  if (isSmall && format.isByElement()) {
    attribute = makeDense(stored, format, codes);
  } else if (isSmall) {
    packRows(codes, type, format, bytes);
    attribute = DenseElementsAttr::getFromRawBuffer(stored, bytes);
  } else {
    llvm::Expected<TypedAttr> made =
        makeTemporaryConstant(stored, [&](MutableArrayRef<char> target) {
          packRows(codes, type, format, target);
        });
    if (!made)
      return made.takeError();
    attribute = *made;
  }
  result.constant = makeNamedConstant(builder, loc, name + "/q", attribute);
  result.value = result.constant;
  if (!format.isByElement()) {
    auto unpack =
        UnpackOp::create(builder, loc, type.clone(builder.getI8Type()),
                         result.value, format.bits, type.getShape().back());
    setName(unpack, name + "/codes");
    result.value = unpack;
  }
  return result;
}

DenseF32ArrayAttr quantize::getLevels(const Format &format,
                                      MLIRContext *context) {
  return format.levels
             ? DenseF32ArrayAttr::get(
                   context, ArrayRef(format.levels, size_t(1) << format.bits))
             : DenseF32ArrayAttr();
}

ConstantOp quantize::findCodes(DequantizeOp weight) {
  Value codes = weight.getInput();
  if (auto unpack = codes.getDefiningOp<UnpackOp>())
    codes = unpack.getInput();
  return codes.getDefiningOp<ConstantOp>();
}

const Format *quantize::findFormat(DequantizeOp weight) {
  if (auto levels = weight.getLevels()) {
    for (StringRef name : {"nf4", "log2"})
      if (const Format *format = Format::find(name);
          weight.getLevelsAttr() == getLevels(*format, weight.getContext()))
        return format;
    return nullptr;
  }
  if (auto unpack = weight.getInput().getDefiningOp<UnpackOp>())
    return Format::find("i" + std::to_string(unpack.getBits()));
  std::string element;
  llvm::raw_string_ostream(element)
      << weight.getInput().getType().getElementType();
  return Format::find(element);
}

llvm::Expected<std::vector<float>> quantize::readCodes(DequantizeOp weight,
                                                       const Format &format) {
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes =
      getConstantBytes(findCodes(weight).getValue(), storage);
  if (!bytes)
    return bytes.takeError();
  RankedTensorType type = weight.getType();
  size_t count = type.getNumElements(),
         row = format.isByElement() ? count : type.getShape().back();
  size_t width = llvm::divideCeil(row * format.bits, 8);
  std::vector<float> numbers;
  for (size_t first = 0, at = 0; first < count; first += row, at += width)
    for (size_t i = 0; i < row; ++i)
      numbers.push_back(static_cast<float>(
          format.decode(unpackCode(bytes->slice(at, width), format.bits, i))));
  return numbers;
}
