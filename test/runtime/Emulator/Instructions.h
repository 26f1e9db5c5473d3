//===- Instructions.h - single instructions on many numbers ---------------===//
#ifndef CINCH_TEST_RUNTIME_EMULATOR_INSTRUCTIONS_H
#define CINCH_TEST_RUNTIME_EMULATOR_INSTRUCTIONS_H

#include "test/runtime/Emulator/Fixture.h"
#include <cstring>
#include <functional>

namespace cinch::emulator {

/// Integers at the ends of ranges, and shifts around widths.
inline const std::vector<uint64_t> kSpecial = {0,
                                               1,
                                               2,
                                               7,
                                               31,
                                               32,
                                               33,
                                               63,
                                               64,
                                               0x7FFF,
                                               0x8000,
                                               0xFFFF,
                                               0x7FFFFFFF,
                                               0x80000000,
                                               0xFFFFFFFF,
                                               0x80000001,
                                               0x7FFFFFFFFFFFFFFF,
                                               0x8000000000000000,
                                               0xFFFFFFFFFFFFFFFF};

/// Floats, as bits, of every kind and sign.
inline const std::vector<uint64_t> kFloats = {
    0x3F800000, 0xBF800000, 0x3F000000, 0x00000001, 0x807FFFFF, 0x00800000,
    0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x4B000001,
    0x3F800001, 0x33800000, 0x5F000000, 0xCF000000, 0x40490FDB, 0x477FE000};

/// What an instruction computes from three numbers. Registers narrower than 64
/// bits hold their lowest bits.
using Want = std::function<uint64_t(uint64_t, uint64_t, uint64_t)>;

template <typename To, typename From> To as(From from) {
  To to;
  static_assert(sizeof(To) == sizeof(From), "of one size");
  memcpy(&to, &from, sizeof(to));
  return to;
}
inline float f32(uint64_t bits) { return as<float>(uint32_t(bits)); }
inline uint64_t bits(float value) { return as<uint32_t>(value); }
inline double f64(uint64_t value) { return as<double>(value); }
inline uint64_t bits(double value) { return as<uint64_t>(value); }

class Instructions : public Device {
protected:
  /// Runs `body`, which reads %a0…, %b0…, %c0… and writes %d0… (digits: 16 for
  /// b16, 32 for b32, 64 for b64; %p and %q are predicates), on many numbers.
  void check(const std::string &body, const Want &want,
             const std::vector<uint64_t> &more = {}) {
    std::vector<uint64_t> a = makeNumbers(1, more), b = makeNumbers(2, more),
                          c = makeNumbers(3, more);
    // Every special number with every other.
    size_t special = kSpecial.size() + more.size();
    for (size_t i = 0; i < special; ++i)
      for (size_t j = 0; j < special; ++j) {
        a.push_back(a[i]);
        b.push_back(a[j]);
        c.push_back(a[(i + 3 * j) % special]);
      }
    while (a.size() % 32) {
      a.push_back(1);
      b.push_back(1);
      c.push_back(1);
    }
    Buffer<uint64_t> da(a), db(b), dc(c), dd(a.size());
    run(getFunction(load(makePtx(body)), "k"), {unsigned(a.size() / 32)}, {32},
        0, da, db, dc, dd);
    std::vector<uint64_t> got = dd.read();
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(got[i], want(a[i], b[i], c[i]))
          << body << std::hex << " of " << a[i] << ", " << b[i] << ", " << c[i];
  }

  static std::vector<uint64_t> makeNumbers(unsigned seed,
                                           const std::vector<uint64_t> &more) {
    std::vector<uint64_t> numbers = kSpecial;
    numbers.insert(numbers.end(), more.begin(), more.end());
    std::vector<int> high = makeInts(200, seed), low = makeInts(200, seed + 9);
    for (size_t i = 0; i < high.size(); ++i)
      numbers.push_back(uint64_t(high[i]) << 32 | uint32_t(low[i]));
    return numbers;
  }

  static std::string makePtx(const std::string &body) {
    std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n"
                       ".visible .entry k(.param .u64 a, .param .u64 b, "
                       ".param .u64 c, .param .u64 d) {\n"
                       ".reg .b64 %base, %at, %i;\n.reg .b32 %t, %n;\n"
                       ".reg .pred %p, %q;\n"
                       "mov.u32 %t, %ctaid.x;\nmov.u32 %n, %tid.x;\n"
                       "mad.lo.u32 %t, %t, 32, %n;\nmul.wide.u32 %i, %t, 8;\n";
    for (const char *name : {"a", "b", "c", "d"})
      for (const char *width : {"16", "32", "64"}) {
        std::string reg = std::string("%") + name + width;
        text += std::string(".reg .b") + width + " " + reg + ";\n";
        if (*name == 'd')
          text += std::string("mov.b") + width + " " + reg + ", 0;\n";
        else
          text += std::string("ld.param.u64 %base, [") + name +
                  "];\nadd.s64 %at, %base, %i;\nld.global.b" + width + " " +
                  reg + ", [%at];\n";
      }
    return text + body +
           "\ncvt.u64.u32 %at, %d32;\nor.b64 %d64, %d64, %at;\n"
           "cvt.u64.u16 %at, %d16;\nor.b64 %d64, %d64, %at;\n"
           "ld.param.u64 %base, [d];\nadd.s64 %at, %base, %i;\n"
           "st.global.u64 [%at], %d64;\nret;\n}\n";
  }
};

} // namespace cinch::emulator

/// Functions of the lowest 32 bits, and of 64, for `check`: a, b, c, and with
/// sign sa, sb, sc.
#define INT32(EXPRESSION)                                                      \
  [](uint64_t la, uint64_t lb, uint64_t lc) -> uint64_t {                      \
    auto a = uint32_t(la), b = uint32_t(lb), c = uint32_t(lc);                 \
    auto sa = int32_t(a), sb = int32_t(b), sc = int32_t(c);                    \
    (void)a, (void)b, (void)c, (void)sa, (void)sb, (void)sc;                   \
    return uint32_t(EXPRESSION);                                               \
  }
#define INT64(EXPRESSION)                                                      \
  [](uint64_t a, uint64_t b, uint64_t c) -> uint64_t {                         \
    auto sa = int64_t(a), sb = int64_t(b);                                     \
    (void)b, (void)c, (void)sa, (void)sb;                                      \
    return EXPRESSION;                                                         \
  }

#endif // CINCH_TEST_RUNTIME_EMULATOR_INSTRUCTIONS_H
