//===- PtxasTest.cpp ------------------------------------------------------===//
#include "lib/Target/Ptxas.h"
#include "lib/Target/Process.h"
#include <gtest/gtest.h>

using namespace cinch;

TEST(Ptxas, ParsesResources) {
  auto functions = parseResources(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
      "ptxas info    : Function properties for k\n"
      "    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\n"
      "ptxas info    : Used 70 registers, used 1 barriers, 32 bytes smem, 472 "
      "bytes cmem[0]\n"
      "ptxas info    : Compiling entry function 'other' for 'sm_80'\n"
      "ptxas info    : Used 16 registers, used 0 barriers, 400 bytes "
      "cmem[0]\n");
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].first, "k");
  EXPECT_EQ(functions[0].second.registers, 70);
  EXPECT_EQ(functions[0].second.stackBytes, 8);
  EXPECT_EQ(functions[0].second.spillBytes, 16);
  EXPECT_EQ(functions[0].second.sharedBytes, 32);
  EXPECT_EQ(functions[1].first, "other");
  EXPECT_EQ(functions[1].second.registers, 16);
  EXPECT_EQ(functions[1].second.spillBytes, 0);
  EXPECT_EQ(functions[1].second.sharedBytes, 0);
}

TEST(Ptxas, AddsDeclaredSharedMemory) {
  llvm::StringRef ptx = "// a\n"
                        ".extern .shared .align 16 .b8 pool[];\n"
                        ".shared .align 4 .f32 common[4][2];\n"
                        ".visible .entry first(\n"
                        "\t.param .u64 first_param_0\n"
                        ")\n"
                        "{\n"
                        "\t.shared .align 16 .b8 own[48];\n"
                        "\tmov.b64 \t%rd1, common;\n"
                        "}\n"
                        ".visible .entry second()\n"
                        "{\n"
                        "\t.shared .align 8 .b64 word;\n"
                        "\tmov.b64 \t%rd1, pool;\n"
                        "}\n";
  EXPECT_EQ(getStaticSharedBytes(ptx, "first"), 48 + 32);
  EXPECT_EQ(getStaticSharedBytes(ptx, "second"), 8);
  EXPECT_EQ(getStaticSharedBytes(ptx, "third"), 0);
}

static std::string run(std::vector<std::string> args, int limitSeconds = 0) {
  llvm::Expected<std::string> said =
      runProgram({"the shell", "talking"}, std::move(args), limitSeconds);
  return said ? *said : "error: " + llvm::toString(said.takeError());
}

TEST(Process, ReturnsWhatWasSaid) {
  EXPECT_EQ(run({"/bin/sh", "-c", "echo one; echo two >&2"}), "one\ntwo\n");
  EXPECT_EQ(run({"/bin/echo", "a b", "$HOME;"}), "a b $HOME;\n");
}

TEST(Process, TellsHowItFailed) {
  EXPECT_EQ(run({"/bin/sh", "-c", "echo bad; exit 3"}),
            "error: talking failed: bad");
  EXPECT_EQ(run({"/bin/sh", "-c", "echo bad; kill -9 $$"}),
            "error: talking failed: bad\n (ended by signal 9)");
}

TEST(Process, EndsWhatTakesTooLong) {
  EXPECT_EQ(run({"/bin/sh", "-c", "echo slow; exec sleep 60"}, 1),
            "error: talking failed: slow\n (took more than 1 s)");
}
