//===- Elementwise.cpp - element-wise operations as scalars ---------------===//
//
// Floats narrower than f32 are computed in f32 and rounded once per operation.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/NarrowFloats.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// One element of `op`'s result (in the compute type) from one of each operand.
using ScalarFn = Value (*)(Scalars &s, Operation *op, ValueRange x);

static bool isUnsigned(Operation *op) {
  Type type = getElementTypeOrSelf(op->getOperand(0).getType());
  return type.isUnsignedInteger() || type.isInteger(1);
}

template <ScalarFn fn>
static LogicalResult lowerElementwise(Operation *op, KernelBody &body) {
  SmallVector<Tensor> operands;
  for (Value operand : op->getOperands())
    operands.push_back(body.tensor(operand));
  Value result = op->getResult(0);
  Type element = getElementTypeOrSelf(result.getType());
  Value out = body.destination(result);
  auto compute = [&](Scalars &s, ValueRange x) {
    SmallVector<Value> wide;
    for (auto [scalar, tensor] : llvm::zip(x, operands))
      wide.push_back(s.widen(scalar, tensor.element));
    Value computed = fn(s, op, wide);
    return isa<FloatType>(computed.getType()) ? s.narrow(computed, element)
                                              : computed;
  };
  body.define(result,
              body.elementwise(operands, body.dims(result), out, compute));
  return success();
}

template <typename OpTy, ScalarFn fn>
static void add(LoweringTable &table, bool isCheap = true) {
  table.add<OpTy>({lowerElementwise<fn>, OpClass::Elementwise, isCheap});
}

template <typename MathOp>
static Value unaryMath(Scalars &s, Operation *, ValueRange x) {
  return s.make<MathOp>(x[0]);
}

static Value emitAbs(Scalars &s, Operation *op, ValueRange x) {
  if (isa<FloatType>(x[0].getType()))
    return s.make<math::AbsFOp>(x[0]);
  Value negative = s.sub(s.integer(x[0].getType(), 0), x[0]);
  return isUnsigned(op) ? x[0]
                        : s.select(s.lt(x[0], s.integer(x[0].getType(), 0)),
                                   negative, x[0]);
}
static Value emitNeg(Scalars &s, Operation *, ValueRange x) {
  if (isa<FloatType>(x[0].getType()))
    return s.make<arith::NegFOp>(x[0]);
  return s.sub(s.integer(x[0].getType(), 0), x[0]);
}
static Value emitSign(Scalars &s, Operation *op, ValueRange x) {
  Type type = x[0].getType();
  Value zero = s.integer(type, 0), one = s.integer(type, 1);
  if (isUnsigned(op))
    return s.select(s.eq(x[0], zero), zero, one);
  Value negative =
      s.select(s.lt(x[0], zero), s.integer(type, -1), x[0]); // 0 and NaN stay
  return s.select(s.lt(zero, x[0]), one, negative);
}
static Value emitReciprocal(Scalars &s, Operation *, ValueRange x) {
  return s.make<arith::DivFOp>(s.number(x[0].getType(), 1), x[0]);
}
static Value emitSigmoid(Scalars &s, Operation *, ValueRange x) {
  Value one = s.number(x[0].getType(), 1);
  return s.make<arith::DivFOp>(
      one, s.add(one, s.make<math::ExpOp>(s.make<arith::NegFOp>(x[0]))));
}
static Value emitRelu(Scalars &s, Operation *op, ValueRange x) {
  Value zero = s.integer(x[0].getType(), 0);
  return isUnsigned(op) ? x[0]
                        : s.select(s.lt(x[0], zero), zero, x[0]); // NaN stays
}
static Value emitNot(Scalars &s, Operation *, ValueRange x) {
  return s.make<arith::XOrIOp>(x[0], s.integer(x[0].getType(), -1));
}
static Value emitIsNan(Scalars &s, Operation *, ValueRange x) {
  return s.isNan(x[0]);
}
static Value emitIsInf(Scalars &s, Operation *op, ValueRange x) {
  auto test = cast<graph::IsInfOp>(op);
  Type type = x[0].getType();
  Value none = s.integer(s.b.getI1Type(), 0);
  Value up = test.getPositive() ? s.eq(x[0], s.highest(type, false)) : none;
  Value down = test.getNegative() ? s.eq(x[0], s.lowest(type, false)) : none;
  return s.either(up, down);
}

static Value emitAdd(Scalars &s, Operation *, ValueRange x) {
  return s.add(x[0], x[1]);
}
static Value emitSub(Scalars &s, Operation *, ValueRange x) {
  return s.sub(x[0], x[1]);
}
static Value emitMul(Scalars &s, Operation *, ValueRange x) {
  return s.mul(x[0], x[1]);
}
static Value emitMin(Scalars &s, Operation *op, ValueRange x) {
  return s.min(x[0], x[1], isUnsigned(op));
}
static Value emitMax(Scalars &s, Operation *op, ValueRange x) {
  return s.max(x[0], x[1], isUnsigned(op));
}
template <typename BitOp>
static Value emitBits(Scalars &s, Operation *, ValueRange x) {
  return s.make<BitOp>(x[0], x[1]);
}

/// Quotient or remainder of integers without the cases that trap: a zero
/// divisor gives 0, -1 negates (remainder 0).
template <typename SignedOp, typename UnsignedOp>
static Value divideSafely(Scalars &s, bool isUnsigned, Value a, Value c,
                          bool wantsRemainder) {
  Type type = a.getType();
  Value zero = s.integer(type, 0), one = s.integer(type, 1);
  Value isZero = s.eq(c, zero);
  if (isUnsigned)
    return s.select(isZero, zero,
                    s.make<UnsignedOp>(a, s.select(isZero, one, c)));
  Value isMinusOne = s.eq(c, s.integer(type, -1));
  Value result =
      s.make<SignedOp>(a, s.select(s.either(isZero, isMinusOne), one, c));
  result = s.select(isMinusOne, wantsRemainder ? zero : s.sub(zero, a), result);
  return s.select(isZero, zero, result);
}

static Value emitDiv(Scalars &s, Operation *op, ValueRange x) {
  if (isa<FloatType>(x[0].getType()))
    return s.make<arith::DivFOp>(x[0], x[1]);
  return divideSafely<arith::DivSIOp, arith::DivUIOp>(s, isUnsigned(op), x[0],
                                                      x[1], false);
}
static Value emitFmod(Scalars &s, Operation *op, ValueRange x) {
  if (isa<FloatType>(x[0].getType()))
    return s.make<arith::RemFOp>(x[0], x[1]);
  return divideSafely<arith::RemSIOp, arith::RemUIOp>(s, isUnsigned(op), x[0],
                                                      x[1], true);
}
static Value emitFloorMod(Scalars &s, Operation *op, ValueRange x) {
  Value rest = emitFmod(s, op, x);
  if (isUnsigned(op))
    return rest;
  Value zero = s.integer(rest.getType(), 0);
  Value signsDiffer = s.make<arith::XOrIOp>(s.lt(rest, zero), s.lt(x[1], zero));
  return s.select(s.both(s.ne(rest, zero), signsDiffer), s.add(rest, x[1]),
                  rest);
}

template <typename ShiftOp>
static Value emitShift(Scalars &s, Operation *, ValueRange x) {
  Type type = x[0].getType();
  Value fits = s.lt(x[1], s.integer(type, type.getIntOrFloatBitWidth()),
                    /*isUnsigned=*/true);
  Value amount = s.select(fits, x[1], s.integer(type, 0));
  return s.select(fits, s.make<ShiftOp>(x[0], amount), s.integer(type, 0));
}

/// Integer power by repeated squaring, wrapping; a negative exponent gives 0
/// unless the base is 1 or -1.
static Value emitIntegerPower(Scalars &s, Value base, Value exponent,
                              bool isUnsignedExponent) {
  Type type = base.getType();
  Value one = s.integer(type, 1), zero = s.integer(type, 0);
  Value count = s.toIndex(exponent, isUnsignedExponent);
  Value isNegative = s.lt(count, s.index(0));
  count = s.select(isNegative, s.sub(s.index(0), count), count);
  auto loop = scf::ForOp::create(
      s.b, s.loc, s.index(0), s.index(63), s.index(1),
      ValueRange{one, base, count},
      [&](OpBuilder &b, Location loc, Value, ValueRange state) {
        Scalars t(b, loc);
        Value isOdd =
            t.eq(t.make<arith::AndIOp>(state[2], t.index(1)), t.index(1));
        Value product = t.select(isOdd, t.mul(state[0], state[1]), state[0]);
        scf::YieldOp::create(
            b, loc,
            ValueRange{product, t.mul(state[1], state[1]),
                       t.make<arith::ShRUIOp>(state[2], t.index(1))});
      });
  Value isUnit = s.either(s.eq(base, one), s.eq(base, s.integer(type, -1)));
  return s.select(s.both(isNegative, s.invert(isUnit)), zero,
                  loop.getResult(0));
}

static Value emitPow(Scalars &s, Operation *op, ValueRange x) {
  Type baseType = getElementTypeOrSelf(op->getOperand(0).getType());
  Type exponentType = getElementTypeOrSelf(op->getOperand(1).getType());
  if (isa<IntegerType>(baseType)) {
    if (isa<IntegerType>(exponentType))
      return emitIntegerPower(s, x[0], x[1], exponentType.isUnsignedInteger());
    Type f64 = s.b.getF64Type();
    Value power =
        s.make<math::PowFOp>(s.cast(x[0], baseType, f64), s.toFloat(x[1], f64));
    return s.cast(power, f64, baseType);
  }
  Type type = x[0].getType();
  Value exponent = isa<IntegerType>(exponentType)
                       ? s.cast(x[1], exponentType, type)
                       : s.toFloat(x[1], type);
  std::optional<double> constant;
  if (auto splat = ShapeTable::splat(op->getOperand(1))) {
    if (auto number = dyn_cast<FloatAttr>(splat))
      constant = number.getValueAsDouble();
    else
      constant = static_cast<double>(cast<IntegerAttr>(splat).getInt());
  }
  if (constant == 2.0)
    return s.mul(x[0], x[0]);
  if (constant == 3.0)
    return s.mul(s.mul(x[0], x[0]), x[0]);
  if (constant == 1.0)
    return x[0];
  if (constant == 0.5)
    return s.make<math::SqrtOp>(x[0]);
  if (constant == -0.5)
    return s.make<arith::DivFOp>(s.number(type, 1), s.make<math::SqrtOp>(x[0]));
  if (constant == -1.0)
    return s.make<arith::DivFOp>(s.number(type, 1), x[0]);
  return s.make<math::PowFOp>(x[0], exponent);
}

static Value emitCompare(Scalars &s, Operation *op, ValueRange x) {
  switch (cast<graph::CompareOp>(op).getPredicate()) {
  case graph::Predicate::eq:
    return s.eq(x[0], x[1]);
  case graph::Predicate::lt:
    return s.lt(x[0], x[1], isUnsigned(op));
  case graph::Predicate::le:
    return s.le(x[0], x[1], isUnsigned(op));
  case graph::Predicate::gt:
    return s.lt(x[1], x[0], isUnsigned(op));
  case graph::Predicate::ge:
    return s.le(x[1], x[0], isUnsigned(op));
  }
  llvm_unreachable("unknown predicate");
}

static Value emitSelect(Scalars &s, Operation *, ValueRange x) {
  return s.select(x[0], x[1], x[2]);
}

static Value emitCast(Scalars &s, Operation *operation, ValueRange x) {
  Type from = getElementTypeOrSelf(operation->getOperand(0).getType());
  Type to = getElementTypeOrSelf(operation->getResult(0).getType());
  if (isa<FloatType>(from))
    from = x[0].getType(); // already widened
  if (graph::isNarrowFloat(to)) {
    auto op = cast<graph::CastOp>(operation);
    Value number = s.cast(x[0], from, s.b.getF32Type());
    return encode(s, number, cast<FloatType>(to),
                  {op.getSaturate(), op.getRounding()});
  }
  if (isa<FloatType>(from) && graph::isPacked(to)) {
    Type i32 = s.b.getI32Type();
    return s.cast(s.cast(x[0], from, i32), i32, to);
  }
  return s.cast(x[0], from,
                isa<FloatType>(from) && isa<FloatType>(to) ? getComputeType(to)
                                                           : to);
}

void cinch::form::addElementwiseLowerings(LoweringTable &table) {
  constexpr bool isCostly = false;
  add<graph::AbsOp, emitAbs>(table);
  add<graph::NegOp, emitNeg>(table);
  add<graph::SignOp, emitSign>(table);
  add<graph::ExpOp, unaryMath<math::ExpOp>>(table, isCostly);
  add<graph::LogOp, unaryMath<math::LogOp>>(table, isCostly);
  add<graph::SqrtOp, unaryMath<math::SqrtOp>>(table);
  add<graph::ReciprocalOp, emitReciprocal>(table);
  add<graph::SinOp, unaryMath<math::SinOp>>(table, isCostly);
  add<graph::CosOp, unaryMath<math::CosOp>>(table, isCostly);
  add<graph::TanOp, unaryMath<math::TanOp>>(table, isCostly);
  add<graph::AsinOp, unaryMath<math::AsinOp>>(table, isCostly);
  add<graph::AcosOp, unaryMath<math::AcosOp>>(table, isCostly);
  add<graph::AtanOp, unaryMath<math::AtanOp>>(table, isCostly);
  add<graph::SinhOp, unaryMath<math::SinhOp>>(table, isCostly);
  add<graph::CoshOp, unaryMath<math::CoshOp>>(table, isCostly);
  add<graph::TanhOp, unaryMath<math::TanhOp>>(table, isCostly);
  add<graph::AsinhOp, unaryMath<math::AsinhOp>>(table, isCostly);
  add<graph::AcoshOp, unaryMath<math::AcoshOp>>(table, isCostly);
  add<graph::AtanhOp, unaryMath<math::AtanhOp>>(table, isCostly);
  add<graph::ErfOp, unaryMath<math::ErfOp>>(table, isCostly);
  add<graph::FloorOp, unaryMath<math::FloorOp>>(table);
  add<graph::CeilOp, unaryMath<math::CeilOp>>(table);
  add<graph::RoundOp, unaryMath<math::RoundEvenOp>>(table);
  add<graph::ReluOp, emitRelu>(table);
  add<graph::SigmoidOp, emitSigmoid>(table, isCostly);
  add<graph::NotOp, emitNot>(table);
  add<graph::IsNanOp, emitIsNan>(table);
  add<graph::IsInfOp, emitIsInf>(table);
  add<graph::AddOp, emitAdd>(table);
  add<graph::SubOp, emitSub>(table);
  add<graph::MulOp, emitMul>(table);
  add<graph::DivOp, emitDiv>(table);
  add<graph::PowOp, emitPow>(table, isCostly);
  add<graph::MinOp, emitMin>(table);
  add<graph::MaxOp, emitMax>(table);
  add<graph::FloorModOp, emitFloorMod>(table, isCostly);
  add<graph::FmodOp, emitFmod>(table, isCostly);
  add<graph::AndOp, emitBits<arith::AndIOp>>(table);
  add<graph::OrOp, emitBits<arith::OrIOp>>(table);
  add<graph::XorOp, emitBits<arith::XOrIOp>>(table);
  add<graph::ShiftLeftOp, emitShift<arith::ShLIOp>>(table);
  add<graph::ShiftRightOp, emitShift<arith::ShRUIOp>>(table);
  add<graph::CompareOp, emitCompare>(table);
  add<graph::SelectOp, emitSelect>(table);
  add<graph::CastOp, emitCast>(table);
}
