//===- Reduction.cpp - reductions and positions of extremes
//------------------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/Reductions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

static TypedAttr getNumber(Type type, double value) {
  if (isa<FloatType>(type))
    return FloatAttr::get(type, value);
  return IntegerAttr::get(type, static_cast<int64_t>(value));
}

/// The value that any element replaces in a search for the largest (smallest).
static TypedAttr getWorst(Type signless, bool isUnsigned, bool wantsLargest) {
  if (auto floating = dyn_cast<FloatType>(signless))
    return FloatAttr::get(floating,
                          APFloat::getInf(floating.getFloatSemantics(),
                                          /*Negative=*/wantsLargest));
  unsigned width = signless.getIntOrFloatBitWidth();
  APInt low =
      isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  APInt high =
      isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  return IntegerAttr::get(signless, wantsLargest ? low : high);
}

namespace {
enum class Combine { Sum, Mean, Prod, Max, Min };
}

template <typename OpTy, Combine how>
static LogicalResult lowerReduce(Operation *operation, KernelBody &body) {
  auto op = cast<OpTy>(operation);
  Tensor in = body.tensor(op.getInput());
  Value out = body.destination(op.getResult());
  if (op.getAxes().empty()) {
    body.define(op.getResult(),
                body.elementwise(in, in.dims, out,
                                 [](Scalars &, ValueRange x) { return x[0]; }));
    return success();
  }
  AxisLoops loops(body, in.dims, op.getAxes());
  Type compute = getComputeType(in.element);
  bool isUnsigned = in.isUnsigned();
  TypedAttr init;
  if (how == Combine::Sum || how == Combine::Mean)
    init = getNumber(compute, 0);
  else if (how == Combine::Prod)
    init = getNumber(compute, 1);
  else
    init = getWorst(compute, isUnsigned, how == Combine::Max);
  auto combine = [&](Scalars &s, ValueRange x, Value current) -> Value {
    Value wide = s.widen(x[0]);
    if (how == Combine::Sum || how == Combine::Mean)
      return s.add(current, wide);
    if (how == Combine::Prod)
      return s.mul(current, wide);
    return how == Combine::Max ? s.max(current, wide, isUnsigned)
                               : s.min(current, wide, isUnsigned);
  };
  if (how != Combine::Mean && compute == in.signless()) {
    body.define(
        op.getResult(),
        loops.reduce(in, out, in.element, op.getKeepDims(), init, combine)
            .value);
    return success();
  }
  Tensor sum = body.empty(loops.getReducedDims(op.getKeepDims()), compute);
  sum = loops.reduce(in, sum.value, compute, op.getKeepDims(), init, combine);
  Value count = how == Combine::Mean ? body.size(loops.getCount()) : Value();
  Value result = body.elementwise(
      sum, sum.dims, out, [&](Scalars &s, ValueRange x) -> Value {
        Value finished = x[0];
        if (how == Combine::Mean) {
          Value number = s.fromIndex(
              count, isa<FloatType>(compute) ? s.b.getI64Type() : compute);
          if (isa<FloatType>(compute))
            finished = s.make<arith::DivFOp>(
                finished, s.make<arith::SIToFPOp>(compute, number));
          else // an empty row divides by 1
            finished =
                isUnsigned
                    ? s.make<arith::DivUIOp>(
                          finished, s.max(number, s.integer(compute, 1), true))
                    : s.make<arith::DivSIOp>(
                          finished, s.max(number, s.integer(compute, 1)));
        }
        return isa<FloatType>(compute) ? s.toFloat(finished, in.element)
                                       : finished;
      });
  body.define(op.getResult(), result);
  return success();
}

/// A reduction with two results: the best element so far and its position.
template <typename OpTy, bool wantsLargest>
static LogicalResult lowerArg(Operation *operation, KernelBody &body) {
  auto op = cast<OpTy>(operation);
  Tensor in = body.tensor(op.getInput());
  int64_t axis = op.getAxis();
  bool keepDims = op.getKeepDims(), selectLast = op.getSelectLast(),
       isUnsigned = in.isUnsigned();
  AxisLoops loops(body, in.dims, axis);
  Type compute = getComputeType(in.element),
       i64 = IntegerType::get(op.getContext(), 64);
  Value best = body.empty(loops.getReducedDims(keepDims), compute).value;
  best = body.fill(best, getWorst(compute, isUnsigned, wantsLargest));
  Value position =
      body.fill(body.destination(op.getResult()), getNumber(i64, 0));
  AffineMap outMap = loops.getReducedMap(keepDims);
  unsigned loop = in.rank() - 1;
  auto results = body.generic(
      {Operand{in, loops.getAxisMap()}}, {best, position}, {outMap, outMap},
      loops.getIterators(),
      [&](Scalars &s, ValueRange ins,
          ValueRange current) -> KernelBody::Results {
        Value x = s.widen(ins[0]), old = current[0];
        Value left = wantsLargest ? old : x, right = wantsLargest ? x : old;
        Value better = selectLast ? s.le(left, right, isUnsigned)
                                  : s.lt(left, right, isUnsigned);
        if (isa<FloatType>(compute)) { // the first NaN is best, as in numpy
          Value first = s.both(s.isNan(x), s.invert(s.isNan(old)));
          better = s.either(better, first);
        }
        Value here = s.fromIndex(s.make<linalg::IndexOp>(loop), i64);
        return {s.select(better, x, old), s.select(better, here, current[1])};
      });
  body.define(op.getResult(), results[1]);
  return success();
}

void cinch::form::addReductionLowerings(LoweringTable &table) {
  auto reduction = OpClass::Reduction;
  table.add<graph::ReduceSumOp>(
      {lowerReduce<graph::ReduceSumOp, Combine::Sum>, reduction});
  table.add<graph::ReduceMeanOp>(
      {lowerReduce<graph::ReduceMeanOp, Combine::Mean>, reduction});
  table.add<graph::ReduceProdOp>(
      {lowerReduce<graph::ReduceProdOp, Combine::Prod>, reduction});
  table.add<graph::ReduceMaxOp>(
      {lowerReduce<graph::ReduceMaxOp, Combine::Max>, reduction});
  table.add<graph::ReduceMinOp>(
      {lowerReduce<graph::ReduceMinOp, Combine::Min>, reduction});
  table.add<graph::ArgMaxOp>({lowerArg<graph::ArgMaxOp, true>, reduction});
  table.add<graph::ArgMinOp>({lowerArg<graph::ArgMinOp, false>, reduction});
}
