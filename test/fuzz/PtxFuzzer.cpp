//===- PtxFuzzer.cpp - any text as PTX ------------------------------------===//
//
// Loads the text on the emulated device and runs every kernel of it, for a few
// instructions, on small buffers: whatever it is, the answer is an error or a
// result.
//
//===----------------------------------------------------------------------===//
#include "runtime/Emulator/Launch.h"
#include <cstdlib>
#include <cstring>

using namespace cinch::emulator;

static constexpr size_t kBufferBytes = 4096;

/// A parameter of 8 bytes is the address of a buffer; others are 4.
static std::vector<char> makeParameters(const Kernel &kernel, Memory &memory) {
  std::vector<char> bytes(kernel.parameterBytes, 0);
  for (const Parameter &parameter : kernel.parameters) {
    uint64_t value = 4;
    if (parameter.bytes == 8) {
      if (memory.allocate(kBufferBytes, value) ||
          memory.fill(value, 0x3F800000, 4, kBufferBytes / 4))
        abort();
    }
    memcpy(bytes.data() + parameter.offset, &value,
           std::min<size_t>(parameter.bytes, 8));
  }
  return bytes;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Memory memory(uint64_t(1) << 26);
  Error error;
  const Architecture &architecture = *findArchitecture(90);
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto module = Module::load(text, architecture, memory, error);
  if (!module) {
    if (error.message.empty())
      abort(); // a refusal says why
    return 0;
  }
  LaunchConfig config;
  config.grid[0] = 2;
  config.block[0] = 48; // a warp and a half
  config.sharedBytes = 1024;
  LaunchOptions options;
  options.maxInstructions = 2000;
  options.threads = 1;
  for (const auto &kernel : module->getKernels()) {
    std::vector<char> parameters = makeParameters(*kernel, memory);
    Counters counters;
    if (Error failure = launch(*kernel, config, parameters.data(), memory,
                               architecture, options, counters))
      if (failure.message.empty())
        abort();
  }
  return 0;
}
