//===- RoundConstant.cpp - constants in 16 bits ---------------------------===//
#include "passes/Precision/RoundConstant.h"
#include "dialects/Graph/Constants.h"
#include "llvm/Support/Endian.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::precision;

/// Elements of a constant that are looked at one by one.
static constexpr int64_t maxLookedAt = 64;

static APFloat round(float number, const llvm::fltSemantics &semantics,
                     int64_t &numClamped) {
  APFloat value(number);
  bool losesInfo;
  value.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  if (value.isInfinity() && std::isfinite(number)) {
    value = APFloat::getLargest(semantics, number < 0);
    ++numClamped;
  }
  return value;
}

/// The bits of `number` in f16 or bf16. Most are normal numbers in range: these
/// are rounded as integers, the others by APFloat.
static uint16_t roundBits(uint32_t bits, const llvm::fltSemantics &semantics,
                          int64_t &numClamped) {
  bool isHalf = &semantics == &APFloat::IEEEhalf();
  uint32_t exponent = bits >> 23 & 0xff;
  if (exponent > (isHalf ? 112u : 0u) && exponent < (isHalf ? 142u : 254u)) {
    unsigned dropped = isHalf ? 13 : 16;
    uint32_t magnitude = bits & 0x7fffffff;
    magnitude += ((1u << (dropped - 1)) - 1) + (magnitude >> dropped & 1);
    magnitude >>= dropped;
    if (isHalf)
      magnitude -= 112u << 10; // the difference of the exponents' biases
    return static_cast<uint16_t>(bits >> 16 & 0x8000) |
           static_cast<uint16_t>(magnitude);
  }
  return static_cast<uint16_t>(
      round(llvm::bit_cast<float>(bits), semantics, numClamped)
          .bitcastToAPInt()
          .getZExtValue());
}

llvm::Expected<TypedAttr> precision::roundConstant(TypedAttr constant,
                                                   FloatType element,
                                                   int64_t &numClamped) {
  auto type = cast<RankedTensorType>(constant.getType());
  auto rounded = RankedTensorType::get(type.getShape(), element);
  const llvm::fltSemantics &semantics = element.getFloatSemantics();
  auto dense = dyn_cast<DenseElementsAttr>(constant);
  if (dense && dense.isSplat())
    return TypedAttr(DenseElementsAttr::get(
        rounded, round(dense.getSplatValue<float>(), semantics, numClamped)));
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes =
      graph::getConstantBytes(constant, storage);
  if (!bytes)
    return bytes.takeError();
  auto fill = [&](MutableArrayRef<char> into) {
    for (size_t i = 0; i < into.size() / 2; ++i)
      llvm::support::endian::write16le(
          &into[2 * i],
          roundBits(llvm::support::endian::read32le(&(*bytes)[4 * i]),
                    semantics, numClamped));
  };
  if (dense) {
    SmallVector<char> result(bytes->size() / 2);
    fill(result);
    return TypedAttr(DenseElementsAttr::getFromRawBuffer(rounded, result));
  }
  return graph::makeTemporaryConstant(rounded, fill);
}

bool precision::vanishes(TypedAttr constant, FloatType element) {
  auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
  std::optional<SmallVector<double>> elements;
  if (dense && dense.isSplat() && isa<FloatType>(dense.getElementType()))
    elements = {dense.getSplatValue<APFloat>().convertToDouble()};
  else if (constant)
    elements = graph::getFloats(constant, maxLookedAt);
  int64_t numClamped = 0;
  return elements && llvm::any_of(*elements, [&](double number) {
           return number != 0 && round(static_cast<float>(number),
                                       element.getFloatSemantics(), numClamped)
                                     .isZero();
         });
}
