//===- Normalization.cpp - softmax and normalizations
//------------------------===//
//
// Each is one or two row statistics and a map over the rows that reads them.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/Reductions.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

template <typename OpTy, bool isLogarithm>
static LogicalResult lowerSoftmax(Operation *operation, KernelBody &body) {
  auto op = cast<OpTy>(operation);
  Tensor in = body.tensor(op.getInput());
  AxisLoops rows(body, in.dims, op.getAxis());
  auto type = cast<FloatType>(getComputeType(in.element));
  auto lowest = FloatAttr::get(
      type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true));
  Tensor largest = rows.rowStatistic(
      in, type, lowest, [](Scalars &s, ValueRange x, Value current) {
        return s.max(current, s.widen(x[0]));
      });
  Tensor sum = rows.rowStatistic(
      {in, largest}, type, FloatAttr::get(type, 0.0),
      [](Scalars &s, ValueRange x, Value current) {
        return s.add(current, s.make<math::ExpOp>(s.sub(s.widen(x[0]), x[1])));
      });
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      rows.map({in, largest, sum}, out, [&](Scalars &s, ValueRange x) -> Value {
        Value shifted = s.sub(s.widen(x[0]), x[1]);
        Value result =
            isLogarithm
                ? s.sub(shifted, s.make<math::LogOp>(x[2]))
                : s.make<arith::DivFOp>(s.make<math::ExpOp>(shifted), x[2]);
        return s.toFloat(result, in.element);
      }));
  return success();
}

/// `count` as a float of `type`.
static Value toFloat(Scalars &s, Value count, Type type) {
  return s.make<arith::SIToFPOp>(type, s.fromIndex(count, s.b.getI64Type()));
}

static SmallVector<int64_t> getTrailingAxes(int64_t axis, size_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(axis, rank));
}

static LogicalResult lowerLayerNorm(Operation *operation, KernelBody &body) {
  auto op = cast<graph::LayerNormOp>(operation);
  Tensor in = body.tensor(op.getInput());
  SmallVector<Tensor> ins = {in};
  AxisLoops rows(body, in.dims, getTrailingAxes(op.getAxis(), in.rank()));
  Value count = body.size(rows.getCount());
  Type type = getComputeType(in.element);
  auto zero = FloatAttr::get(type, 0.0);
  Tensor sum = rows.rowStatistic(in, type, zero,
                                 [](Scalars &s, ValueRange x, Value current) {
                                   return s.add(current, s.widen(x[0]));
                                 });
  auto center = [&](Scalars &s, Value x, Value rowSum) {
    return s.sub(s.widen(x),
                 s.make<arith::DivFOp>(rowSum, toFloat(s, count, type)));
  };
  Tensor squares = rows.rowStatistic(
      {in, sum}, type, zero, [&](Scalars &s, ValueRange x, Value current) {
        Value centered = center(s, x[0], x[1]);
        return s.add(current, s.mul(centered, centered));
      });
  ins.append({sum, squares, body.tensor(op.getScale())});
  if (op.getBias())
    ins.push_back(body.tensor(op.getBias()));
  Value out = body.destination(op.getResult());
  body.define(op.getResult(), rows.map(ins, out, [&](Scalars &s, ValueRange x) {
    Value variance = s.make<arith::DivFOp>(x[2], toFloat(s, count, type));
    Value deviation = s.make<math::SqrtOp>(
        s.add(variance, s.number(type, op.getEpsilon().convertToFloat())));
    Value factor = s.make<arith::DivFOp>(s.number(type, 1), deviation);
    Value result =
        s.mul(s.mul(center(s, x[0], x[1]), factor), s.toFloat(x[3], type));
    if (op.getBias())
      result = s.add(result, s.toFloat(x[4], type));
    return s.toFloat(result, getElementTypeOrSelf(op.getResult().getType()));
  }));
  return success();
}

static LogicalResult lowerRMSNorm(Operation *operation, KernelBody &body) {
  auto op = cast<graph::RMSNormOp>(operation);
  Tensor in = body.tensor(op.getInput()), scale = body.tensor(op.getScale());
  AxisLoops rows(body, in.dims, getTrailingAxes(op.getAxis(), in.rank()));
  Value count = body.size(rows.getCount());
  Type type = getComputeType(in.element);
  Tensor squares =
      rows.rowStatistic(in, type, FloatAttr::get(type, 0.0),
                        [](Scalars &s, ValueRange x, Value current) {
                          Value wide = s.widen(x[0]);
                          return s.add(current, s.mul(wide, wide));
                        });
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      rows.map({in, squares, scale}, out, [&](Scalars &s, ValueRange x) {
        Value mean = s.make<arith::DivFOp>(x[1], toFloat(s, count, type));
        Value root = s.make<math::SqrtOp>(
            s.add(mean, s.number(type, op.getEpsilon().convertToFloat())));
        Value factor = s.make<arith::DivFOp>(s.number(type, 1), root);
        Value result =
            s.mul(s.mul(s.widen(x[0]), factor), s.toFloat(x[2], type));
        return s.toFloat(result,
                         getElementTypeOrSelf(op.getResult().getType()));
      }));
  return success();
}

static LogicalResult lowerBatchNorm(Operation *operation, KernelBody &body) {
  auto op = cast<graph::BatchNormOp>(operation);
  Tensor in = body.tensor(op.getInput());
  size_t rank = in.rank();
  Type type = getComputeType(in.element);
  AffineMap identity = body.getBuilder().getMultiDimIdentityMap(rank);
  AffineMap channel =
      AffineMap::get(rank, 0, getAffineDimExpr(1, op.getContext()));
  Value out = body.destination(op.getResult());
  auto results = body.generic(
      {Operand{in, identity}, Operand{body.tensor(op.getScale()), channel},
       Operand{body.tensor(op.getBias()), channel},
       Operand{body.tensor(op.getMean()), channel},
       Operand{body.tensor(op.getVariance()), channel}},
      out, identity,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange x, ValueRange) -> KernelBody::Results {
        SmallVector<Value> wide;
        for (Value scalar : x)
          wide.push_back(s.toFloat(scalar, type));
        Value variance =
            s.add(wide[4], s.number(type, op.getEpsilon().convertToFloat()));
        Value factor =
            s.make<arith::DivFOp>(wide[1], s.make<math::SqrtOp>(variance));
        Value result = s.add(s.mul(s.sub(wide[0], wide[3]), factor), wide[2]);
        return {
            s.toFloat(result, getElementTypeOrSelf(op.getResult().getType()))};
      });
  body.define(op.getResult(), results[0]);
  return success();
}

static LogicalResult lowerLRN(Operation *operation, KernelBody &body) {
  auto op = cast<graph::LRNOp>(operation);
  Tensor in = body.tensor(op.getInput());
  Type type = getComputeType(in.element);
  Value channels = body.size(in.dims[1]);
  int64_t size = op.getSize(), before = (size - 1) / 2;
  Value out = body.destination(op.getResult());
  Value result =
      body.indexed(in.rank(), out, [&](Scalars &s, ValueRange indices) {
        Value first = s.max(s.sub(indices[1], s.index(before)), s.index(0));
        Value end = s.min(s.add(indices[1], s.index(size - before)), channels);
        auto loop = scf::ForOp::create(
            s.b, s.loc, first, end, s.index(1), s.number(type, 0),
            [&](OpBuilder &b, Location loc, Value channel, ValueRange sum) {
              Scalars t(b, loc);
              SmallVector<Value> place(indices);
              place[1] = channel;
              Value x = t.widen(body.read(t, in, place));
              scf::YieldOp::create(b, loc, t.add(sum[0], t.mul(x, x)));
            });
        Value alpha = s.number(type, op.getAlpha().convertToFloat() / size);
        Value base = s.add(s.number(type, op.getBias().convertToFloat()),
                           s.mul(alpha, loop.getResult(0)));
        Value power = s.make<math::PowFOp>(
            base, s.number(type, op.getBeta().convertToFloat()));
        return s.toFloat(
            s.make<arith::DivFOp>(s.widen(body.read(s, in, indices)), power),
            in.element);
      });
  body.define(op.getResult(), result);
  return success();
}

void cinch::form::addNormalizationLowerings(LoweringTable &table) {
  auto reduction = OpClass::Reduction;
  table.add<graph::SoftmaxOp>(
      {lowerSoftmax<graph::SoftmaxOp, false>, reduction});
  table.add<graph::LogSoftmaxOp>(
      {lowerSoftmax<graph::LogSoftmaxOp, true>, reduction});
  table.add<graph::LayerNormOp>({lowerLayerNorm, reduction});
  table.add<graph::RMSNormOp>({lowerRMSNorm, reduction});
  table.add<graph::BatchNormOp>(
      {lowerBatchNorm, OpClass::Elementwise, /*isCheap=*/true});
  table.add<graph::LRNOp>({lowerLRN, OpClass::Movement});
}
