//===- ComputedScales.cpp - rounding by what is computed ------------------===//
#include "passes/Quantize/ComputedScales.h"
#include "passes/Quantize/Codes.h"
#include "passes/Quantize/Products.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

Value quantize::roundLogarithms(Maker &maker, Value value,
                                const Format &format) {
  auto type = cast<RankedTensorType>(value.getType());
  MLIRContext *context = value.getContext();
  Value natural = maker.make<LogOp>("logarithms", type, value);
  Value base = maker.scalar("base", static_cast<float>(-1 / std::log(2.0)));
  Value binary = maker.make<MulOp>("powers", type, natural, base);
  Value rounded = maker.make<RoundOp>("rounded_powers", type, binary);
  Value bounded = maker.make<MinOp>(
      "bounded_powers", type, rounded,
      maker.scalar("least_power", static_cast<float>(format.max)));
  Value codes = maker.make<CastOp>(
      "q", type.clone(getElementType(format, context)), bounded,
      /*saturate=*/true, Rounding::nearest);
  return maker.make<DequantizeOp>("dq", type, codes, maker.scalar("scale", 1),
                                  /*zero_point=*/Value(), /*axis=*/0,
                                  /*group_size=*/0, getLevels(format, context));
}

Value quantize::makeScales(Maker &maker, Value largest, const ValuePlan &plan) {
  auto type = cast<RankedTensorType>(largest.getType());
  double top = plan.format->getLargest();
  if (plan.scales == ScaleFormat::E8M0) {
    // What is cut off are the bits behind the power of two.
    float power = std::ldexp(1.0f, -std::ilogb(top));
    Value exact = maker.make<MulOp>("exact_scale", type, largest,
                                    maker.scalar("largest_power", power));
    Value normal = maker.make<MaxOp>("normal_scale", type, exact,
                                     maker.scalar("least_scale", minScale));
    return maker.make<CastOp>(
        "scale", type.clone(getElementType(plan.scales, type.getContext())),
        normal, /*saturate=*/true, Rounding::down);
  }
  Value exact = maker.make<DivOp>(
      "exact_scale", type, largest,
      maker.scalar("largest_number", static_cast<float>(top)));
  return maker.make<MaxOp>("scale", type, exact,
                           maker.scalar("least_scale", minScale));
}
