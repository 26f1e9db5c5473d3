//===- Quantization.cpp - linear quantization -----------------------------===//
#include "dialects/Exec/KernelMarks.h"
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/NarrowFloats.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// The element of `parameter` (a scale or zero point) for the element of the
/// input at the loop indices: one, one per position of `axis`, or one per
/// group.
static Value readParameter(KernelBody &body, Scalars &s,
                           const Tensor &parameter, size_t rank, int64_t axis,
                           int64_t groupSize) {
  bool isSingle = llvm::all_of(parameter.dims,
                               [](const Expr &dim) { return dim == Expr(1); });
  SmallVector<Value> place;
  if (isSingle) {
    place.assign(parameter.rank(), s.index(0));
  } else if (parameter.rank() == 1 && groupSize == 0) {
    place.push_back(s.make<linalg::IndexOp>(axis));
  } else {
    for (size_t at = 0; at < rank; ++at) {
      if (parameter.dims[at] == Expr(1)) { // the same for the whole row
        place.push_back(s.index(0));
        continue;
      }
      Value index = s.make<linalg::IndexOp>(at);
      bool isGrouped = static_cast<int64_t>(at) == axis && groupSize > 0;
      place.push_back(isGrouped
                          ? s.make<arith::DivUIOp>(index, s.index(groupSize))
                          : index);
    }
  }
  return body.read(s, parameter, place);
}

template <typename OpTy, typename Fn>
static LogicalResult lowerScaled(OpTy op, KernelBody &body, Fn compute) {
  Tensor in = body.tensor(op.getInput()), scale = body.tensor(op.getScale());
  std::optional<Tensor> zero;
  if (op.getZeroPoint())
    zero = body.tensor(op.getZeroPoint());
  size_t rank = in.rank();
  AffineMap identity = body.getBuilder().getMultiDimIdentityMap(rank);
  Value out = body.destination(op.getResult());
  auto results = body.generic(
      {Operand{in, identity}}, out, identity,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange x, ValueRange) -> KernelBody::Results {
        Value factor = readParameter(body, s, scale, rank, op.getAxis(),
                                     op.getGroupSize());
        factor = s.toFloat(s.widen(factor, scale.element), s.b.getF32Type());
        Value offset;
        if (zero)
          offset = readParameter(body, s, *zero, rank, op.getAxis(),
                                 op.getGroupSize());
        return {compute(s, x[0], factor, offset)};
      });
  auto decode = dyn_cast<graph::DequantizeOp>(op.getOperation());
  if (decode && !decode.getLevels())
    results[0].getDefiningOp()->setAttr(exec::decodesAttrName,
                                        TypeAttr::get(in.element));
  body.define(op.getResult(), results[0]);
  return success();
}

static LogicalResult lowerQuantize(Operation *operation, KernelBody &body) {
  auto op = cast<graph::QuantizeOp>(operation);
  Type from = getElementTypeOrSelf(op.getInput().getType()),
       to = getElementTypeOrSelf(op.getResult().getType());
  auto integer = dyn_cast<IntegerType>(to);
  if (!integer && !graph::isNarrowFloat(to))
    return emitUnsupported(op)
           << "only integers and floats of at most 8 bits are quantized to";
  return lowerScaled(
      op, body, [&](Scalars &s, Value x, Value scale, Value zero) -> Value {
        Type f32 = s.b.getF32Type();
        Value wide = isa<FloatType>(from) ? s.toFloat(s.widen(x, from), f32)
                                          : s.cast(x, from, f32);
        Value quotient = s.make<arith::DivFOp>(wide, scale);
        if (!integer) {
          auto type = cast<FloatType>(to);
          if (zero && graph::isPacked(to))
            quotient = s.add(quotient, decode(s, zero, type));
          return encode(s, quotient, type, {op.getSaturate(), {}});
        }
        Value rounded = s.make<math::RoundEvenOp>(quotient);
        if (integer.getWidth() <= 16 && zero)
          rounded = s.add(rounded, s.cast(zero, to, f32));
        return s.cast(rounded, f32, to); // saturates
      });
}

/// The entry of `levels` that the low bits of a code are the number of, by
/// whether each of its bits is set: selections, which vectors have, as loads
/// from a table are one element at a time.
static Value choose(Scalars &s, ArrayRef<Value> bits, ArrayRef<float> levels) {
  if (levels.size() == 1)
    return s.number(s.b.getF32Type(), levels.front());
  size_t half = levels.size() / 2;
  Value low = choose(s, bits.drop_back(), levels.take_front(half)),
        high = choose(s, bits.drop_back(), levels.drop_front(half));
  return s.select(bits.back(), high, low);
}

/// The entry of `levels`, a power of two many, that `code`, of i32, is the
/// number of.
static Value readLevel(Scalars &s, Value code, ArrayRef<float> levels) {
  Type i32 = s.b.getI32Type();
  SmallVector<Value> bits;
  for (size_t bit = 1; bit < levels.size(); bit *= 2)
    bits.push_back(s.ne(s.both(code, s.integer(i32, static_cast<int64_t>(bit))),
                        s.integer(i32, 0)));
  return choose(s, bits, levels);
}

static LogicalResult lowerDequantize(Operation *operation, KernelBody &body) {
  auto op = cast<graph::DequantizeOp>(operation);
  Type from = getElementTypeOrSelf(op.getInput().getType()),
       to = getElementTypeOrSelf(op.getResult().getType());
  if (!isa<IntegerType>(from) && !graph::isNarrowFloat(from))
    return emitUnsupported(op)
           << "only integers and floats of at most 8 bits are dequantized";
  return lowerScaled(
      op, body, [&](Scalars &s, Value x, Value scale, Value zero) -> Value {
        Type i32 = s.b.getI32Type(), f32 = s.b.getF32Type();
        if (graph::isNarrowFloat(from))
          return s.narrow(s.mul(s.widen(x, from), scale), to);
        Value difference = s.cast(x, from, i32);
        if (auto levels = op.getLevels())
          return s.narrow(s.mul(readLevel(s, difference, *levels), scale), to);
        if (zero)
          difference = s.sub(difference, s.cast(zero, from, i32));
        return s.narrow(s.mul(s.make<arith::SIToFPOp>(f32, difference), scale),
                        to);
      });
}

static LogicalResult lowerUnpack(Operation *operation, KernelBody &body) {
  auto op = cast<graph::UnpackOp>(operation);
  Tensor in = body.tensor(op.getInput());
  int64_t bits = op.getBits(), width = (op.getSize() * bits + 7) / 8;
  Value out = body.destination(op.getResult());
  auto compute = [&](Scalars &s, ValueRange indices) -> Value {
    Type i32 = s.b.getI32Type();
    Value first = s.mul(indices.back(), s.index(bits));
    Value byte = s.make<arith::DivUIOp>(first, s.index(8));
    auto load = [&](Value at) {
      SmallVector<Value> place(indices);
      place.back() = at;
      return s.cast(body.read(s, in, place), in.element, i32);
    };
    // The last integer may end with its row.
    Value next = s.min(s.add(byte, s.index(1)), s.index(width - 1));
    Value word = s.either(load(byte),
                          s.make<arith::ShLIOp>(load(next), s.integer(i32, 8)));
    Value shift = s.fromIndex(s.make<arith::RemUIOp>(first, s.index(8)), i32);
    word = s.make<arith::ShRUIOp>(word, shift);
    // The highest bit is the sign.
    Value rest = s.integer(i32, 32 - bits);
    Value number =
        s.make<arith::ShRSIOp>(s.make<arith::ShLIOp>(word, rest), rest);
    return s.make<arith::TruncIOp>(s.b.getI8Type(), number);
  };
  body.define(op.getResult(), body.indexed(in.rank(), out, compute));
  return success();
}

void cinch::form::addQuantizationLowerings(LoweringTable &table) {
  table.add<graph::QuantizeOp>(
      {lowerQuantize, OpClass::Elementwise, /*isCheap=*/true});
  table.add<graph::DequantizeOp>(
      {lowerDequantize, OpClass::Elementwise, /*isCheap=*/true});
  table.add<graph::UnpackOp>(
      {lowerUnpack, OpClass::Movement, /*isCheap=*/true});
}
