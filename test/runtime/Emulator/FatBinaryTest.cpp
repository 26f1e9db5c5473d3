//===- FatBinaryTest.cpp - modules in other wrappings ---------------------===//
#include "test/runtime/Emulator/Fixture.h"
#include <cstring>

using namespace cinch::emulator;

namespace {
class FatBinary : public Device {
protected:
  /// Appends the bytes of a number.
  template <typename T> static void put(std::string &out, T value) {
    out.append(reinterpret_cast<const char *>(&value), sizeof(value));
  }
  static std::string makeEntry(uint16_t kind, uint32_t target, uint64_t flags,
                               std::string payload) {
    while (payload.size() % 8)
      payload += '\0';
    std::string entry;
    put<uint16_t>(entry, kind);
    put<uint16_t>(entry, 0x101);
    put<uint32_t>(entry, 64); // bytes of this header
    put<uint64_t>(entry, payload.size());
    put<uint64_t>(entry, 0); // compressed bytes
    put<uint32_t>(entry, 0x00090000);
    put<uint32_t>(entry, target);
    put<uint64_t>(entry, 0); // name
    put<uint64_t>(entry, flags);
    entry.resize(64);
    return entry + payload;
  }
  static std::string makeFile(const std::string &entries) {
    std::string file;
    put<uint32_t>(file, 0xba55ed50);
    put<uint16_t>(file, 1);
    put<uint16_t>(file, 16);
    put<uint64_t>(file, entries.size());
    return file + entries;
  }
  static std::string makePtx(const std::string &name, int target) {
    return ".version 8.0\n.target sm_" + std::to_string(target) +
           "\n.address_size 64\n.visible .entry " + name + "() { ret; }\n";
  }
  CUresult tryLoad(const std::string &image) {
    CUmodule module = nullptr;
    return cuModuleLoadFatBinary(&module, image.data());
  }
};
} // namespace

TEST_F(FatBinary, TakesTheHighestTargetThatFits) {
  std::string image = makeFile(makeEntry(2, 80, 0x11, "\177ELF") +
                               makeEntry(1, 75, 0x11, makePtx("k75", 75)) +
                               makeEntry(1, 80, 0x11, makePtx("k80", 80)) +
                               makeEntry(1, 90, 0x11, makePtx("k90", 90)));
  CUmodule module = nullptr;
  ASSERT_EQ(cuModuleLoadFatBinary(&module, image.data()), 0) << getReport();
  run(getFunction(module, "k80"), {1}, {1}, 0);
  struct {
    uint32_t magic, version;
    const void *data, *unused;
  } wrapper = {0x466243b1, 1, image.data(), nullptr};
  ASSERT_EQ(cuModuleLoadData(&module, &wrapper), 0) << getReport();
  getFunction(module, "k80");
  wrapper.data = nullptr;
  EXPECT_EQ(cuModuleLoadData(&module, &wrapper), kInvalidImage);
}

TEST_F(FatBinary, RefusesWhatItCannotRun) {
  EXPECT_EQ(tryLoad(makeFile(makeEntry(1, 80, 0x2011, "x"))), kNoBinaryForGpu);
  EXPECT_NE(getReport().find("compressed"), std::string::npos) << getReport();
  EXPECT_EQ(tryLoad(makeFile(makeEntry(1, 80, 0x8011, "x"))), kNoBinaryForGpu);
  EXPECT_EQ(tryLoad(makeFile(makeEntry(2, 80, 0x11, "\177ELF"))),
            kNoBinaryForGpu);
  EXPECT_NE(getReport().find("only machine code"), std::string::npos);
  EXPECT_EQ(tryLoad(makeFile(makeEntry(1, 90, 0x11, makePtx("k", 90)))),
            kNoBinaryForGpu);
  EXPECT_EQ(tryLoad(makeFile("")), kNoBinaryForGpu);
  EXPECT_EQ(tryLoad(makePtx("k", 80)), kInvalidImage);
  CUmodule module = nullptr;
  EXPECT_EQ(cuModuleLoadData(&module, "\177ELF\2\1\1"), kNoBinaryForGpu);
  EXPECT_NE(getReport().find("cubin"), std::string::npos) << getReport();
}

TEST_F(FatBinary, DamagedHeaders) {
  std::string good = makeFile(makeEntry(1, 80, 0x11, makePtx("k", 80)));
  ASSERT_EQ(tryLoad(good), 0);
  const size_t places[] = {4 + 2, 16 + 4, 16 + 8, 16 + 15};
  for (size_t place : places)
    for (unsigned char value : {0, 1, 0x7f, 0xff}) {
      std::string bad = good;
      bad[place] = char(value);
      static_cast<void>(tryLoad(bad)); // an error or not, but no crash
    }
  // A file that is cut off anywhere.
  for (size_t size : {size_t(5), size_t(16), size_t(40), good.size() - 1}) {
    std::string path = testing::TempDir() + "cut.fatbin";
    std::ofstream(path, std::ios::binary).write(good.data(), long(size));
    CUmodule module = nullptr;
    EXPECT_EQ(cuModuleLoad(&module, path.c_str()), kInvalidImage) << size;
    std::remove(path.c_str());
  }
}
