//===- GridSample.cpp - sampling at the points of a grid
//---------------------===//
//
// As the reference implementation of ONNX GridSample: coordinates outside the
// border are moved first, then each neighbour is clamped, reflected or zero.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/Sampling.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// Reflects `x` at the borders until it is within.
static Value reflect(Scalars &s, Value x, Value low, Value high) {
  Type type = x.getType();
  Value zero = s.number(type, 0), range = s.sub(high, low);
  Value isBelow = s.lt(x, low), isAbove = s.lt(high, x);
  Value distance = s.select(isBelow, s.sub(low, x), s.sub(x, high));
  Value times = s.make<math::FloorOp>(s.make<arith::DivFOp>(distance, range));
  Value rest = s.sub(distance, s.mul(times, range));
  Value half = s.mul(times, s.number(type, 0.5));
  Value isOdd = s.ne(half, s.make<math::FloorOp>(half));
  Value fromLow = s.add(low, rest), fromHigh = s.sub(high, rest);
  Value below = s.select(isOdd, fromHigh, fromLow),
        above = s.select(isOdd, fromLow, fromHigh);
  Value moved = s.select(isBelow, below, s.select(isAbove, above, x));
  return s.select(s.le(range, zero), low, moved);
}

namespace {
struct Sampler {
  Scalars &s;
  graph::PadMode padding;
  Type type;
  Value size, low, high; ///< index; borders as floats

  Value toIndex(Value x) const {
    return s.toIndex(s.make<arith::FPToSIOp>(s.b.getI64Type(), x), false);
  }

  /// Moves a coordinate within the borders, if the padding does.
  Value move(Value x) const {
    if (padding == graph::PadMode::edge) {
      Value last = s.make<arith::SIToFPOp>(
          type, s.fromIndex(s.sub(size, s.index(1)), s.b.getI64Type()));
      Value isOutside = s.either(s.lt(x, low), s.lt(high, x));
      Value zero = s.number(type, 0);
      Value clamped =
          s.select(s.lt(x, zero), zero, s.select(s.lt(last, x), last, x));
      return s.select(isOutside, clamped, x);
    }
    return padding == graph::PadMode::reflect ? reflect(s, x, low, high) : x;
  }

  /// The neighbour at whole number `x`.
  Tap tap(Value x, Value weight) const {
    if (padding == graph::PadMode::reflect)
      x = reflect(s, x, low, high);
    // Far values (and NaN) would not convert: they are outside anyway.
    Value limit = s.number(type, 1.0e9),
          isFar = s.invert(s.le(s.make<math::AbsFOp>(x), limit));
    Value index = toIndex(s.select(isFar, s.number(type, -1), x));
    Value isInside;
    if (padding == graph::PadMode::constant)
      isInside = s.lt(index, size, /*isUnsigned=*/true);
    return {s.max(s.min(index, s.sub(size, s.index(1))), s.index(0)), weight,
            isInside};
  }
};
} // namespace

static LogicalResult lowerGridSample(Operation *operation, KernelBody &body) {
  auto op = cast<graph::GridSampleOp>(operation);
  Tensor in = body.tensor(op.getInput()), grid = body.tensor(op.getGrid());
  if (op.getPadding() == graph::PadMode::wrap)
    return emitUnsupported(op) << "padding wrap";
  unsigned spatial = in.rank() - 2;
  Type type = getComputeType(in.element);
  SmallVector<int64_t> axes;
  SmallVector<Value> sizes;
  for (unsigned axis = 0; axis < spatial; ++axis) {
    axes.push_back(axis + 2);
    sizes.push_back(body.size(in.dims[axis + 2]));
  }
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      body.indexed(
          in.rank(), out, [&](Scalars &s, ValueRange indices) -> Value {
            SmallVector<Taps> taps;
            for (unsigned axis = 0; axis < spatial; ++axis) {
              SmallVector<Value> point = {indices[0]};
              llvm::append_range(point, indices.drop_front(2));
              point.push_back(
                  s.index(spatial - 1 - axis)); // the grid has x first
              Value n = s.toFloat(body.read(s, grid, point), type);
              Value length = s.make<arith::SIToFPOp>(
                  type, s.fromIndex(sizes[axis], s.b.getI64Type()));
              Value one = s.number(type, 1), half = s.number(type, 0.5),
                    zero = s.number(type, 0);
              Value low = op.getAlignCorners() ? zero : s.number(type, -0.5);
              Value high = s.sub(length, op.getAlignCorners() ? one : half);
              Value x =
                  op.getAlignCorners()
                      ? s.mul(s.mul(s.add(n, one), half), s.sub(length, one))
                      : s.mul(s.sub(s.mul(s.add(n, one), length), one), half);
              Sampler sampler{s, op.getPadding(), type, sizes[axis], low, high};
              if (op.getMode() == graph::ResizeMode::nearest) {
                taps.push_back({sampler.tap(s.make<math::TruncOp>(sampler.move(
                                                s.make<math::RoundEvenOp>(x))),
                                            Value())});
                continue;
              }
              x = sampler.move(x);
              Value floor = s.make<math::FloorOp>(x), ratio = s.sub(x, floor);
              if (op.getMode() == graph::ResizeMode::linear) {
                taps.push_back({sampler.tap(floor, s.sub(one, ratio)),
                                sampler.tap(s.add(floor, one), ratio)});
                continue;
              }
              auto weights = getCubicWeights(s, ratio, -0.75);
              Taps four;
              for (int position = 0; position < 4; ++position)
                four.push_back(
                    sampler.tap(s.add(floor, s.number(type, position - 1)),
                                weights[position]));
              taps.push_back(four);
            }
            SmallVector<Value> place(indices);
            return s.toFloat(sumTaps(s, body, in, place, axes, taps, type),
                             in.element);
          }));
  return success();
}

void cinch::form::addGridSampleLowerings(LoweringTable &table) {
  table.add<graph::GridSampleOp>({lowerGridSample, OpClass::Opaque});
}
