//===- Resize.cpp - resampling along axes
//------------------------------------===//
//
// As the reference implementation of ONNX Resize: per axis, an output position
// gives an input coordinate (in f64), its neighbours and their weights.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/Sampling.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

namespace {
/// Resampling of one axis.
struct Axis {
  graph::ResizeOp op;
  int64_t axis;
  std::optional<double> scale; ///< if constant
  Value in, out;               ///< sizes
  double roiStart = 0, roiEnd = 1;
  bool isWhole = false; ///< the scale is constant and a whole number

  Value toDouble(Scalars &s, Value size) {
    return s.make<arith::SIToFPOp>(s.b.getF64Type(),
                                   s.fromIndex(size, s.b.getI64Type()));
  }
  Value getScale(Scalars &s) {
    if (scale)
      return s.number(s.b.getF64Type(), *scale);
    return s.make<arith::DivFOp>(toDouble(s, out), toDouble(s, in));
  }
  Value getCoordinate(Scalars &s, Value position, Value &isOutside);
  Taps getTaps(Scalars &s, Value position, Type type, Value &isOutside);
  Taps getNearest(Scalars &s, Value x);
  SmallVector<Value> getWeights(Scalars &s, Value ratio, int64_t &first);
  Value clampIndex(Scalars &s, Value index) {
    return s.max(s.min(index, s.sub(in, s.index(1))), s.index(0));
  }
};
} // namespace

Value Axis::getCoordinate(Scalars &s, Value position, Value &isOutside) {
  Type f64 = s.b.getF64Type();
  auto number = [&](double value) { return s.number(f64, value); };
  auto divide = [&](Value a, Value b) { return s.make<arith::DivFOp>(a, b); };
  Value x = toDouble(s, position), length = toDouble(s, in), one = number(1);
  Value factor = getScale(s), outLength = s.mul(factor, length),
        isSingle = s.eq(outLength, one);
  Value halfPixel = s.sub(divide(s.add(x, number(0.5)), factor), number(0.5));
  switch (op.getCoordinates()) {
  case graph::CoordinateMode::half_pixel:
    return halfPixel;
  case graph::CoordinateMode::half_pixel_symmetric: {
    Value adjustment = divide(toDouble(s, out), outLength);
    Value offset = s.mul(divide(length, number(2)), s.sub(one, adjustment));
    return s.add(offset, halfPixel);
  }
  case graph::CoordinateMode::pytorch_half_pixel:
    return s.select(isSingle, number(-0.5), halfPixel);
  case graph::CoordinateMode::asymmetric:
    return divide(x, factor);
  case graph::CoordinateMode::align_corners:
    return s.select(
        isSingle, number(0),
        divide(s.mul(x, s.sub(length, one)), s.sub(outLength, one)));
  case graph::CoordinateMode::tf_crop_and_resize: {
    Value extent = number(roiEnd - roiStart), last = s.sub(length, one);
    Value single = divide(s.mul(extent, last), number(2));
    Value several =
        divide(s.mul(s.mul(x, extent), last), s.sub(outLength, one));
    Value coordinate = s.add(s.select(isSingle, single, several),
                             s.mul(number(roiStart), last));
    Value outside =
        s.either(s.lt(coordinate, number(0)), s.lt(last, coordinate));
    isOutside = isOutside ? s.either(isOutside, outside) : outside;
    return coordinate;
  }
  }
  llvm_unreachable("unknown coordinate mode");
}

Taps Axis::getNearest(Scalars &s, Value x) {
  Value half = s.number(x.getType(), 0.5), nearest;
  switch (op.getNearest()) {
  case graph::NearestMode::round_prefer_floor:
    nearest = s.make<math::CeilOp>(s.sub(x, half));
    break;
  case graph::NearestMode::round_prefer_ceil:
    nearest = s.make<math::FloorOp>(s.add(x, half));
    break;
  case graph::NearestMode::floor:
    nearest = s.make<math::FloorOp>(x);
    break;
  case graph::NearestMode::ceil:
    nearest = s.make<math::CeilOp>(x);
    break;
  }
  Value index =
      s.toIndex(s.make<arith::FPToSIOp>(s.b.getI64Type(), nearest), false);
  return {{clampIndex(s, index), Value(), Value()}};
}

/// The weights of the neighbours from floor(x) + `first` on; `ratio` = x -
/// floor(x).
SmallVector<Value> Axis::getWeights(Scalars &s, Value ratio, int64_t &first) {
  Type f64 = s.b.getF64Type();
  bool isCubic = op.getMode() == graph::ResizeMode::cubic;
  double a = op.getCubicCoefficient().convertToDouble();
  if (!op.getAntialias() || *scale >= 1) {
    first = isCubic ? -1 : 0;
    if (isCubic)
      return SmallVector<Value>(getCubicWeights(s, ratio, a));
    return {s.sub(s.number(f64, 1), ratio), ratio};
  }
  // The kernel is stretched by 1 / scale.
  double reach = isCubic ? 2 : 1;
  first = static_cast<int64_t>(std::floor(-reach / *scale)) + 1;
  int64_t count = 2 - 2 * first;
  SmallVector<Value> weights;
  Value sum, zero = s.number(f64, 0), one = s.number(f64, 1),
             two = s.number(f64, 2);
  for (int64_t number = 0; number < count; ++number) {
    Value distance =
        s.mul(s.sub(s.number(f64, static_cast<double>(first + number)), ratio),
              s.number(f64, *scale));
    Value x = s.make<math::AbsFOp>(distance), weight;
    if (isCubic) {
      // near at x and far at x are the second and first weights at those ratios
      Value near = getCubicWeights(s, x, a)[1],
            far = getCubicWeights(s, s.sub(x, one), a)[0];
      weight = s.select(s.le(x, one), near, s.select(s.lt(x, two), far, zero));
    } else {
      weight = s.select(s.lt(x, one), s.sub(one, x), zero);
    }
    weights.push_back(weight);
    sum = sum ? s.add(sum, weight) : weight;
  }
  for (Value &weight : weights)
    weight = s.make<arith::DivFOp>(weight, sum);
  return weights;
}

Taps Axis::getTaps(Scalars &s, Value position, Type type, Value &isOutside) {
  bool isNearest = op.getMode() == graph::ResizeMode::nearest;
  bool rounds = op.getNearest() == graph::NearestMode::round_prefer_floor ||
                op.getNearest() == graph::NearestMode::round_prefer_ceil;
  // Whole scales repeat each element.
  if (isNearest && isWhole &&
      ((op.getCoordinates() == graph::CoordinateMode::asymmetric &&
        op.getNearest() == graph::NearestMode::floor) ||
       (op.getCoordinates() == graph::CoordinateMode::half_pixel && rounds)))
    return {{s.make<arith::DivUIOp>(position,
                                    s.index(static_cast<int64_t>(*scale))),
             Value(), Value()}};
  Value x = getCoordinate(s, position, isOutside);
  // Keeps the conversion to an index defined where the result is not used.
  Value limit = s.number(x.getType(), 4.0e9);
  x = s.select(s.le(s.make<math::AbsFOp>(x), limit), x,
               s.number(x.getType(), 0));
  if (isNearest)
    return getNearest(s, x);
  Value floor = s.make<math::FloorOp>(x), ratio = s.sub(x, floor);
  Value base =
      s.toIndex(s.make<arith::FPToSIOp>(s.b.getI64Type(), floor), false);
  int64_t first = 0;
  SmallVector<Value> weights = getWeights(s, ratio, first);
  SmallVector<Value> places;
  for (size_t number = 0; number < weights.size(); ++number)
    places.push_back(s.add(base, s.index(first + number)));
  if (op.getExcludeOutside()) {
    Value sum;
    for (auto [weight, place] : llvm::zip(weights, places)) {
      weight = s.select(s.lt(place, in, /*isUnsigned=*/true), weight,
                        s.number(weight.getType(), 0));
      sum = sum ? s.add(sum, weight) : weight;
    }
    for (Value &weight : weights)
      weight = s.make<arith::DivFOp>(weight, sum);
  }
  Taps taps;
  for (auto [weight, place] : llvm::zip(weights, places))
    taps.push_back({clampIndex(s, place), s.toFloat(weight, type), Value()});
  return taps;
}

static LogicalResult lowerResize(Operation *operation, KernelBody &body) {
  auto op = cast<graph::ResizeOp>(operation);
  Tensor in = body.tensor(op.getInput());
  auto resultDims = body.dims(op.getResult());
  std::optional<SmallVector<double>> scales;
  if (op.getScales())
    scales = graph::getFloats(graph::getConstantValue(op.getScales()));
  if (op.getScales() && !scales)
    return emitUnsupported(op) << "scales that are only known at run time";
  SmallVector<Axis> resized;
  SmallVector<int64_t> axes;
  for (auto [number, axis] : llvm::enumerate(op.getAxes())) {
    Axis one;
    one.op = op;
    one.axis = axis;
    auto inSize = in.dims[axis].asConstant(),
         outSize = resultDims[axis].asConstant();
    if (scales)
      one.scale = (*scales)[number];
    else if (in.dims[axis] == resultDims[axis])
      one.scale = 1.0;
    else if (inSize && outSize && *inSize > 0)
      one.scale = static_cast<double>(*outSize) / *inSize;
    if (auto roi = op.getRoi()) {
      one.roiStart = (*roi)[number];
      one.roiEnd = (*roi)[op.getAxes().size() + number];
    }
    bool isCrop =
        op.getCoordinates() == graph::CoordinateMode::tf_crop_and_resize;
    if (one.scale == 1.0 && in.dims[axis] == resultDims[axis] && !isCrop)
      continue;
    one.isWhole = one.scale && *one.scale >= 1 &&
                  *one.scale == std::floor(*one.scale) && *one.scale < 1e6;
    if (op.getAntialias() && op.getMode() != graph::ResizeMode::nearest) {
      if (!one.scale)
        return emitUnsupported(op)
               << "antialias with a scale that is only known at run time";
      if (*one.scale < 1.0 / 16)
        return emitUnsupported(op)
               << "antialias with a scale below 1/16, but got " << *one.scale;
    }
    one.in = body.size(in.dims[axis]);
    one.out = body.size(resultDims[axis]);
    resized.push_back(one);
    axes.push_back(axis);
  }
  bool isNearest = op.getMode() == graph::ResizeMode::nearest;
  Type type = getComputeType(in.element);
  if (!isa<FloatType>(type))
    type = Float32Type::get(op.getContext());
  if (!isNearest && axes.size() > 3)
    return emitUnsupported(op)
           << "interpolation along " << axes.size() << " axes";
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      body.indexed(
          in.rank(), out, [&](Scalars &s, ValueRange indices) -> Value {
            SmallVector<Value> place(indices);
            SmallVector<Taps> taps;
            Value isOutside;
            for (Axis &axis : resized)
              taps.push_back(
                  axis.getTaps(s, indices[axis.axis], type, isOutside));
            Value value;
            if (isNearest) {
              for (auto [axis, tap] : llvm::zip(axes, taps))
                place[axis] = tap.front().index;
              value = body.read(s, in, place);
            } else {
              value = sumTaps(s, body, in, place, axes, taps, type);
              value = isa<FloatType>(in.element)
                          ? s.toFloat(value, in.element)
                          : s.cast(value, type, in.element);
            }
            if (isOutside)
              value = s.select(
                  isOutside,
                  s.number(in.signless(),
                           op.getExtrapolationValue().convertToDouble()),
                  value);
            return value;
          }));
  return success();
}

void cinch::form::addResizeLowerings(LoweringTable &table) {
  table.add<graph::ResizeOp>({lowerResize, OpClass::Opaque});
}
