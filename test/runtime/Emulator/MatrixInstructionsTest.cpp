//===- MatrixInstructionsTest.cpp - mma of every type, by its fragments ---===//
#include "test/runtime/Emulator/Fixture.h"

using namespace cinch::emulator;

namespace {
/// An mma.m16n8kK: its types, and how a small integer is written in A and B.
struct Shape {
  std::string types;
  unsigned k, bits;
  uint32_t (*encode)(int value);
  bool isInteger;
  std::string target = "sm_80";
};

/// Bits of a small integer in float formats, by their exponent and mantissa.
uint32_t encodeFloat(int value, unsigned mantissa, int bias, unsigned width) {
  if (value == 0)
    return 0;
  uint32_t size = uint32_t(std::abs(value)), exponent = 0;
  while (size >> (exponent + 1))
    ++exponent;
  uint32_t fraction = (size << mantissa >> exponent) & ((1u << mantissa) - 1);
  return uint32_t(value < 0) << (width - 1) |
         uint32_t(int(exponent) + bias) << mantissa | fraction;
}
uint32_t toF16(int v) { return encodeFloat(v, 10, 15, 16); }
uint32_t toBf16(int v) { return encodeFloat(v, 7, 127, 16); }
uint32_t toF32(int v) { return encodeFloat(v, 23, 127, 32); }
uint32_t toE4M3(int v) { return encodeFloat(v, 3, 7, 8); }
uint32_t toE5M2(int v) { return encodeFloat(v, 2, 15, 8); }
uint32_t toByte(int v) { return uint32_t(v) & 255; }
uint32_t toNibble(int v) { return uint32_t(v) & 15; }

const Shape kShapes[] = {
    {"f32.f16.f16.f32", 16, 16, toF16, false},
    {"f32.f16.f16.f32", 8, 16, toF16, false},
    {"f32.bf16.bf16.f32", 16, 16, toBf16, false},
    {"f32.bf16.bf16.f32", 8, 16, toBf16, false},
    {"f32.tf32.tf32.f32", 8, 32, toF32, false},
    {"f32.tf32.tf32.f32", 4, 32, toF32, false},
    {"s32.s8.s8.s32", 32, 8, toByte, true},
    {"s32.s8.s8.s32", 16, 8, toByte, true},
    {"s32.s4.s4.s32", 64, 4, toNibble, true},
    {"s32.s4.s4.s32", 32, 4, toNibble, true},
    {"f32.e4m3.e4m3.f32", 32, 8, toE4M3, false, "sm_89"},
    {"f32.e5m2.e5m2.f32", 32, 8, toE5M2, false, "sm_89"},
};

/// Place of element i of a lane: PTX, "Matrix fragments for mma.m16n8k…". The
/// manual lists them type by type; p elements of 4 p columns form one register.
struct Place {
  unsigned row, column;
};
Place placeOfA(const Shape &shape, unsigned lane, unsigned i) {
  unsigned p = 32 / shape.bits, group = lane / 4, thread = lane % 4;
  return {group + (i / p % 2 ? 8 : 0),
          thread * p + i % p + (i >= 2 * p ? 4 * p : 0)};
}
Place placeOfB(const Shape &shape, unsigned lane, unsigned i) {
  unsigned p = 32 / shape.bits, group = lane / 4, thread = lane % 4;
  return {thread * p + i % p + (i >= p ? 4 * p : 0), group};
}
Place placeOfC(unsigned lane, unsigned i) {
  return {lane / 4 + (i >= 2 ? 8 : 0), lane % 4 * 2 + i % 2};
}

std::string registers(const char *name, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", %" : "%") + std::string(name) + std::to_string(i);
  return text + "}";
}

/// Loads the registers of each lane from arrays, multiplies, stores.
std::string makePtx(const Shape &shape, unsigned regsA, unsigned regsB) {
  std::string text =
      ".version 8.4\n.target " + shape.target +
      "\n.address_size 64\n.visible .entry k(.param .u64 a, .param .u64 b, "
      ".param .u64 c, .param .u64 d) {\n.reg .b64 %p, %o;\n.reg .b32 %t, "
      "%a<8>, %b<8>, %c<4>, %d<4>;\nmov.u32 %t, %tid.x;\n";
  auto address = [&](const char *name, unsigned count) {
    text += "mul.wide.u32 %o, %t, " + std::to_string(4 * count) +
            ";\nld.param.u64 %p, [" + name + "];\nadd.s64 %p, %p, %o;\n";
  };
  for (auto [name, count] : {std::pair{"a", regsA}, {"b", regsB}, {"c", 4u}}) {
    address(name, count);
    for (unsigned i = 0; i < count; ++i)
      text += "ld.global.b32 %" + std::string(name) + std::to_string(i) +
              ", [%p+" + std::to_string(4 * i) + "];\n";
  }
  text += "mma.sync.aligned.m16n8k" + std::to_string(shape.k) + ".row.col." +
          shape.types + " " + registers("d", 4) + ", " + registers("a", regsA) +
          ", " + registers("b", regsB) + ", " + registers("c", 4) + ";\n";
  address("d", 4);
  for (unsigned i = 0; i < 4; ++i)
    text += "st.global.b32 [%p+" + std::to_string(4 * i) + "], %d" +
            std::to_string(i) + ";\n";
  return text + "ret;\n}\n";
}

class MatrixInstructions : public Device {
protected:
  void check(const Shape &shape) {
    open({{"ARCH", shape.target}});
    const unsigned p = 32 / shape.bits, elementsA = shape.k / 2,
                   elementsB = shape.k / 4;
    // Small enough for every format, so that each sum is exact.
    std::vector<int> a(16 * shape.k), b(shape.k * 8), c(16 * 8);
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = int(i * 7 % 13) - 6;
    for (size_t i = 0; i < b.size(); ++i)
      b[i] = int(i * 5 % 9) - 4;
    for (size_t i = 0; i < c.size(); ++i)
      c[i] = int(i % 31) - 15;
    std::vector<uint32_t> ra(32 * elementsA / p), rb(32 * elementsB / p),
        rc(32 * 4);
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned i = 0; i < elementsA; ++i) {
        Place place = placeOfA(shape, lane, i);
        ra[(lane * elementsA + i) / p] |=
            shape.encode(a[place.row * shape.k + place.column])
            << i % p * shape.bits % 32;
      }
      for (unsigned i = 0; i < elementsB; ++i) {
        Place place = placeOfB(shape, lane, i);
        rb[(lane * elementsB + i) / p] |=
            shape.encode(b[place.row * 8 + place.column])
            << i % p * shape.bits % 32;
      }
      for (unsigned i = 0; i < 4; ++i) {
        Place place = placeOfC(lane, i);
        int value = c[place.row * 8 + place.column];
        rc[lane * 4 + i] = shape.isInteger ? uint32_t(value) : toF32(value);
      }
    }
    {
      Buffer<uint32_t> da(ra), db(rb), dc(rc), dd(32 * 4);
      run(getFunction(load(makePtx(shape, elementsA / p, elementsB / p)), "k"),
          {1}, {32}, 0, da, db, dc, dd);
      std::vector<uint32_t> got = dd.read();
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned i = 0; i < 4; ++i) {
          Place place = placeOfC(lane, i);
          int want = c[place.row * 8 + place.column];
          for (unsigned k = 0; k < shape.k; ++k)
            want += a[place.row * shape.k + k] * b[k * 8 + place.column];
          ASSERT_EQ(got[lane * 4 + i],
                    shape.isInteger ? uint32_t(want) : toF32(want))
              << shape.types << " k " << shape.k << ", lane " << lane;
        }
    }
    EXPECT_EQ(findCounter(getCounters(), {"m16n8k" + std::to_string(shape.k) +
                                          "." + shape.types}),
              1);
  }
};
} // namespace

TEST_F(MatrixInstructions, EveryTypeAndShape) {
  for (const Shape &shape : kShapes)
    check(shape);
}

TEST_F(MatrixInstructions, FloatsOfEightBitsNeedTheirArchitecture) {
  CUmodule module;
  std::string ptx = makePtx(kShapes[10], 4, 2);
  EXPECT_NE(cuModuleLoadData(&module, ptx.c_str()), 0);
  EXPECT_NE(getReport().find("sm_89"), std::string::npos) << getReport();
  ptx.replace(ptx.find("sm_89"), 5, "sm_80");
  EXPECT_NE(cuModuleLoadData(&module, ptx.c_str()), 0);
  EXPECT_NE(getReport().find("needs a target of sm_89"), std::string::npos)
      << getReport();
}
