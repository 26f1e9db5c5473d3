//===- InstructionsTest.cpp - integers, bits, registers -------------------===//
#include "test/runtime/Emulator/Instructions.h"
#include <algorithm>
#include <cmath>

using namespace cinch::emulator;

TEST_F(Instructions, Sums) {
  check("add.u32 %d32, %a32, %b32;", INT32(a + b));
  check("sub.s32 %d32, %a32, %b32;", INT32(a - b));
  check("add.s64 %d64, %a64, %b64;", INT64(a + b));
  check("add.u16 %d16, %a16, %b16;", INT64(uint16_t(a + b)));
  check("add.sat.s32 %d32, %a32, %b32;",
        INT32(std::min(std::max(int64_t(sa) + sb, int64_t(INT32_MIN)),
                       int64_t(INT32_MAX))));
  check("sub.sat.s32 %d32, %a32, %b32;",
        INT32(std::min(std::max(int64_t(sa) - sb, int64_t(INT32_MIN)),
                       int64_t(INT32_MAX))));
  check("sad.u32 %d32, %a32, %b32, %c32;", INT32(c + (a > b ? a - b : b - a)));
  check("sad.s32 %d32, %a32, %b32, %c32;",
        INT32(c + uint32_t(sa > sb ? int64_t(sa) - sb : int64_t(sb) - sa)));
}

TEST_F(Instructions, Products) {
  check("mul.lo.u32 %d32, %a32, %b32;", INT32(a * b));
  check("mul.lo.s64 %d64, %a64, %b64;", INT64(a * b));
  check("mul.hi.u32 %d32, %a32, %b32;", INT32(uint64_t(a) * b >> 32));
  check("mul.hi.s32 %d32, %a32, %b32;", INT32(int64_t(sa) * sb >> 32));
  check("mul.hi.u64 %d64, %a64, %b64;",
        INT64(uint64_t((unsigned __int128)(a)*b >> 64)));
  check("mul.hi.s64 %d64, %a64, %b64;",
        INT64(uint64_t(__int128(sa) * sb >> 64)));
  check("mul.wide.u16 %d32, %a16, %b16;",
        INT64(uint32_t(uint16_t(a)) * uint16_t(b)));
  check("mul.wide.s16 %d32, %a16, %b16;",
        INT64(uint32_t(int32_t(int16_t(a)) * int16_t(b))));
  check("mul.wide.u32 %d64, %a32, %b32;",
        INT64(uint64_t(uint32_t(a)) * uint32_t(b)));
  check("mul.wide.s32 %d64, %a32, %b32;",
        INT64(uint64_t(int64_t(int32_t(a)) * int32_t(b))));
  check("mad.lo.s32 %d32, %a32, %b32, %c32;", INT32(a * b + c));
  check("mad.hi.s32 %d32, %a32, %b32, %c32;",
        INT32(uint32_t(int64_t(sa) * sb >> 32) + c));
  check("mad.wide.s32 %d64, %a32, %b32, %c64;",
        INT64(uint64_t(int64_t(int32_t(a)) * int32_t(b)) + c));
  check("dp4a.s32.s32 %d32, %a32, %b32, %c32;", [](auto a, auto b, auto c) {
    int64_t sum = int32_t(c);
    for (int i = 0; i < 32; i += 8)
      sum += int8_t(a >> i) * int8_t(b >> i);
    return uint64_t(uint32_t(sum));
  });
  check("dp4a.u32.s32 %d32, %a32, %b32, %c32;", [](auto a, auto b, auto c) {
    int64_t sum = int32_t(c);
    for (int i = 0; i < 32; i += 8)
      sum += uint8_t(a >> i) * int8_t(b >> i);
    return uint64_t(uint32_t(sum));
  });
}

TEST_F(Instructions, Carries) {
  // 128-bit sums and products of 64-bit words by 32-bit and 64-bit steps.
  check("mov.b64 {%a32, %t}, %a64; mov.b64 {%b32, %n}, %b64; "
        "add.cc.u32 %a32, %a32, %b32; addc.u32 %t, %t, %n; "
        "mov.b64 %d64, {%a32, %t};",
        INT64(a + b));
  check("mov.b64 {%a32, %t}, %a64; mov.b64 {%b32, %n}, %b64; "
        "sub.cc.u32 %a32, %a32, %b32; subc.cc.u32 %t, %t, %n; "
        "mov.b64 %d64, {%a32, %t};",
        INT64(a - b));
  check("add.cc.u64 %a64, %a64, %b64; addc.u64 %d64, 0, 0;",
        INT64(a + b < a ? 1 : 0));
  check("sub.cc.s64 %a64, %a64, %b64; subc.s64 %d64, 0, 0;",
        INT64(a < b ? ~uint64_t(0) : 0));
  check(
      "mad.lo.cc.u64 %a64, %b64, %c64, %a64; madc.hi.u64 %d64, %b64, %c64, 0;",
      INT64(uint64_t(((unsigned __int128)(b)*c + a) >> 64)));
}

TEST_F(Instructions, Quotients) {
  // A divisor of 0 is undefined; or.b32 makes it odd.
  check("or.b32 %b32, %b32, 1; div.u32 %d32, %a32, %b32;", INT32(a / (b | 1)));
  check("or.b32 %b32, %b32, 1; rem.s32 %d32, %a32, %b32;",
        INT32(int64_t(sa) % (sb | 1)));
  check("or.b32 %b32, %b32, 1; div.s32 %d32, %a32, %b32;",
        INT32(int64_t(sa) / (sb | 1)));
  check("or.b64 %b64, %b64, 1; rem.u64 %d64, %a64, %b64;", INT64(a % (b | 1)));
  check("or.b64 %b64, %b64, 1; div.s64 %d64, %a64, %b64;",
        INT64(uint64_t(__int128(sa) / (sb | 1))));
}

TEST_F(Instructions, ExtremesAndSigns) {
  check("min.s32 %d32, %a32, %b32;", INT32(sa < sb ? a : b));
  check("max.u32 %d32, %a32, %b32;", INT32(a > b ? a : b));
  check("max.s64 %d64, %a64, %b64;", INT64(sa > sb ? a : b));
  check("neg.s32 %d32, %a32;", INT32(0 - a));
  check("abs.s32 %d32, %a32;", INT32(sa < 0 ? 0 - a : a));
  check("abs.s64 %d64, %a64;", INT64(sa < 0 ? 0 - a : a));
}

TEST_F(Instructions, Logic) {
  check("and.b32 %d32, %a32, %b32;", INT32(a & b));
  check("or.b64 %d64, %a64, %b64;", INT64(a | b));
  check("xor.b16 %d16, %a16, %b16;", INT64(uint16_t(a ^ b)));
  check("not.b32 %d32, %a32;", INT32(~a));
  check("cnot.b32 %d32, %a32;", INT32(a == 0));
  check("shl.b32 %d32, %a32, %b32;", INT32(b > 31 ? 0 : a << b));
  check("shr.u32 %d32, %a32, %b32;", INT32(b > 31 ? 0 : a >> b));
  check("shr.s32 %d32, %a32, %b32;", INT32(sa >> (b > 31 ? 31 : b)));
  check("shl.b64 %d64, %a64, %b32;",
        INT64(uint32_t(b) > 63 ? 0 : a << uint32_t(b)));
  check("shr.s64 %d64, %a64, %b32;",
        INT64(uint64_t(sa >> (uint32_t(b) > 63 ? 63 : uint32_t(b)))));
  check("shf.l.wrap.b32 %d32, %a32, %b32, %c32;",
        INT32((uint64_t(b) << 32 | a) << (c % 32) >> 32));
  check("shf.r.clamp.b32 %d32, %a32, %b32, %c32;",
        INT32((uint64_t(b) << 32 | a) >> (c > 32 ? 32 : c)));
  check("lop3.b32 %d32, %a32, %b32, %c32, 0xE8;", // majority
        INT32((a & b) | (a & c) | (b & c)));
  check("lop3.b32 %d32, %a32, %b32, %c32, 0x96;", INT32(a ^ b ^ c));
  check("lop3.b32 %d32, %a32, %b32, %c32, 0xE2;", // b ? a : c
        INT32((a & b) | (c & ~b)));
}

TEST_F(Instructions, Fields) {
  check("popc.b32 %d32, %a32;", INT32(__builtin_popcount(a)));
  check("popc.b64 %d32, %a64;", INT64(uint64_t(__builtin_popcountll(a))));
  check("clz.b32 %d32, %a32;", INT32(a ? __builtin_clz(a) : 32));
  check("clz.b64 %d32, %a64;", INT64(a ? uint64_t(__builtin_clzll(a)) : 64));
  check("brev.b32 %d32, %a32;", [](auto a, auto, auto) {
    uint64_t result = 0;
    for (int i = 0; i < 32; ++i)
      result |= (a >> i & 1) << (31 - i);
    return result;
  });
  check("bfind.u32 %d32, %a32;", INT32(a ? 31 - __builtin_clz(a) : ~0u));
  check("bfind.s32 %d32, %a32;", [](auto a, auto, auto) {
    auto value = uint32_t(a);
    uint32_t sign = value >> 31;
    for (int i = 30; i >= 0; --i)
      if ((value >> i & 1) != sign)
        return uint64_t(i);
    return uint64_t(0xFFFFFFFF);
  });
  check("prmt.b32 %d32, %a32, %b32, %c32;", [](auto a, auto b, auto c) {
    uint64_t both = b << 32 | uint32_t(a), result = 0;
    for (int i = 0; i < 4; ++i) {
      uint64_t selector = c >> 4 * i & 15,
               byte = both >> 8 * (selector & 7) & 255;
      result |= (selector & 8 ? (byte >> 7) * 255 : byte) << 8 * i;
    }
    return result;
  });
  // The manual's own program for bfe and bfi.
  auto bfe = [](auto a, auto b, auto c, bool isSigned) {
    unsigned pos = b & 255, len = c & 255, msb = 31;
    bool sign = isSigned && len && (a >> std::min(pos + len - 1, msb) & 1);
    uint64_t result = 0;
    for (unsigned i = 0; i <= msb; ++i)
      result |= uint64_t(i < len && pos + i <= msb ? a >> (pos + i) & 1 : sign)
                << i;
    return result;
  };
  check("bfe.u32 %d32, %a32, %b32, %c32;",
        [=](auto a, auto b, auto c) { return bfe(uint32_t(a), b, c, false); });
  check("bfe.s32 %d32, %a32, %b32, %c32;",
        [=](auto a, auto b, auto c) { return bfe(uint32_t(a), b, c, true); });
  auto bfi = [](auto a, auto b, auto c, unsigned len) {
    unsigned pos = c & 255;
    auto result = uint32_t(b);
    for (unsigned i = 0; i < len && pos + i < 32; ++i)
      result = (result & ~(1u << (pos + i))) | (a >> i & 1) << (pos + i);
    return uint64_t(result);
  };
  for (unsigned len : {0, 5, 31, 32, 200})
    check("bfi.b32 %d32, %a32, %b32, %c32, " + std::to_string(len) + ";",
          [=](auto a, auto b, auto c) { return bfi(a, b, c, len); });
}

TEST_F(Instructions, Choices) {
  check("setp.lt.s32 %p, %a32, %b32; selp.b32 %d32, %a32, %b32, %p;",
        INT32(sa < sb ? a : b));
  check("setp.hs.u32 %p, %a32, %b32; selp.b32 %d32, 1, 2, %p;",
        INT32(a >= b ? 1 : 2));
  check("setp.gt.u64 %p, %a64, %b64; setp.ne.and.s32 %q, %a32, %b32, %p; "
        "selp.b32 %d32, 1, 2, %q;",
        INT64(a > b && uint32_t(a) != uint32_t(b) ? 1 : 2));
  check("setp.le.s16 %p|%q, %a16, %b16; selp.b32 %d32, 1, 2, %q;",
        INT64(int16_t(a) <= int16_t(b) ? 2 : 1));
  check("slct.b32.s32 %d32, %a32, %b32, %c32;", INT32(sc >= 0 ? a : b));
  // Two halves at once: p for the lower, q for the upper.
  auto half = [](uint64_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent == 31 ? (fraction ? NAN : INFINITY)
                  : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                 : std::ldexp(fraction, -24);
    return bits >> 15 & 1 ? -size : size;
  };
  check("setp.lt.f16x2 %p|%q, %a32, %b32; selp.b32 %d32, 1, 2, %p;",
        [=](auto a, auto b, auto) -> uint64_t {
          return half(a) < half(b) ? 1 : 2;
        });
  check("setp.lt.f16x2 %p|%q, %a32, %b32; selp.b32 %d32, 1, 2, %q;",
        [=](auto a, auto b, auto) -> uint64_t {
          return half(a >> 16) < half(b >> 16) ? 1 : 2;
        });
  struct {
    const char *name;
    bool (*holds)(float, float);
  } comparisons[] = {
      {"eq", [](float a, float b) { return a == b; }},
      {"ne", [](float a, float b) { return a < b || a > b; }},
      {"geu", [](float a, float b) { return !(a < b); }},
      {"ltu", [](float a, float b) { return !(a >= b); }},
      {"neu", [](float a, float b) { return a != b; }},
      {"num", [](float a, float b) { return a == a && b == b; }},
      {"nan", [](float a, float b) { return a != a || b != b; }}};
  for (auto &comparison : comparisons)
    check(
        std::string("setp.") + comparison.name +
            ".f32 %p, %a32, %b32; selp.b32 %d32, 1, 2, %p;",
        [&](auto a, auto b, auto) -> uint64_t {
          return comparison.holds(f32(a), f32(b)) ? 1 : 2;
        },
        kFloats);
  check(
      "testp.subnormal.f32 %p, %a32; selp.b32 %d32, 1, 2, %p;",
      [](auto a, auto, auto) -> uint64_t {
        return std::fpclassify(f32(a)) == FP_SUBNORMAL ? 1 : 2;
      },
      kFloats);
}

TEST_F(Instructions, BetweenRegisters) {
  check("mov.b64 %d64, {%a32, %b32};",
        INT64(uint64_t(uint32_t(b)) << 32 | uint32_t(a)));
  check("mov.b64 {%d32, _}, %a64;", INT64(uint32_t(a)));
  check("mov.b32 {_, %d16}, %a32;", INT64(uint16_t(a >> 16)));
  check("mov.b32 %d32, {%a16, %b16};",
        INT64(uint64_t(uint16_t(b)) << 16 | uint16_t(a)));
  check("setp.eq.u32 %p, %a32, %b32; @!%p bra M; mov.u32 %d32, 3; M: "
        "add.u32 %d32, %d32, 5;",
        INT64(uint32_t(a) == uint32_t(b) ? 8 : 5));
}
