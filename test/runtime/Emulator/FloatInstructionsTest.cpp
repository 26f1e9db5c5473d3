//===- FloatInstructionsTest.cpp - floats and conversions -----------------===//
#include "test/runtime/Emulator/Instructions.h"
#include <cmath>

using namespace cinch::emulator;

using FloatInstructions = Instructions;

/// NaNs of arithmetic: which one is not said.
static uint64_t anyNan(float value) {
  return std::isnan(value) ? 1 : bits(value);
}
static const std::string kAnyNan =
    " testp.notanumber.f32 %p, %d32; selp.b32 %d32, 1, %d32, %p;";

TEST_F(FloatInstructions, FloatArithmetic) {
  auto f = [](float (*compute)(float, float, float)) -> Want {
    return [=](auto a, auto b, auto c) {
      return anyNan(compute(f32(a), f32(b), f32(c)));
    };
  };
  check("add.f32 %d32, %a32, %b32;" + kAnyNan,
        f([](float a, float b, float) { return a + b; }), kFloats);
  check("mul.rn.f32 %d32, %a32, %b32;" + kAnyNan,
        f([](float a, float b, float) { return a * b; }), kFloats);
  check("fma.rn.f32 %d32, %a32, %b32, %c32;" + kAnyNan,
        f([](float a, float b, float c) { return std::fma(a, b, c); }),
        kFloats);
  check("div.rn.f32 %d32, %a32, %b32;" + kAnyNan,
        f([](float a, float b, float) { return a / b; }), kFloats);
  check("min.f32 %d32, %a32, %b32;" + kAnyNan, f([](float a, float b, float) {
          return a == b ? (std::signbit(a) ? a : b) : std::fmin(a, b);
        }),
        kFloats);
  check("max.f32 %d32, %a32, %b32;" + kAnyNan, f([](float a, float b, float) {
          return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b);
        }),
        kFloats);
  check("sqrt.rn.f32 %d32, %a32;" + kAnyNan,
        f([](float a, float, float) { return std::sqrt(a); }), kFloats);
  check("neg.f32 %d32, %a32;", INT32(a ^ 0x80000000), kFloats);
  check("abs.f32 %d32, %a32;", INT32(a & 0x7FFFFFFF), kFloats);
  check("copysign.f32 %d32, %a32, %b32;",
        INT32((a & 0x80000000) | (b & 0x7FFFFFFF)), kFloats);
}

TEST_F(FloatInstructions, FloatModifiers) {
  auto flush = [](float x) {
    return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
  };
  check(
      "add.ftz.f32 %d32, %a32, %b32;" + kAnyNan,
      [=](auto a, auto b, auto) {
        return anyNan(flush(flush(f32(a)) + flush(f32(b))));
      },
      kFloats);
  check(
      "mul.sat.f32 %d32, %a32, %b32;",
      [](auto a, auto b, auto) -> uint64_t {
        float product = f32(a) * f32(b);
        return product > 0 ? bits(std::fmin(product, 1.0f)) : 0;
      },
      kFloats);
  // Directions: the exact sum of two floats of similar size fits a double.
  const std::vector<uint64_t> near = {0x3F800001, 0x33800001, 0xBF800003,
                                      0x3F9E0419, 0x34400001, 0x3EAAAAAB};
  for (auto [name, mode] : {std::pair{"rz", 0}, {"rm", -1}, {"rp", 1}})
    check(
        std::string("and.b32 %a32, %a32, 0xBFFFFFFF; "
                    "or.b32 %a32, %a32, 0x38000000; "
                    "and.b32 %b32, %b32, 0xBFFFFFFF; "
                    "or.b32 %b32, %b32, 0x38000000; add.") +
            name + ".f32 %d32, %a32, %b32;",
        [mode = mode](auto a, auto b, auto) {
          float x = f32((a & 0xBFFFFFFF) | 0x38000000);
          float y = f32((b & 0xBFFFFFFF) | 0x38000000);
          double exact = double(x) + y;
          auto nearest = float(exact);
          bool isZero = mode == 0;
          double up = isZero ? (exact > 0 ? -1 : 1) : mode;
          if (nearest < exact && up > 0)
            nearest = std::nextafter(nearest, INFINITY);
          if (nearest > exact && up < 0)
            nearest = std::nextafter(nearest, -INFINITY);
          // x - x is -0 where the direction is down.
          if (nearest == 0 && exact == 0)
            nearest = std::signbit(x) && std::signbit(y) ? -0.0f
                      : mode < 0 && !(!std::signbit(x) && !std::signbit(y))
                          ? -0.0f
                          : 0.0f;
          return bits(nearest);
        },
        near);
}

TEST_F(FloatInstructions, Conversions) {
  check("cvt.rn.f32.s32 %d32, %a32;", INT32(bits(float(sa))));
  check("cvt.rn.f32.u32 %d32, %a32;", INT32(bits(float(a))));
  check("cvt.rn.f32.s64 %d32, %a64;", INT64(bits(float(sa))));
  check("cvt.rn.f64.u64 %d64, %a64;", INT64(bits(double(a))));
  check("cvt.s64.s32 %d64, %a32;", INT64(uint64_t(int64_t(int32_t(a)))));
  check("cvt.u64.u32 %d64, %a32;", INT64(uint64_t(uint32_t(a))));
  check("cvt.s32.s8 %d32, %a32;", INT32(int32_t(int8_t(a))));
  check("cvt.u16.u32 %d16, %a32;", INT64(uint16_t(a)));
  check("cvt.sat.u8.s32 %d32, %a32;", INT32(sa < 0 ? 0 : sa > 255 ? 255 : sa));
  check("cvt.sat.s32.s64 %d32, %a64;",
        INT64(uint32_t(sa < INT32_MIN   ? INT32_MIN
                       : sa > INT32_MAX ? INT32_MAX
                                        : sa)));
  auto toInt = [](float (*round)(float)) -> Want {
    return [=](auto a, auto, auto) -> uint64_t {
      float value = round(f32(a));
      if (std::isnan(value))
        return 0;
      return uint32_t(value >= 0x1p31f   ? INT32_MAX
                      : value < -0x1p31f ? INT32_MIN
                                         : int32_t(value));
    };
  };
  check("cvt.rzi.s32.f32 %d32, %a32;",
        toInt([](float x) { return std::trunc(x); }), kFloats);
  check("cvt.rni.s32.f32 %d32, %a32;",
        toInt([](float x) { return std::nearbyint(x); }), kFloats);
  check("cvt.rpi.s32.f32 %d32, %a32;",
        toInt([](float x) { return std::ceil(x); }), kFloats);
  check(
      "cvt.rmi.f32.f32 %d32, %a32;" + kAnyNan,
      [](auto a, auto, auto) { return anyNan(std::floor(f32(a))); }, kFloats);
  check(
      "cvt.f64.f32 %d64, %a32; testp.notanumber.f64 %p, %d64; "
      "selp.b64 %d64, 1, %d64, %p;",
      [](auto a, auto, auto) {
        double value = f32(a);
        return std::isnan(value) ? 1 : bits(value);
      },
      kFloats);
  check("cvt.rn.f32.f64 %d32, %a64;" + kAnyNan,
        [](auto a, auto, auto) { return anyNan(float(f64(a))); });
}
