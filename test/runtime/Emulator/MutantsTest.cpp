//===- MutantsTest.cpp - damaged PTX --------------------------------------===//
//
// A barrier or a wait that is taken out must be reported, and no text that is
// given to the device may harm the process.
//
//===----------------------------------------------------------------------===//
#include "test/runtime/Emulator/Fixture.h"
#include <algorithm>
#include <filesystem>
#include <random>

using namespace cinch::emulator;

namespace {
class Mutants : public Device {
protected:
  void SetUp() override { open({{"MAX_INSTRUCTIONS", "200000"}}); }
};
} // namespace

static std::vector<std::string> split(const std::string &text) {
  std::vector<std::string> lines;
  std::stringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

static std::string join(const std::vector<std::string> &lines) {
  std::string text;
  for (const std::string &line : lines)
    text += line + "\n";
  return text;
}

/// Takes out, one after the other, each line of `file` that has `what`, and
/// calls `launch` with the rest, in a context of its own. Returns how many of
/// them ran without a fault.
template <typename Launch>
static unsigned countUnreported(const std::string &file,
                                const std::string &what, Launch &&launch) {
  std::vector<std::string> lines = split(readKernels(file));
  unsigned unreported = 0, found = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(what) == std::string::npos)
      continue;
    ++found;
    std::vector<std::string> mutant = lines;
    mutant[i] = "";
    CUcontext context = nullptr;
    EXPECT_EQ(cuCtxCreate_v2(&context, 0, 0), 0);
    CUmodule module = nullptr;
    EXPECT_EQ(cuModuleLoadData(&module, join(mutant).c_str()), 0)
        << getReport();
    launch(module);
    unreported += cuCtxSynchronize() == 0;
    EXPECT_EQ(cuCtxDestroy_v2(context), 0);
  }
  EXPECT_GT(found, 0u) << file << " has no " << what;
  return unreported;
}

static CUfunction find(CUmodule module, const char *name) {
  CUfunction function = nullptr;
  EXPECT_EQ(cuModuleGetFunction(&function, module, name), 0);
  return function;
}

TEST_F(Mutants, EveryBarrierOfAProductIsNeeded) {
  auto launch = [](CUmodule module) {
    Buffer<float> x(makeFloats(48 * 48, 1)), y(makeFloats(48 * 48, 2)),
        z(48 * 48);
    EXPECT_EQ(launchIn(nullptr, find(module, "sgemm"), {3, 3}, {16, 16}, 0, x,
                       y, z, 48, 48, 48),
              0);
    static_cast<void>(cuCtxSynchronize());
  };
  EXPECT_EQ(countUnreported("sgemm", "bar.sync", launch), 0u);
}

TEST_F(Mutants, EveryBarrierOfAScanIsNeeded) {
  auto launch = [](CUmodule module) {
    Buffer<int> x(makeInts(256, 1)), y(256);
    EXPECT_EQ(
        launchIn(nullptr, find(module, "scan"), {1}, {256}, 1024, x, y, 256),
        0);
    static_cast<void>(cuCtxSynchronize());
  };
  EXPECT_EQ(countUnreported("scan", "bar.sync", launch), 0u);
}

TEST_F(Mutants, EveryBarrierOfAttentionIsNeeded) {
  auto launch = [](CUmodule module) {
    Buffer<float> q(makeFloats(256, 1)), k(makeFloats(4096, 2)),
        v(makeFloats(4096, 3)), out(256);
    EXPECT_EQ(launchIn(nullptr, find(module, "flash_attention"), {1}, {128}, 0,
                       q, k, v, out, 4, 64, 0.125f),
              0);
    static_cast<void>(cuCtxSynchronize());
  };
  EXPECT_EQ(countUnreported("flash_attention", "bar.sync", launch), 0u);
}

TEST_F(Mutants, EveryWaitForACopyIsNeeded) {
  auto launch = [](CUmodule module) {
    Buffer<float> x(makeFloats(32 * 96, 1)), y(makeFloats(96 * 32, 2)),
        z(32 * 32);
    EXPECT_EQ(launchIn(nullptr, find(module, "async_gemm"), {1}, {256}, 0, x, y,
                       z, 32, 96),
              0);
    static_cast<void>(cuCtxSynchronize());
  };
  EXPECT_EQ(countUnreported("async_gemm", "bar.sync", launch), 0u);
  EXPECT_EQ(countUnreported("async_gemm", "cp.async.wait_group", launch), 0u);
}

/// Changes 1 to 3 places of `lines`: takes out, repeats or swaps lines, or puts
/// a character or a word of another line in the place of one.
static void mutate(std::vector<std::string> &lines, std::minstd_rand &random) {
  auto pick = [&](size_t count) { return size_t(random() % count); };
  for (size_t changes = 1 + pick(3); changes; --changes) {
    std::string &line = lines[pick(lines.size())];
    std::string &other = lines[pick(lines.size())];
    switch (pick(5)) {
    case 0:
      line.clear();
      break;
    case 1:
      line += "\n" + other;
      break;
    case 2:
      std::swap(line, other);
      break;
    case 3:
      if (!line.empty())
        line[pick(line.size())] = "%[];,.-0r9@{}x"[pick(14)];
      break;
    default:
      size_t from = line.find_last_of(" ,"), to = other.find_last_of(" ,");
      if (from != std::string::npos && to != std::string::npos)
        line = line.substr(0, from) + other.substr(to);
    }
  }
}

TEST_F(Mutants, NoTextHarmsTheProcess) {
  const char *count = std::getenv("CINCH_TEST_MUTANTS");
  unsigned perFile = count ? unsigned(std::atoi(count)) : 40;
  unsigned loaded = 0;
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(CINCH_KERNELS))
    if (entry.path().extension() == ".ptx")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::minstd_rand random(17);
  for (const std::filesystem::path &file : files) {
    std::string text = readKernels(file.stem());
    std::vector<std::string> names;
    for (size_t at = 0; (at = text.find(".entry ", at)) != text.npos; ++at)
      names.push_back(text.substr(at + 7, text.find('(', at) - at - 7));
    std::vector<std::string> lines = split(text);
    for (unsigned i = 0; i < perFile; ++i) {
      std::vector<std::string> mutant = lines;
      mutate(mutant, random);
      open({{"MAX_INSTRUCTIONS", "20000"}});
      CUmodule module = nullptr;
      if (cuModuleLoadData(&module, join(mutant).c_str()))
        continue;
      ++loaded;
      for (const std::string &name : names) {
        CUfunction function = nullptr;
        if (cuModuleGetFunction(&function, module, name.c_str()))
          continue;
        // Buffers first, as most kernels take them, then small sizes.
        Buffer<int> a(std::vector<int>(4096, 3)), b(std::vector<int>(4096, 5));
        CUdeviceptr values[16];
        void *parameters[16];
        for (unsigned p = 0; p < 16; ++p) {
          values[p] = p > 3 ? 32 : p % 2 ? a.address : b.address;
          parameters[p] = &values[p];
        }
        static_cast<void>(cuLaunchKernel(function, 2, 1, 1, 64, 1, 1, 256,
                                         nullptr, parameters, nullptr));
        static_cast<void>(cuCtxSynchronize());
      }
    }
  }
  EXPECT_GT(loaded, 0u);
}
