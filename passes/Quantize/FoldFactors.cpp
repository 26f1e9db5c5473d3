//===- FoldFactors.cpp - factors of channels into what makes a value ------===//
#include "passes/Quantize/FoldFactors.h"
#include "dialects/Graph/Constants.h"
#include "passes/Graph/LinearOp.h"
#include "passes/Graph/Names.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {

/// Follows a value to where its factors go. The first time nothing is changed.
class Folder {
public:
  Folder(unsigned axis, ArrayRef<double> factors,
         llvm::function_ref<std::string(StringRef)> rename)
      : axis(axis), factors(factors), rename(rename) {}

  bool fold(Value value, bool applies);

private:
  bool foldNorm(Operation *op, bool applies);
  bool foldAffine(Operation *op, bool applies);
  bool foldLinear(Operation *op, bool applies);
  /// An operand that nothing else reads and has all channels.
  bool foldOperand(Operation *op, unsigned number, bool applies);
  /// A constant per channel: `elements` by the factors, after `old`.
  Value makeConstant(Operation *op, Value old, ArrayRef<double> elements,
                     int64_t rank);
  void renameResult(Operation *op) {
    setName(op, rename(getValueName(op->getResult(0))));
  }

  unsigned axis;
  ArrayRef<double> factors;
  llvm::function_ref<std::string(StringRef)> rename;
};

} // namespace

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

Value Folder::makeConstant(Operation *op, Value old, ArrayRef<double> elements,
                           int64_t rank) {
  SmallVector<float> scaled;
  for (auto [element, factor] : llvm::zip_equal(elements, factors))
    scaled.push_back(static_cast<float>(element * factor));
  SmallVector<int64_t> shape(rank - axis, 1);
  shape[0] = static_cast<int64_t>(scaled.size());
  OpBuilder builder(op);
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  return makeNamedConstant(
      builder, op->getLoc(), rename(getValueName(old)),
      DenseElementsAttr::get(type, ArrayRef<float>(scaled)));
}

static void eraseIfUnused(Value constant) {
  if (constant.use_empty())
    constant.getDefiningOp()->erase();
}

bool Folder::foldOperand(Operation *op, unsigned number, bool applies) {
  Value operand = op->getOperand(number);
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  Type result = op->getResult(0).getType();
  return type && type.getRank() == cast<RankedTensorType>(result).getRank() &&
         type.getDimSize(axis) == static_cast<int64_t>(factors.size()) &&
         operand.hasOneUse() && fold(operand, applies);
}

/// The elements of a constant for every one of `count` channels of the last
/// axis; nullopt if it differs along another.
static std::optional<SmallVector<double>> getLastAxis(Value value,
                                                      size_t count) {
  auto elements = getFloats(getConstantValue(value), INT64_MAX);
  if (!elements || getType(value).getRank() > 1)
    return std::nullopt;
  if (elements->size() == 1)
    elements->assign(count, elements->front());
  if (elements->size() != count)
    return std::nullopt;
  return elements;
}

bool Folder::foldNorm(Operation *op, bool applies) {
  int64_t rank = getType(op->getResult(0)).getRank();
  auto layerNorm = dyn_cast<LayerNormOp>(op);
  Value bias = layerNorm ? layerNorm.getBias() : Value();
  int64_t first =
      layerNorm ? layerNorm.getAxis() : cast<RMSNormOp>(op).getAxis();
  if (static_cast<int64_t>(axis) + 1 != rank || first + 1 != rank)
    return false;
  auto gains = getLastAxis(op->getOperand(1), factors.size());
  auto shifts = bias ? getLastAxis(bias, factors.size())
                     : std::optional(SmallVector<double>());
  if (!gains || !shifts)
    return false;
  if (!applies)
    return true;
  Value gain = op->getOperand(1);
  op->setOperand(1, makeConstant(op, gain, *gains, rank));
  eraseIfUnused(gain);
  if (bias) {
    op->setOperand(2, makeConstant(op, bias, *shifts, rank));
    eraseIfUnused(bias);
  }
  renameResult(op);
  return true;
}

/// A product takes the factors in, a sum passes them on to both sides.
bool Folder::foldAffine(Operation *op, bool applies) {
  int64_t rank = getType(op->getResult(0)).getRank();
  bool isSum = isa<AddOp, SubOp>(op);
  for (unsigned number : {0u, 1u}) {
    Value input = op->getOperand(number), constant = op->getOperand(1 - number);
    if (getConstantValue(input) || !getConstantValue(constant) ||
        getType(input).getRank() != rank ||
        getType(input).getDimSize(axis) != int64_t(factors.size()))
      continue;
    auto affine = getChannelAffine(op, input, axis, factors.size());
    // c - x has a factor of -1, which is left to what makes x.
    if (!affine || (isSum && affine->hasScale()))
      continue;
    if (isSum && !foldOperand(op, number, applies))
      return false;
    if (!applies)
      return true;
    ArrayRef<double> elements = isSum ? affine->shift : affine->scale;
    Value changed = makeConstant(op, constant, elements, rank);
    OpBuilder builder(op);
    Value result = op->getResult(0);
    Operation *made =
        isSum ? AddOp::create(builder, op->getLoc(), result.getType(),
                              op->getOperand(number), changed)
              : MulOp::create(builder, op->getLoc(), result.getType(), input,
                              changed)
                    .getOperation();
    made->setAttrs(op->getAttrs());
    renameResult(made);
    result.replaceAllUsesWith(made->getResult(0));
    op->erase();
    eraseIfUnused(constant);
    return true;
  }
  // One side of a product of computed values.
  if (isa<MulOp>(op))
    for (unsigned number : {1u, 0u})
      if (op->getOperand(0) != op->getOperand(1) &&
          foldOperand(op, number, applies)) {
        if (applies)
          renameResult(op);
        return true;
      }
  return false;
}

bool Folder::foldLinear(Operation *op, bool applies) {
  auto linear = LinearOp::match(op);
  if (!linear || linear->outAxis != axis ||
      linear->numOut != static_cast<int64_t>(factors.size()))
    return false;
  if (!applies)
    return true;
  ChannelAffine out = ChannelAffine::get(linear->numOut);
  out.scale.assign(factors.begin(), factors.end());
  Value weight = op->getOperand(1);
  TypedAttr filter =
      linear->scaleFilter(ChannelAffine::get(linear->numIn), out);
  if (!filter)
    return false;
  OpBuilder builder(op);
  op->setOperand(1, makeNamedConstant(builder, op->getLoc(),
                                      rename(getValueName(weight)), filter));
  eraseIfUnused(weight);
  renameResult(op);
  return true;
}

bool Folder::fold(Value value, bool applies) {
  Operation *op = value.getDefiningOp();
  if (!op || !isa<RankedTensorType>(value.getType()))
    return false;
  if (isa<LayerNormOp, RMSNormOp>(op))
    return foldNorm(op, applies);
  if (isa<AddOp, SubOp, MulOp, DivOp>(op))
    return foldAffine(op, applies);
  if (isa<ReluOp>(op) || (isa<MaxPoolOp, AveragePoolOp>(op) && axis == 1)) {
    // Positive factors go through, channel by channel.
    if (!foldOperand(op, 0, applies))
      return false;
    if (applies)
      renameResult(op);
    return true;
  }
  return foldLinear(op, applies);
}

bool quantize::foldFactors(Value value, unsigned axis, ArrayRef<double> factors,
                           llvm::function_ref<std::string(StringRef)> rename) {
  Folder folder(axis, factors, rename);
  return folder.fold(value, /*applies=*/false) &&
         folder.fold(value, /*applies=*/true);
}

bool quantize::canFoldFactors(Value value, unsigned axis, int64_t numChannels) {
  SmallVector<double> factors(numChannels, 1);
  Folder folder(axis, factors,
                [](StringRef name) -> std::string { return name.str(); });
  return folder.fold(value, /*applies=*/false);
}
