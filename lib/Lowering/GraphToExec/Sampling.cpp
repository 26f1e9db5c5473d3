//===- Sampling.cpp - weighted sums of neighbouring elements
//-----------------===//
#include "lib/Lowering/GraphToExec/Sampling.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

Value cinch::form::sumTaps(Scalars &s, const KernelBody &body, const Tensor &in,
                           ArrayRef<Value> place, ArrayRef<int64_t> axes,
                           ArrayRef<Taps> taps, Type type) {
  if (axes.empty()) {
    Value element = body.read(s, in, place);
    return isa<FloatType>(in.element) ? s.toFloat(element, type)
                                      : s.cast(element, in.element, type);
  }
  Value sum;
  for (const Tap &tap : taps.front()) {
    SmallVector<Value> next(place);
    next[axes.front()] = tap.index;
    Value part =
        sumTaps(s, body, in, next, axes.drop_front(), taps.drop_front(), type);
    if (tap.weight)
      part = s.mul(part, tap.weight);
    if (tap.isInside)
      part = s.select(tap.isInside, part, s.number(type, 0));
    sum = sum ? s.add(sum, part) : part;
  }
  return sum;
}

SmallVector<Value, 4> cinch::form::getCubicWeights(Scalars &s, Value ratio,
                                                   double a) {
  Type type = ratio.getType();
  auto number = [&](double value) { return s.number(type, value); };
  // |x| <= 1: (a + 2) x^3 - (a + 3) x^2 + 1, else a x^3 - 5 a x^2 + 8 a x - 4 a
  auto near = [&](Value x) {
    return s.add(
        s.mul(s.mul(s.sub(s.mul(number(a + 2), x), number(a + 3)), x), x),
        number(1));
  };
  auto far = [&](Value x) {
    return s.sub(
        s.mul(s.add(s.mul(s.sub(s.mul(number(a), x), number(5 * a)), x),
                    number(8 * a)),
              x),
        number(4 * a));
  };
  Value rest = s.sub(number(1), ratio);
  return {far(s.add(ratio, number(1))), near(ratio), near(rest),
          far(s.add(rest, number(1)))};
}
