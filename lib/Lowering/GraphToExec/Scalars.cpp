//===- Scalars.cpp - arithmetic on scalars in kernel bodies ---------------===//
#include "lib/Lowering/GraphToExec/Scalars.h"
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/NarrowFloats.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace cinch::form;

Type cinch::form::getComputeType(Type type) {
  if (isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32)
    return Float32Type::get(type.getContext());
  return dropSign(type);
}

Type cinch::form::dropSign(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type))
    return IntegerType::get(type.getContext(), integer.getWidth());
  if (graph::isNarrowFloat(type))
    return IntegerType::get(type.getContext(), type.getIntOrFloatBitWidth());
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return RankedTensorType::get(tensor.getShape(),
                                 dropSign(tensor.getElementType()));
  return type;
}

TypedAttr cinch::form::dropSign(TypedAttr number) {
  Type type = dropSign(number.getType());
  if (auto integer = dyn_cast<IntegerAttr>(number))
    return IntegerAttr::get(type, integer.getValue());
  auto floating = cast<FloatAttr>(number);
  if (type == floating.getType())
    return number;
  return IntegerAttr::get(type, floating.getValue().bitcastToAPInt());
}

Value Scalars::index(int64_t value) {
  return make<arith::ConstantIndexOp>(value);
}

Value Scalars::number(Type type, double value) {
  if (auto floating = dyn_cast<FloatType>(type)) {
    APFloat number(value);
    bool inexact;
    number.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &inexact);
    return constant(FloatAttr::get(floating, number));
  }
  return integer(type, static_cast<int64_t>(value));
}

Value Scalars::integer(Type type, int64_t value) {
  if (isa<FloatType>(type))
    return number(type, static_cast<double>(value));
  if (type.isIndex())
    return index(value);
  APInt bits(64, static_cast<uint64_t>(value), /*isSigned=*/true);
  return constant(
      IntegerAttr::get(type, bits.sextOrTrunc(type.getIntOrFloatBitWidth())));
}

Value Scalars::lowest(Type type, bool isUnsigned) {
  if (auto floating = dyn_cast<FloatType>(type))
    return constant(
        FloatAttr::get(floating, APFloat::getInf(floating.getFloatSemantics(),
                                                 /*Negative=*/true)));
  unsigned width = type.getIntOrFloatBitWidth();
  return constant(
      IntegerAttr::get(type, isUnsigned ? APInt::getMinValue(width)
                                        : APInt::getSignedMinValue(width)));
}

Value Scalars::highest(Type type, bool isUnsigned) {
  if (auto floating = dyn_cast<FloatType>(type))
    return constant(FloatAttr::get(
        floating, APFloat::getInf(floating.getFloatSemantics())));
  unsigned width = type.getIntOrFloatBitWidth();
  return constant(
      IntegerAttr::get(type, isUnsigned ? APInt::getMaxValue(width)
                                        : APInt::getSignedMaxValue(width)));
}

Value Scalars::add(Value a, Value c) {
  return isa<FloatType>(a.getType()) ? make<arith::AddFOp>(a, c)
                                     : make<arith::AddIOp>(a, c);
}
Value Scalars::sub(Value a, Value c) {
  return isa<FloatType>(a.getType()) ? make<arith::SubFOp>(a, c)
                                     : make<arith::SubIOp>(a, c);
}
Value Scalars::mul(Value a, Value c) {
  return isa<FloatType>(a.getType()) ? make<arith::MulFOp>(a, c)
                                     : make<arith::MulIOp>(a, c);
}
Value Scalars::min(Value a, Value c, bool isUnsigned) {
  if (isa<FloatType>(a.getType()))
    return make<arith::MinimumFOp>(a, c);
  return isUnsigned ? make<arith::MinUIOp>(a, c) : make<arith::MinSIOp>(a, c);
}
Value Scalars::max(Value a, Value c, bool isUnsigned) {
  if (isa<FloatType>(a.getType()))
    return make<arith::MaximumFOp>(a, c);
  return isUnsigned ? make<arith::MaxUIOp>(a, c) : make<arith::MaxSIOp>(a, c);
}
Value Scalars::eq(Value a, Value c) {
  if (isa<FloatType>(a.getType()))
    return make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, a, c);
  return make<arith::CmpIOp>(arith::CmpIPredicate::eq, a, c);
}
Value Scalars::ne(Value a, Value c) {
  if (isa<FloatType>(a.getType()))
    return make<arith::CmpFOp>(arith::CmpFPredicate::UNE, a, c);
  return make<arith::CmpIOp>(arith::CmpIPredicate::ne, a, c);
}
Value Scalars::lt(Value a, Value c, bool isUnsigned) {
  if (isa<FloatType>(a.getType()))
    return make<arith::CmpFOp>(arith::CmpFPredicate::OLT, a, c);
  return make<arith::CmpIOp>(
      isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, a, c);
}
Value Scalars::le(Value a, Value c, bool isUnsigned) {
  if (isa<FloatType>(a.getType()))
    return make<arith::CmpFOp>(arith::CmpFPredicate::OLE, a, c);
  return make<arith::CmpIOp>(
      isUnsigned ? arith::CmpIPredicate::ule : arith::CmpIPredicate::sle, a, c);
}
Value Scalars::select(Value condition, Value yes, Value no) {
  return make<arith::SelectOp>(condition, yes, no);
}
Value Scalars::invert(Value boolean) {
  return make<arith::XOrIOp>(boolean, integer(boolean.getType(), 1));
}
Value Scalars::isNan(Value x) {
  return make<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
}

Value Scalars::floorDiv(Value a, Value c) {
  Value quotient = make<arith::DivSIOp>(a, c);
  Value rest = make<arith::RemSIOp>(a, c);
  return select(lt(rest, index(0)), sub(quotient, index(1)), quotient);
}
Value Scalars::mod(Value a, Value c) {
  Value rest = make<arith::RemSIOp>(a, c);
  return select(lt(rest, index(0)), add(rest, c), rest);
}
Value Scalars::clamp(Value x, Value low, Value high) {
  return min(max(x, low), high);
}
Value Scalars::toIndex(Value integer, bool isUnsigned) {
  if (integer.getType().isIndex())
    return integer;
  return isUnsigned ? make<arith::IndexCastUIOp>(b.getIndexType(), integer)
                    : make<arith::IndexCastOp>(b.getIndexType(), integer);
}
Value Scalars::fromIndex(Value index, Type integerType) {
  return make<arith::IndexCastOp>(integerType, index);
}

Value Scalars::toFloat(Value x, Type type) {
  if (x.getType() == type)
    return x;
  unsigned from = x.getType().getIntOrFloatBitWidth(),
           to = type.getIntOrFloatBitWidth();
  if (from != to) {
    Value result = from < to ? make<arith::ExtFOp>(type, x)
                             : make<arith::TruncFOp>(type, x);
    if (roundsAtStore) {
      auto op =
          llvm::cast<arith::ArithFastMathInterface>(result.getDefiningOp());
      op->setAttr(op.getFastMathAttrName(),
                  arith::FastMathFlagsAttr::get(
                      b.getContext(), arith::FastMathFlags::contract));
    }
    return result;
  }
  return toFloat(make<arith::ExtFOp>(b.getF32Type(), x), type); // f16 <-> bf16
}

Value Scalars::widen(Value x, Type type) {
  return graph::isNarrowFloat(type)
             ? decode(*this, x, mlir::cast<FloatType>(type))
             : widen(x);
}

Value Scalars::narrow(Value x, Type type) {
  Narrowing how;
  how.saturate = false;
  if (!graph::isNarrowFloat(type))
    return isa<FloatType>(type) ? toFloat(x, type) : x;
  return encode(*this, toFloat(x, b.getF32Type()), mlir::cast<FloatType>(type),
                how);
}

Value Scalars::widen(Value x) {
  return isa<FloatType>(x.getType()) ? toFloat(x, getComputeType(x.getType()))
                                     : x;
}

/// Float to integer: towards zero, saturating, NaN to 0.
static Value toInteger(Scalars &s, Value x, IntegerType to) {
  x = s.widen(x);
  Type wide = x.getType();
  bool isUnsigned = to.isUnsigned();
  unsigned width = to.getWidth();
  APInt low =
      isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt high =
      isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  auto &semantics = cast<FloatType>(wide).getFloatSemantics();
  APFloat lowNumber(semantics), highNumber(semantics);
  lowNumber.convertFromAPInt(low, !isUnsigned, APFloat::rmTowardZero);
  highNumber.convertFromAPInt(high, !isUnsigned, APFloat::rmTowardZero);
  Value lowLimit = s.constant(FloatAttr::get(wide, lowNumber));
  Value highLimit = s.constant(FloatAttr::get(wide, highNumber));
  // Both limits convert exactly, so the conversion of the clamped value is
  // defined.
  Value clamped = s.select(s.lt(x, lowLimit), lowLimit, x);
  clamped = s.select(s.lt(highLimit, clamped), highLimit, clamped);
  clamped = s.select(s.isNan(x), s.number(wide, 0), clamped);
  Type signless = dropSign(to);
  Value converted = isUnsigned ? s.make<arith::FPToUIOp>(signless, clamped)
                               : s.make<arith::FPToSIOp>(signless, clamped);
  // The float limit may lie below the integer one (2^31 - 128 < 2^31 - 1).
  return s.select(s.lt(highLimit, x),
                  s.constant(IntegerAttr::get(signless, high)), converted);
}

Value Scalars::cast(Value x, Type from, Type to) {
  if (from == to)
    return x;
  auto fromInteger = dyn_cast<IntegerType>(from),
       toIntegerType = dyn_cast<IntegerType>(to);
  if (toIntegerType && toIntegerType.getWidth() == 1)
    return ne(x, integer(x.getType(), 0));
  if (!fromInteger)
    return toIntegerType ? toInteger(*this, x, toIntegerType) : toFloat(x, to);
  bool isUnsigned = fromInteger.isUnsigned() || fromInteger.getWidth() == 1;
  if (!toIntegerType) {
    Type wide = getComputeType(to);
    Value number = isUnsigned ? make<arith::UIToFPOp>(wide, x)
                              : make<arith::SIToFPOp>(wide, x);
    return toFloat(number, to);
  }
  Type signless = dropSign(to);
  if (fromInteger.getWidth() == toIntegerType.getWidth())
    return x;
  if (fromInteger.getWidth() > toIntegerType.getWidth())
    return make<arith::TruncIOp>(signless, x);
  return isUnsigned ? make<arith::ExtUIOp>(signless, x)
                    : make<arith::ExtSIOp>(signless, x);
}
