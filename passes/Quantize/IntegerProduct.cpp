//===- IntegerProduct.cpp - a product of quantized values -----------------===//
//
// Scales that do not change along the sum come out of it, and so do zero
// points, as sums of the other operand (Jacob et al., "Quantization and
// Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
// 2018, equations 4 to 8).
//
//===----------------------------------------------------------------------===//
#include "passes/Quantize/IntegerProduct.h"
#include "dialects/Graph/Constants.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// The number of products in a sum; nullopt if it is not known.
std::optional<int64_t> IntegerProduct::getDepth() {
  int64_t depth = 1;
  ArrayRef<int64_t> dims = rhs.shape;
  if (conv)
    dims = dims.drop_front();
  else
    dims = dims.slice(getDepthAxis(/*isLhs=*/false), 1);
  for (int64_t dim : dims) {
    if (ShapedType::isDynamic(dim))
      return std::nullopt;
    depth *= dim;
  }
  return depth;
}

/// Whether a scale or zero point of an operand is the same for all elements of
/// each sum.
bool IntegerProduct::isConstantAlongDepth(Value parameter, bool isLhs) {
  const IntegerOperand &operand = isLhs ? lhs : rhs;
  if (hasOneElement(parameter))
    return true;
  auto type = cast<RankedTensorType>(parameter.getType());
  if (operand.groupSize == 0)
    return type.getRank() == 1 &&
           operand.axis == (conv ? 0 : getFreeAxis(isLhs)) && !(conv && isLhs);
  return !conv && operand.axis == getDepthAxis(isLhs) &&
         type.getRank() == operand.getRank() &&
         type.getDimSize(operand.axis) == 1 &&
         (isLhs || operand.getRank() == 2);
}

/// Whether the zero points can be taken out of the sums.
bool IntegerProduct::canCorrect() {
  bool isConstantSum = rhs.constant && (conv || rhs.getRank() == 2);
  if (lhs.hasZero() && !lhs.hasOneZero() &&
      (conv || lhs.zeros || !isConstantAlongDepth(lhs.zero, /*isLhs=*/true)))
    return false;
  if (conv)
    return !rhs.hasZero() && (!lhs.hasZero() || isConstantSum);
  // A sum of the other operand, as an operation.
  return rhs.hasOneZero();
}

Reason IntegerProduct::check() {
  auto left = IntegerOperand::match(op->getOperand(0)),
       right = IntegerOperand::match(op->getOperand(1));
  if (!left || !right || !left->scale != !right->scale || !left->integers)
    return Reason::Unquantized;
  lhs = std::move(*left);
  rhs = std::move(*right);
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return Reason::Unquantized;
  Type result = getElementTypeOrSelf(op->getResult(0).getType());
  if (result != (lhs.scale ? Type(b.builder.getF32Type()) : i32))
    return Reason::Unquantized;
  if (conv && conv.getGroup() > 1 && lhs.scale)
    return Reason::Groups;
  for (bool isLhs : {true, false}) {
    Value scale = (isLhs ? lhs : rhs).scale;
    if (scale && (!getElementTypeOrSelf(scale.getType()).isF32() ||
                  !isConstantAlongDepth(scale, isLhs)))
      return Reason::Scales;
  }
  std::optional<int64_t> depth = getDepth();
  // Integers wrap around in the model, too.
  if (lhs.scale && (!depth || *depth > INT32_MAX / (lhs.getMaxMagnitude() *
                                                    rhs.getMaxMagnitude())))
    return Reason::Overflow;
  rhs.absorbZero();
  return canCorrect() ? Reason::None : Reason::Zeros;
}

/// The value of the integers of an operand.
Value IntegerProduct::makeIntegers(const IntegerOperand &operand,
                                   StringRef piece) {
  if (operand.integers)
    return operand.integers;
  auto type = RankedTensorType::get(operand.shape, b.builder.getI8Type());
  auto buffer =
      llvm::WritableMemoryBuffer::getNewUninitMemBuffer(type.getNumElements());
  if (!buffer)
    return nullptr;
  llvm::copy(*operand.constant, buffer->getBufferStart());
  return b.constant(piece, makeConstant(type, std::move(buffer)));
}

/// `parameter` of an operand in a shape that broadcasts to the result.
Value IntegerProduct::alignToResult(Value parameter, bool isLhs) {
  const IntegerOperand &operand = isLhs ? lhs : rhs;
  Type element = NamedBuilder::getElementType(parameter);
  int64_t rank = cast<RankedTensorType>(parameter.getType()).getRank();
  if (hasOneElement(parameter)) {
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    return rank == 0 ? parameter
                     : b.make<SqueezeOp>("one", element, parameter, axes);
  }
  if (operand.groupSize != 0) {
    // [..., M, 1], or [..., 1, M] if transposed; of the right one [N].
    if (isLhs && !isTransposed(isLhs))
      return parameter;
    SmallVector<int64_t> axis = {getDepthAxis(isLhs)};
    Value flat = b.make<SqueezeOp>("flat", element, parameter, axis);
    if (!isLhs)
      return flat;
    axis[0] = operand.getRank() - 1;
    return b.make<UnsqueezeOp>("rows", element, flat, axis);
  }
  SmallVector<int64_t> axes;
  if (conv)
    axes = llvm::to_vector(llvm::seq<int64_t>(1, operand.getRank() - 1));
  else if (isLhs)
    axes = {1};
  return axes.empty()
             ? parameter
             : b.make<UnsqueezeOp>("aligned", element, parameter, axes);
}

/// The zero point of an operand, one number or aligned to the result, in i32.
Value IntegerProduct::getZero(const IntegerOperand &operand, bool isLhs) {
  if (operand.zeros)
    return b.constant("zero", getIntegerConstant(RankedTensorType::get({}, i32),
                                                 operand.zeros->front()));
  Value zero = alignToResult(operand.zero, isLhs);
  return NamedBuilder::getElementType(zero) == i32
             ? zero
             : b.make<CastOp>("zero", i32, zero);
}

/// The sums of constant integers over the depth, modulo 2^32: one for each
/// column, or filter.
SmallVector<int64_t> IntegerProduct::sumConstant(const IntegerOperand &operand,
                                                 bool isLhs) {
  int64_t axis = conv ? 0 : getFreeAxis(isLhs), inner = 1;
  for (int64_t dim : ArrayRef(operand.shape).drop_front(axis + 1))
    inner *= dim;
  int64_t size = operand.shape[axis];
  SmallVector<int64_t> sums(size, 0);
  for (auto [number, element] : llvm::enumerate(*operand.constant))
    sums[number / inner % size] += element;
  return sums;
}

/// The sums of an operand over the depth, in i32, aligned to the result.
Value IntegerProduct::sumOverDepth(const IntegerOperand &operand, bool isLhs) {
  if (!isLhs && operand.constant && (conv || operand.getRank() == 2)) {
    SmallVector<int64_t> sums = sumConstant(operand, isLhs);
    SmallVector<int64_t> shape(conv ? operand.getRank() - 1 : 1, 1);
    shape[0] = sums.size();
    for (int64_t &sum : sums)
      sum = static_cast<int32_t>(sum);
    return b.constant(
        "sums", getIntegerConstant(RankedTensorType::get(shape, i32), sums));
  }
  Value wide = b.make<CastOp>("wide", i32, makeIntegers(operand, "weights"));
  int64_t axis = getDepthAxis(isLhs), rank = operand.getRank();
  Value sums =
      b.make<ReduceSumOp>("flat_sums", i32, wide, ArrayRef<int64_t>(axis),
                          /*keep_dims=*/false);
  // Rows stand in front of the columns of the result, columns behind its rows.
  return b.make<UnsqueezeOp>("sums", i32, sums,
                             ArrayRef<int64_t>(isLhs ? rank - 1 : rank - 2));
}

Value IntegerProduct::multiply(Value x, Value y) {
  auto get = [](Value value) -> std::optional<SmallVector<int64_t>> {
    TypedAttr constant = getConstantValue(value);
    return constant ? getIntegers(constant, INT64_MAX) : std::nullopt;
  };
  auto a = get(x), c = get(y);
  if (!a || !c || a->size() != 1)
    return b.binary<MulOp>("term", x, y);
  for (int64_t &element : *c)
    element = static_cast<int32_t>(element * a->front());
  return b.constant(
      "term", getIntegerConstant(cast<RankedTensorType>(y.getType()), *c));
}

/// The input of the convolution, padded with its zero point.
Value IntegerProduct::padInput(Value input) {
  if (llvm::all_of(conv.getPads(), [](int64_t pad) { return pad == 0; }))
    return input;
  Type element = NamedBuilder::getElementType(input);
  Value filler;
  if (lhs.zeros)
    filler = b.constant("filler",
                        getIntegerConstant(RankedTensorType::get({}, element),
                                           lhs.zeros->front()));
  else
    filler = alignToResult(lhs.zero, /*isLhs=*/true);
  if (NamedBuilder::getElementType(filler) != element)
    filler = b.make<CastOp>("filler", element, filler);
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(2, lhs.getRank()));
  return b.make<PadOp>("padded", element, input,
                       b.integers("pads", conv.getPads()), filler, axes,
                       PadMode::constant);
}

/// Takes what the zero points add out of the sums; `input` is the left operand.
Value IntegerProduct::correct(Value sum, Value input) {
  Value left = lhs.hasZero() ? getZero(lhs, /*isLhs=*/true) : Value();
  if (left)
    subtract(sum, multiply(left, sumOverDepth(rhs, /*isLhs=*/false)));
  if (!rhs.hasZero())
    return sum;
  // b (sum(x) - K a)
  Value sums = sumOverDepth(lhs, /*isLhs=*/true);
  if (left) {
    auto type = RankedTensorType::get({}, i32);
    std::optional<int64_t> depth = getDepth();
    Value count =
        depth ? b.constant("depth", getIntegerConstant(type, *depth)) : Value();
    if (!count)
      return nullptr;
    sums = b.binary<SubOp>("centered", sums, multiply(count, left));
  }
  subtract(sum, multiply(getZero(rhs, /*isLhs=*/false), sums));
  return sum;
}

LogicalResult IntegerProduct::form() {
  Value right = makeIntegers(rhs, "weights"), left = lhs.integers;
  if (!right)
    return op->emitOpError("no memory for its integer weights");
  Value sum;
  if (conv) {
    SmallVector<int64_t> pads(conv.getPads());
    if (lhs.hasZero()) {
      left = padInput(left);
      llvm::fill(pads, 0);
    }
    sum = b.make<ConvOp>("integers", i32, left, right, conv.getStrides(), pads,
                         conv.getDilations(), conv.getGroup());
  } else {
    sum = b.make<MatmulOp>("integers", i32, left, right,
                           matmul.getTransposeLhs(), matmul.getTransposeRhs());
  }
  Value result = correct(sum, left);
  if (result && lhs.scale) {
    result = b.make<CastOp>("real", b.builder.getF32Type(), result);
    Value scale = alignToResult(lhs.scale, /*isLhs=*/true);
    result = b.binary<MulOp>("scaled", result, scale);
    scale = alignToResult(rhs.scale, /*isLhs=*/false);
    result = b.binary<MulOp>("result", result, scale);
  }
  if (!result || b.hasFailed())
    return failure();
  result.getDefiningOp()->setAttr("names", op->getAttr("names"));
  result.setType(op->getResult(0).getType());
  SmallVector<Value> operands(op->getOperands());
  op->replaceAllUsesWith(ValueRange(result));
  op->erase();
  for (Value operand : operands)
    if (Operation *producer = operand.getDefiningOp();
        producer && producer->use_empty() && isPure(producer))
      producer->erase();
  return success();
}
