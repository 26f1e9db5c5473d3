//===- FaultsTest.cpp - what is reported instead of run -------------------===//
#include "test/runtime/Emulator/Fixture.h"
#include <cstring>

using namespace cinch::emulator;

namespace {
class Faults : public Device {
protected:
  /// A kernel whose one parameter is the address %rd1, with this body. The body
  /// starts on line 8.
  CUfunction make(const std::string &body, const std::string &declared = "") {
    return getFunction(load(".version 8.0\n.target sm_80\n.address_size 64\n" +
                            declared +
                            "\n"
                            ".visible .entry k(.param .u64 p) {\n"
                            ".reg .b16 %rs<3>; .reg .b32 %r<9>; .reg .b64 "
                            "%rd<9>; .reg .pred %p<4>;"
                            "\nld.param.u64 %rd1, [p];\n" +
                            body + "\nret;\n}\n"),
                       "k");
  }
  /// Launches `function` with one pointer; expects it to fail with `code` and a
  /// report that has every one of `parts`.
  void expectFault(CUfunction function, Dim3 grid, Dim3 block,
                   CUdeviceptr address, CUresult code,
                   const std::vector<std::string> &parts) {
    ASSERT_EQ(launchIn(nullptr, function, grid, block, 0, address), 0)
        << getReport();
    EXPECT_EQ(cuCtxSynchronize(), code) << getReport();
    std::string report = getReport();
    for (const std::string &part : parts)
      EXPECT_NE(report.find(part), std::string::npos)
          << "no \"" << part << "\" in: " << report;
    // It stays.
    EXPECT_EQ(cuCtxSynchronize(), code);
    CUdeviceptr more = 0;
    EXPECT_EQ(cuMemAlloc_v2(&more, 8), code);
  }
  /// Expects the load of `ptx` to fail with `code` and a report and log that
  /// have `part`.
  void expectLoadError(const std::string &ptx, CUresult code,
                       const std::string &part) {
    char log[256] = {};
    CUjit_option options[] = {kJitErrorLog, kJitErrorLogBytes};
    void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
    CUmodule module = nullptr;
    EXPECT_EQ(cuModuleLoadDataEx(&module, ptx.c_str(), 2, options, values),
              code)
        << getReport();
    EXPECT_NE(getReport().find(part), std::string::npos) << getReport();
    EXPECT_EQ(getReport().substr(0, 255), log);
    EXPECT_EQ(reinterpret_cast<size_t>(values[1]), std::strlen(log) + 1);
  }
};
} // namespace

//===--- Loading ----------------------------------------------------------===//

static const std::string kHead =
    ".version 8.0\n.target sm_80\n.address_size 64\n";

TEST_F(Faults, MalformedPtx) {
  expectLoadError("", 218, "");
  expectLoadError("hello", 218, "line 1");
  expectLoadError(kHead +
                      ".visible .entry k() {\n frobnicate.u32 %r1;\n ret;\n}",
                  218, "line 5");
  expectLoadError(kHead + ".visible .entry k() {\n .reg .b32 %r<2>;\n"
                          " add.q32 %r1, %r1, %r1;\n ret;\n}",
                  218, "line 6");
  expectLoadError(kHead + ".visible .entry k() {\n .reg .b32 %r<2>;\n"
                          " add.u32 %r1, %r7, %r1;\n ret;\n}",
                  218, "%r7");
  expectLoadError(kHead + ".visible .entry k() {\n .reg .pred %p<2>;\n"
                          " or.pred %p1, %p1, %tid.x;\n ret;\n}",
                  218, "line 6: or.pred: expected a predicate");
  expectLoadError(kHead + ".visible .entry k() {\n bra nowhere;\n ret;\n}", 218,
                  "nowhere");
  expectLoadError(kHead + ".visible .entry k() {\n ret;\n", 218, "");
}

TEST_F(Faults, PtxThatIsTooNew) {
  expectLoadError(".version 99.0\n.target sm_80\n.address_size 64\n", 222,
                  "99.0");
  expectLoadError(".version 8.0\n.target sm_90\n.address_size 64\n", 218,
                  "sm_90");
}

TEST_F(Faults, FunctionsThatAreCalled) {
  expectLoadError(readKernels("device_printf"), 218,
                  "line 49: the function 'vprintf' is called");
  const std::string function = kHead +
                               ".visible .func (.param .b32 r) f(.param "
                               ".b32 p) {\n{ ret; }\n}\n"
                               ".extern .func g(.param .b32 p) ;\n";
  expectLoadError(function +
                      ".visible .entry k() {\n call.uni f, ();\n ret;\n}",
                  218, "line 9: the function 'f' is called");
  expectLoadError(function + ".visible .entry k() {\n ret;\n}\n.func f(", 218,
                  "line");
  // One that is inlined everywhere may stay.
  run(getFunction(load(function + ".visible .entry k() {\n ret;\n}\n"), "k"),
      {1}, {1}, 0);
}

TEST_F(Faults, CutAnywhere) {
  // No prefix of a module may crash the loader.
  std::string ptx = readKernels("transpose");
  for (size_t i = 0; i < ptx.size(); i += 37) {
    CUmodule module = nullptr;
    if (cuModuleLoadData(&module, ptx.substr(0, i).c_str()) == 0) {
      EXPECT_EQ(cuModuleUnload(module), 0);
    }
  }
}

TEST_F(Faults, FilesThatAreNotThere) {
  CUmodule module = nullptr;
  EXPECT_EQ(cuModuleLoad(&module, "/nonexistent.ptx"), kFileNotFound);
  EXPECT_EQ(getReport(), "cannot read /nonexistent.ptx");
  EXPECT_EQ(cuModuleLoad(&module, CINCH_KERNELS "/vector_add.ptx"), 0);
}

//===--- Launching --------------------------------------------------------===//

TEST_F(Faults, ConfigurationsOutOfRange) {
  CUfunction kernel = loadKernel("scan", "scan");
  Buffer<int> x(std::vector<int>(8, 1)), y(8);
  auto launch = [&](Dim3 grid, Dim3 block, unsigned shared) {
    return launchIn(nullptr, kernel, grid, block, shared, x, y, 8);
  };
  EXPECT_EQ(launch({0}, {8}, 32), kInvalidValue);
  EXPECT_EQ(launch({1}, {0}, 32), kInvalidValue);
  EXPECT_EQ(launch({1}, {1025}, 32), kInvalidValue) << getReport();
  EXPECT_EQ(launch({1}, {32, 33}, 32), kInvalidValue);
  EXPECT_EQ(launch({1}, {1, 1, 65}, 32), kInvalidValue);
  EXPECT_EQ(launch({1, 65536}, {8}, 32), kInvalidValue);
  EXPECT_EQ(launch({1}, {8}, (48 << 10) + 1), kInvalidValue) << getReport();
  ASSERT_EQ(cuFuncSetAttribute(kernel, 8, 163 << 10), 0);
  EXPECT_EQ(launch({1}, {8}, 163 << 10), 0);
  EXPECT_EQ(launch({1}, {8}, (163 << 10) + 1), kInvalidValue);
  EXPECT_EQ(cuCtxSynchronize(), 0); // none of it is sticky
  CUfunction bounded = loadKernel("sgemm", "sgemm");
  EXPECT_NE(launchIn(nullptr, bounded, {1}, {512}, 0, x, x, y, 1, 1, 1), 0);
}

TEST_F(Faults, Parameters) {
  CUfunction kernel = loadKernel("vector_add", "vector_add");
  Buffer<float> x(std::vector<float>(8, 1)), y(8);
  EXPECT_EQ(
      cuLaunchKernel(kernel, 1, 1, 1, 8, 1, 1, 0, nullptr, nullptr, nullptr),
      kInvalidValue);
  EXPECT_EQ(getReport(), "kernel vector_add: parameter 0 of 4 is a null "
                         "pointer");
  struct {
    CUdeviceptr a, b, c;
    int count;
  } values = {x.address, x.address, y.address, 8};
  size_t bytes = 28;
  void *extra[] = {reinterpret_cast<void *>(1), &values,
                   reinterpret_cast<void *>(2), &bytes, nullptr};
  auto launch = [&] {
    return cuLaunchKernel(kernel, 1, 1, 1, 8, 1, 1, 0, nullptr, nullptr, extra);
  };
  EXPECT_EQ(launch(), 0) << getReport();
  EXPECT_EQ(y.read(), std::vector<float>(8, 2));
  bytes = sizeof(values); // with its padding
  EXPECT_EQ(launch(), 0);
  bytes = 24;
  EXPECT_EQ(launch(), kInvalidValue);
  EXPECT_EQ(getReport(), "kernel vector_add: the parameters are 28 bytes, but "
                         "the buffer has 24");
  extra[2] = reinterpret_cast<void *>(9);
  EXPECT_EQ(launch(), kInvalidValue);

  CUlaunchAttribute attribute = {};
  CUlaunchConfig config = {1, 1, 1, 8, 1, 1, 0, nullptr, &attribute, 1};
  extra[2] = reinterpret_cast<void *>(2);
  bytes = 28;
  EXPECT_EQ(cuLaunchKernelEx(&config, kernel, nullptr, extra), 0);
  attribute.id = kLaunchAttributeCluster;
  for (unsigned &size : attribute.value.cluster)
    size = 1;
  EXPECT_EQ(cuLaunchKernelEx(&config, kernel, nullptr, extra), 0);
  attribute.value.cluster[0] = 2;
  EXPECT_EQ(cuLaunchKernelEx(&config, kernel, nullptr, extra), kNotSupported);
}

//===--- Running ----------------------------------------------------------===//

TEST_F(Faults, OutsideOfAnyAllocation) {
  Buffer<int> x(std::vector<int>(64, 1));
  expectFault(make("mov.u32 %r1, %tid.x;\nmul.wide.u32 %rd2, %r1, 4;\n"
                   "add.u64 %rd1, %rd1, %rd2;\nst.global.u32 [%rd1], %r1;"),
              {1}, {65}, x.address, 700,
              {"kernel k", "line 11", "block (0, 0, 0)", "thread (64, 0, 0)"});
}

TEST_F(Faults, NullPointer) {
  expectFault(make("ld.global.u32 %r1, [%rd1];"), {1}, {1}, 0, 700, {"line 8"});
}

TEST_F(Faults, FreedMemory) {
  CUdeviceptr address = 0;
  ASSERT_EQ(cuMemAlloc_v2(&address, 64), 0);
  ASSERT_EQ(cuMemFree_v2(address), 0);
  expectFault(make("st.global.u32 [%rd1], 1;"), {1}, {1}, address, 700, {});
}

TEST_F(Faults, Misaligned) {
  Buffer<int> x(std::vector<int>(64, 1));
  expectFault(make("ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1+8];"), {1},
              {1}, x.address, 716, {"line 8", "16"});
}

/// Compilers leave halves undefined that nothing uses.
TEST_F(Faults, PackedPartNeverWritten) {
  Buffer<int> x(std::vector<int>(64, 1));
  CUfunction function =
      make("mov.b32 %r1, {%rs1, %rs2};\nst.global.u32 [%rd1], %r1;");
  ASSERT_EQ(launchIn(nullptr, function, {1}, {1}, 0, x.address), 0);
  EXPECT_EQ(cuCtxSynchronize(), 0) << getReport();
}

TEST_F(Faults, NeverWritten) {
  Buffer<int> x(64);
  expectFault(make("ld.global.u32 %r1, [%rd1];\nst.global.u32 [%rd1], %r1;"),
              {1}, {1}, x.address, 719, {"line 8"});
}

TEST_F(Faults, NeverWrittenRegister) {
  Buffer<int> x(64);
  expectFault(make("st.global.u32 [%rd1], %r1;"), {1}, {1}, x.address, 719,
              {"line 8", "%r1"});
}

TEST_F(Faults, LoopWithoutEnd) {
  open({{"MAX_INSTRUCTIONS", "10000"}});
  Buffer<int> x(64);
  expectFault(make("again:\nbra again;"), {1}, {32}, x.address, 702, {"10000"});
}

TEST_F(Faults, BarrierThatHalfAWarpMisses) {
  Buffer<int> x(64);
  expectFault(make("mov.u32 %r1, %tid.x;\nsetp.lt.u32 %p1, %r1, 16;\n"
                   "@%p1 bra skip;\nbar.sync 0;\nskip:"),
              {1}, {32}, x.address, 719, {"line 11", "bar"});
}

TEST_F(Faults, BarrierThatAWarpMisses) {
  Buffer<int> x(64);
  expectFault(make("mov.u32 %r1, %tid.x;\nsetp.ge.u32 %p1, %r1, 32;\n"
                   "@%p1 bra skip;\nbar.sync 0;\nskip:"),
              {1}, {64}, x.address, 719, {"bar"});
}

TEST_F(Faults, RaceInSharedMemory) {
  Buffer<int> x(64);
  expectFault(make("mov.u32 %r1, %tid.x;\nmov.u32 %r2, s;\n"
                   "shr.u32 %r3, %r1, 5;\nshl.b32 %r3, %r3, 2;\n"
                   "add.u32 %r4, %r2, %r3;\nst.shared.u32 [%r4], %r1;\n"
                   "ld.shared.u32 %r5, [%r2];",
                   ".shared .align 4 .b8 s[64];"),
              {1}, {64}, x.address, 719, {"race"});
}

TEST_F(Faults, RaceInGlobalMemory) {
  Buffer<int> x(64);
  expectFault(make("mov.u32 %r1, %ctaid.x;\nst.global.u32 [%rd1], %r1;"), {2},
              {1}, x.address, 719, {"race", "line 9"});
}

TEST_F(Faults, CopyThatNobodyWaitedFor) {
  Buffer<int> x(std::vector<int>(64, 1));
  expectFault(make("mov.u32 %r2, s;\n"
                   "cp.async.cg.shared.global [%r2], [%rd1], 16;\n"
                   "cp.async.commit_group;\nld.shared.u32 %r3, [%r2];",
                   ".shared .align 16 .b8 s[64];"),
              {1}, {1}, x.address, 719, {"line 11", "cp.async"});
}

TEST_F(Faults, SharedArrayAtItsDeclaredAlignmentOnly) {
  Buffer<int> x(std::vector<int>(64, 1));
  expectFault(make("mov.u32 %r2, s;\n"
                   "cp.async.cg.shared.global [%r2], [%rd1], 16;",
                   ".shared .align 2 .b8 s[64];"),
              {1}, {1}, x.address, 716, {"line 9"});
}

TEST_F(Faults, OneContextOnly) {
  CUfunction kernel = make("ld.global.u32 %r1, [%rd1];");
  expectFault(kernel, {1}, {1}, 0, 700, {});
  CUcontext second = nullptr;
  ASSERT_EQ(cuCtxCreate_v2(&second, 0, 0), 0);
  Buffer<int> x(std::vector<int>{3});
  EXPECT_EQ(x.read()[0], 3);
  EXPECT_EQ(cuCtxDestroy_v2(second), 0);
}
