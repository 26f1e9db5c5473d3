//===- KeptValues.cpp - values that stay in f32, and why ------------------===//
#include "passes/Precision/KeptValues.h"
#include "dialects/Graph/Constants.h"
#include "passes/Precision/Observers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

static constexpr double largestHalf = 65504, smallestNormalHalf = 0x1p-14;
/// Samples do not show the largest value of all data.
static constexpr double margin = 4;

/// NaN is out of range; what is empty has a magnitude below 0.
static bool isOut(double magnitude, double limit) {
  return !(magnitude <= limit) ||
         (magnitude > 0 && magnitude < smallestNormalHalf);
}

KeptValues::KeptValues(func::FuncOp function, FloatType element)
    : context(function.getContext()), isHalf(element.isF16()) {
  if (isHalf)
    for (auto [value, magnitude] : getMagnitudes(function))
      if (isOut(magnitude, largestHalf / margin))
        outOfRange[value] = magnitude;
}

/// The largest magnitude of the elements.
static llvm::Expected<double> getMagnitude(TypedAttr constant) {
  auto dense = dyn_cast<DenseElementsAttr>(constant);
  if (dense && dense.isSplat())
    return std::abs(dense.getSplatValue<float>());
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes = getConstantBytes(constant, storage);
  if (!bytes)
    return bytes.takeError();
  // Magnitudes are ordered as their bits are; NaN comes last.
  uint32_t largest = 0;
  for (size_t at = 0; at < bytes->size(); at += 4)
    largest =
        std::max(largest, llvm::support::endian::read32le(&(*bytes)[at]) << 1);
  return llvm::bit_cast<float>(largest >> 1);
}

llvm::Expected<bool> KeptValues::isOutOfRange(TypedAttr constant) {
  if (!isHalf)
    return false;
  auto [entry, isNew] = constants.try_emplace(constant, false);
  if (isNew) {
    llvm::Expected<double> magnitude = getMagnitude(constant);
    if (!magnitude)
      return magnitude.takeError();
    entry->second = isOut(*magnitude, largestHalf);
  }
  return entry->second;
}

static StringRef getText(Reason reason) {
  switch (reason) {
  case Reason::None:
    break;
  case Reason::Counts:
    return "a position or a count";
  case Reason::Goal:
    return "the error goal";
  case Reason::OutOfRange:
    return "out of range";
  case Reason::Quantized:
    return "the numerics of the model";
  case Reason::Range:
    return "an operation whose results may leave the range, or that is "
           "computed from such alone";
  case Reason::Recurrent:
    return "a sum over all steps";
  case Reason::State:
    return "a state, or read with one";
  }
  llvm_unreachable("a reason that keeps nothing");
}

void KeptValues::note(Value value, Reason reason) {
  std::string name = getValueName(value);
  if (name.empty())
    return;
  std::string text = getText(reason).str();
  if (reason == Reason::OutOfRange) {
    auto found = outOfRange.find(value);
    text +=
        found == outOfRange.end()
            ? ", as a result beside it is"
            : llvm::formatv(": largest magnitude {0:e2}", found->second).str();
  }
  reasons.push_back(
      {StringAttr::get(context, name), StringAttr::get(context, text)});
}

std::string KeptValues::describe() const {
  // Farthest in powers of two, on either side; the name decides a tie.
  auto getDistance = [](double magnitude) {
    return magnitude < 1 ? -std::log2(magnitude) - 14
                         : std::log2(magnitude) - 16;
  };
  std::string name;
  double farthest = 0;
  for (auto [value, magnitude] : outOfRange) {
    std::string own = getValueName(value);
    double distance = getDistance(magnitude);
    if (name.empty() || distance > getDistance(farthest) ||
        (distance == getDistance(farthest) && own < name))
      name = own, farthest = magnitude;
  }
  return llvm::formatv("kept in f32: {0} out of range; the largest magnitude "
                       "of '{1}' is {2:e2}",
                       outOfRange.size(), name, farthest)
      .str();
}

DictionaryAttr KeptValues::getReasons() const {
  return DictionaryAttr::get(context, reasons);
}
