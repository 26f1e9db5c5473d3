//===- FewBits.cpp - where values are rounded and widened -----------------===//
#include "lib/Lowering/GraphToExec/FewBits.h"
#include "dialects/Graph/Constants.h"
#include "lib/Lowering/GraphToExec/FormGroups.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "passes/Graph/Names.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// True for a conversion of 16-bit elements to f32.
static bool widens16Bits(Operation *op) {
  if (!isa<graph::CastOp>(op))
    return false;
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  return isa<FloatType>(from) && from.getIntOrFloatBitWidth() == 16 &&
         getElementTypeOrSelf(op->getResult(0).getType()).isF32();
}

/// Gives every reader of elements of at most 16 bits in f32 a conversion of its
/// own, which it computes in place; one for all would be stored, in several
/// times the bytes.
static void splitWidening(func::FuncOp function) {
  SmallVector<Operation *> widening;
  function.walk([&](Operation *op) {
    if (widens16Bits(op) || isDecoded(op))
      widening.push_back(op);
  });
  // What reads integers that are unpacked first, so that each has its own.
  for (Operation *op : llvm::reverse(widening)) {
    llvm::SetVector<Operation *> users(op->user_begin(), op->user_end());
    for (size_t number = users.size(); number-- > 0;) {
      Operation *user = users[number];
      auto takesOwn = [&](OpOperand &use) {
        return use.getOwner() == user &&
               isa<graph::GraphDialect>(user->getDialect());
      };
      // The last one keeps the operation.
      if (llvm::none_of(op->getUses(), takesOwn) ||
          llvm::all_of(op->getUses(), takesOwn))
        continue;
      OpBuilder builder(op);
      builder.setInsertionPointAfter(op);
      Operation *own = builder.clone(*op);
      graph::setName(own, graph::getValueName(op->getResult(0)) + "_" +
                              Twine(number));
      op->replaceUsesWithIf(own->getResults(), takesOwn);
    }
  }
}

/// How many trailing axes of `out`, which `in` is reshaped to, its last axis is
/// split into; 0 if it is not.
static size_t countParts(RankedTensorType in, RankedTensorType out) {
  int64_t product = 1, channels = in.getShape().back();
  for (size_t count = 1; count <= out.getShape().size(); ++count) {
    int64_t dim = out.getShape()[out.getRank() - count];
    if (ShapedType::isDynamic(dim) || product > channels)
      return 0;
    product *= dim;
    if (product == channels)
      return count;
  }
  return 0;
}

/// Widens what a reshape makes of the elements instead of what it is made of.
/// A scale for each of the last axis becomes one for each of
/// its parts.
static graph::DequantizeOp moveBehindReshape(graph::DequantizeOp op) {
  auto reshape = op->hasOneUse() ? dyn_cast<graph::ReshapeOp>(*op->user_begin())
                                 : graph::ReshapeOp();
  auto in = cast<RankedTensorType>(op.getInput().getType());
  auto scaleType = cast<RankedTensorType>(op.getScale().getType());
  bool isSingle = scaleType.hasStaticShape() && scaleType.getNumElements() == 1;
  if (!reshape || reshape.getInput() != op.getResult() ||
      reshape->getBlock() != op->getBlock() || op.getGroupSize() != 0 ||
      op.getZeroPoint())
    return nullptr;
  auto out = cast<RankedTensorType>(reshape.getType());
  size_t numParts = isSingle ? 0 : countParts(in, out);
  if (!isSingle &&
      (static_cast<int64_t>(op.getAxis()) + 1 != in.getRank() || numParts == 0))
    return nullptr;
  OpBuilder builder(reshape);
  Location loc = op.getLoc();
  std::string name = graph::getValueName(reshape.getResult());
  auto codes = graph::ReshapeOp::create(
      builder, loc, out.clone(in.getElementType()), op.getInput(),
      reshape.getShape(), reshape.getAllowZero());
  graph::setName(codes, name + "/codes");
  Value scale = op.getScale();
  if (!isSingle) {
    SmallVector<int64_t> sizes(out.getRank() - numParts, 1);
    llvm::append_range(sizes, out.getShape().take_back(numParts));
    auto sizesType = RankedTensorType::get(out.getRank(), builder.getI64Type());
    Value shape =
        graph::makeNamedConstant(builder, loc, name + "/scale_sizes",
                                 graph::getIntegerConstant(sizesType, sizes));
    auto split = graph::ReshapeOp::create(builder, loc, scaleType.clone(sizes),
                                          scale, shape, /*allow_zero=*/false);
    graph::setName(split, name + "/scale");
    scale = split;
  }
  auto wide = graph::DequantizeOp::create(
      builder, loc, out, codes, scale, Value(),
      isSingle ? 0 : out.getRank() - 1, /*group_size=*/isSingle ? 0 : 1,
      op.getLevelsAttr());
  reshape->replaceAllUsesWith(wide);
  reshape->erase();
  op->erase();
  graph::setName(wide, name);
  return wide;
}

/// Widens behind inserted axes.
static graph::DequantizeOp moveBehindUnsqueeze(graph::DequantizeOp op) {
  auto unsqueeze = op->hasOneUse()
                       ? dyn_cast<graph::UnsqueezeOp>(*op->user_begin())
                       : graph::UnsqueezeOp();
  auto in = cast<RankedTensorType>(op.getInput().getType());
  auto scaleType = cast<RankedTensorType>(op.getScale().getType());
  if (!unsqueeze || op.getZeroPoint() || op.getGroupSize() == 0 ||
      scaleType.getRank() != in.getRank())
    return nullptr;
  ArrayRef<int64_t> axes = unsqueeze.getAxes();
  auto out = cast<RankedTensorType>(unsqueeze.getType());
  OpBuilder builder(unsqueeze);
  Location loc = op.getLoc();
  std::string name = graph::getValueName(unsqueeze.getResult());
  auto insert = [&](StringRef piece, Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    for (int64_t axis : axes)
      shape.insert(shape.begin() + axis, 1);
    auto wider = graph::UnsqueezeOp::create(builder, loc, type.clone(shape),
                                            value, axes);
    graph::setName(wider, name + "/" + piece);
    return wider;
  };
  auto codes = insert("codes", op.getInput()),
       scale = insert("scale", op.getScale());
  int64_t axis = op.getAxis();
  for (int64_t inserted : axes)
    axis += inserted <= axis;
  auto wide =
      graph::DequantizeOp::create(builder, loc, out, codes, scale, Value(),
                                  axis, op.getGroupSize(), op.getLevelsAttr());
  unsqueeze->replaceAllUsesWith(wide);
  unsqueeze->erase();
  op->erase();
  graph::setName(wide, name);
  return wide;
}

/// Looks up the codes of a table, and the scales of its rows, instead of
/// widened rows.
static graph::DequantizeOp moveBehindLookup(graph::DequantizeOp op) {
  auto lookup = op->hasOneUse() ? dyn_cast<graph::GatherOp>(*op->user_begin())
                                : graph::GatherOp();
  auto scaleType = cast<RankedTensorType>(op.getScale().getType());
  if (!lookup || lookup.getInput() != op.getResult() || lookup.getAxis() != 0 ||
      op.getAxis() != 0 || op.getGroupSize() != 0 || op.getZeroPoint() ||
      scaleType.getRank() != 1 || scaleType.getDimSize(0) == 1)
    return nullptr;
  auto out = cast<RankedTensorType>(lookup.getType()),
       table = cast<RankedTensorType>(op.getInput().getType());
  if (table.getRank() != 2 || out.isDynamicDim(out.getRank() - 1))
    return nullptr;
  OpBuilder builder(lookup);
  Location loc = op.getLoc();
  std::string name = graph::getValueName(lookup.getResult());
  auto look = [&](StringRef piece, Type type, Value data) {
    auto rows = graph::GatherOp::create(builder, loc, type, data,
                                        lookup.getIndices(), lookup.getAxis());
    graph::setName(rows, name + "/" + piece);
    return rows;
  };
  auto codes = look("codes", out.clone(table.getElementType()), op.getInput());
  auto scales = look("scales", scaleType.clone(out.getShape().drop_back()),
                     op.getScale());
  auto column = graph::UnsqueezeOp::create(
      builder, loc,
      scaleType.clone(llvm::to_vector(llvm::concat<const int64_t>(
          out.getShape().drop_back(), ArrayRef<int64_t>{1}))),
      scales, ArrayRef<int64_t>{out.getRank() - 1});
  graph::setName(column, name + "/scale");
  auto wide = graph::DequantizeOp::create(
      builder, loc, out, codes, column, Value(), out.getRank() - 1,
      /*group_size=*/out.getShape().back(), op.getLevelsAttr());
  lookup->replaceAllUsesWith(wide);
  lookup->erase();
  op->erase();
  graph::setName(wide, name);
  return wide;
}

/// The producer of `value` if it is an `OpTy` of the same block and nothing
/// else reads elements of the value; null if not.
template <typename OpTy> static OpTy findOnlyProducer(Value value) {
  auto op = value.getDefiningOp<OpTy>();
  return op && llvm::count_if(value.getUses(), isRead) == 1 ? op : OpTy();
}

namespace {
/// quantize(reshape(transpose(product)) * factors): heads that are joined and
/// rounded.
struct JoinedRounding {
  graph::QuantizeOp rounding;
  graph::MulOp scaling; ///< by constants; may be null
  Value factors;
  graph::ReshapeOp reshape;
  graph::TransposeOp transpose;

  static std::optional<JoinedRounding> match(graph::QuantizeOp op);
  /// The shape of the factors beside the product, [1, heads, 1, size]; empty if
  /// they are not in the same order there.
  SmallVector<int64_t> getFactorShape();
};
} // namespace

std::optional<JoinedRounding> JoinedRounding::match(graph::QuantizeOp op) {
  JoinedRounding found;
  found.rounding = op;
  auto scale = cast<RankedTensorType>(op.getScale().getType());
  Value zero = op.getZeroPoint();
  if (!scale.hasStaticShape() || scale.getNumElements() != 1 ||
      !op.getScale().getDefiningOp<graph::ConstantOp>() ||
      (zero && !zero.getDefiningOp<graph::ConstantOp>()))
    return std::nullopt;
  Value value = op.getInput();
  if ((found.scaling = findOnlyProducer<graph::MulOp>(value))) {
    Value lhs = found.scaling.getLhs(), rhs = found.scaling.getRhs();
    bool isLeft = lhs.getDefiningOp<graph::ConstantOp>() != nullptr;
    found.factors = isLeft ? lhs : rhs;
    value = isLeft ? rhs : lhs;
    if (!found.factors.getDefiningOp<graph::ConstantOp>() ||
        cast<RankedTensorType>(found.factors.getType()).getRank() > 1)
      return std::nullopt;
  }
  found.reshape = findOnlyProducer<graph::ReshapeOp>(value);
  if (!found.reshape)
    return std::nullopt;
  found.transpose =
      findOnlyProducer<graph::TransposeOp>(found.reshape.getInput());
  if (!found.transpose ||
      !findOnlyProducer<graph::MatmulOp>(found.transpose.getInput()) ||
      (found.factors && found.getFactorShape().empty()))
    return std::nullopt;
  return found;
}

SmallVector<int64_t> JoinedRounding::getFactorShape() {
  auto joined = cast<RankedTensorType>(reshape.getType()),
       split = cast<RankedTensorType>(transpose.getType());
  if (ShapedType::isDynamic(joined.getShape().back()))
    return {};
  size_t numParts = countParts(joined, split), rank = split.getRank();
  SmallVector<int64_t> shape(rank, 1);
  int64_t previous = -1;
  for (size_t axis = rank - numParts; axis < rank; ++axis) {
    int64_t source = transpose.getPermutation()[axis];
    if (source < previous)
      return {};
    previous = source;
    shape[source] = split.getDimSize(axis);
  }
  return numParts == 0 ? SmallVector<int64_t>() : shape;
}

/// Rounds where the product is computed, and moves the codes.
static void moveBeforeTranspose(JoinedRounding found) {
  graph::QuantizeOp op = found.rounding;
  OpBuilder builder(found.transpose);
  Location loc = op.getLoc();
  std::string name = graph::getValueName(op.getResult());
  Value value = found.transpose.getInput();
  auto type = cast<RankedTensorType>(value.getType());
  if (found.scaling) {
    Value factors = found.factors;
    auto factorType = cast<RankedTensorType>(factors.getType());
    if (factorType.getNumElements() != 1) {
      SmallVector<int64_t> shape = found.getFactorShape();
      auto sizesType =
          RankedTensorType::get(type.getRank(), builder.getI64Type());
      Value sizes =
          graph::makeNamedConstant(builder, loc, name + "/factor_sizes",
                                   graph::getIntegerConstant(sizesType, shape));
      // Constants may come later in the block.
      Operation *constant = builder.clone(*factors.getDefiningOp());
      graph::setName(constant, name + "/joined_factors");
      auto split = graph::ReshapeOp::create(
          builder, loc, factorType.clone(shape), constant->getResult(0), sizes,
          /*allow_zero=*/false);
      graph::setName(split, name + "/factors");
      factors = split;
    }
    auto scaled = graph::MulOp::create(builder, loc, type, value, factors);
    graph::setName(scaled, name + "/scaled");
    value = scaled;
  }
  Operation *scale = builder.clone(*op.getScale().getDefiningOp());
  graph::setName(scale, name + "/scale");
  Value zero;
  if (Value old = op.getZeroPoint()) {
    Operation *copy = builder.clone(*old.getDefiningOp());
    graph::setName(copy, name + "/zero");
    zero = copy->getResult(0);
  }
  Type element = getElementTypeOrSelf(op.getType());
  auto codes = graph::QuantizeOp::create(
      builder, loc, type.clone(element), value, scale->getResult(0), zero,
      /*axis=*/0, /*group_size=*/0, op.getSaturate());
  graph::setName(codes, name + "/codes");
  auto moved = graph::TransposeOp::create(
      builder, loc,
      cast<RankedTensorType>(found.transpose.getType()).clone(element), codes,
      found.transpose.getPermutation());
  graph::setName(moved, name + "/moved");
  builder.setInsertionPoint(op);
  auto joined = graph::ReshapeOp::create(builder, loc, op.getType(), moved,
                                         found.reshape.getShape(),
                                         found.reshape.getAllowZero());
  op.replaceAllUsesWith(joined.getResult());
  op.erase();
  graph::setName(joined, name);
}

/// Moves `op` behind what only moves its result, and returns it; null if it
/// stays.
static graph::DequantizeOp moveBehind(graph::DequantizeOp op) {
  Operation *reader = op->hasOneUse() ? *op->user_begin() : nullptr;
  if (isa_and_nonnull<graph::ReshapeOp>(reader))
    return moveBehindReshape(op);
  if (isa_and_nonnull<graph::GatherOp>(reader))
    return moveBehindLookup(op);
  if (isa_and_nonnull<graph::UnsqueezeOp>(reader))
    return moveBehindUnsqueeze(op);
  return nullptr;
}

void cinch::form::placeFewBits(func::FuncOp function) {
  splitWidening(function);
  SmallVector<graph::DequantizeOp> widenings;
  function.walk([&](graph::DequantizeOp op) { widenings.push_back(op); });
  for (graph::DequantizeOp op : widenings)
    while (op)
      op = moveBehind(op);
  splitWidening(function); // what was moved may have more readers
  SmallVector<graph::QuantizeOp> roundings;
  function.walk([&](graph::QuantizeOp op) { roundings.push_back(op); });
  for (graph::QuantizeOp op : roundings)
    if (auto found = JoinedRounding::match(op))
      moveBeforeTranspose(*found);
}
