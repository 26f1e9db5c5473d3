//===- Options.cpp - command line of cinch-emulate ------------------------===//
#include "tools/cinch-emulate/Options.h"
#include <cerrno>
#include <cstdlib>

namespace cinch::emulate {

const char *const usage =
    R"(cinch-emulate FILE.ptx [options]: runs a kernel on an emulated CUDA device.

Every access is checked: bounds, alignment, memory and registers that nobody
wrote, races, barriers that a thread misses, copies that nobody waited for. The
first fault is reported with its line of PTX, block and thread.

Examples:
  cinch-emulate k.ptx --list                   kernels and their parameters
  cinch-emulate k.ptx --kernel=vector_add --grid=8 --block=128 --arg=in:a.npy \
      --arg=in:b.npy --arg=out:c.bin:4096 --arg=i32:1024 --counters

Launch:
  --kernel=NAME         may be left out if the file has one kernel
  --grid=X[,Y[,Z]]      blocks (default 1)
  --block=X[,Y[,Z]]     threads of a block (default 1)
  --shared=BYTES        dynamic shared memory of a block (default 0)

Arguments, one --arg for each parameter, in order:
  --arg=in:FILE         a buffer with the data of a .npy, or a file's bytes
  --arg=inout:FILE:FILE the same; afterwards its bytes are written to the second
                        file, a .npy as one of the same shape
  --arg=out:FILE:BYTES  a buffer that the kernel writes; its bytes are written to
                        the file
  --arg=zeros:BYTES     a buffer of zeros
  --arg=i32:5           a value: i8 i16 i32 i64, u8 u16 u32 u64, f32 f64, or
                        hex:0500ff… for its bytes in memory

Device:
  --arch=sm_NN          sm_80 (default), sm_86, sm_89, sm_90, sm_120
  --threads=N           host threads, 1 to 1024 (default: one for each core);
                        results and counters do not depend on it
  --max-instructions=N  that a block may execute, over all its warps

Report:
  --counters            instructions, sectors, bank wavefronts, …
  --counters=json       the same as one JSON object
  --version --help

Exit status: 0 done, 1 failed (file, PTX, launch, fault), 2 wrong usage. Nothing
is written unless the kernel ran to its end.
)";

static bool parseNumber(const std::string &text, uint64_t min, uint64_t max,
                        uint64_t &out) {
  char *end;
  errno = 0;
  out = std::strtoull(text.c_str(), &end, 10);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' && !*end && !errno &&
         out >= min && out <= max;
}

/// Parses "X[,Y[,Z]]".
static bool parseSizes(const std::string &text, uint32_t (&out)[3]) {
  size_t start = 0;
  for (uint32_t &size : out) {
    size_t comma = text.find(',', start);
    uint64_t number;
    if (!parseNumber(text.substr(start, comma - start), 0, UINT32_MAX, number))
      return false;
    size = uint32_t(number);
    if (comma == std::string::npos)
      return true;
    start = comma + 1;
  }
  return false;
}

static bool parseArchitecture(const std::string &text, Options &out) {
  uint64_t sm;
  if (text.compare(0, 3, "sm_") || !parseNumber(text.substr(3), 0, 1000, sm))
    return false;
  out.architecture = emulator::findArchitecture(unsigned(sm));
  return out.architecture;
}

/// Handles the option `name` with its value; false sets `error`.
static bool applyValue(const std::string &name, const std::string &value,
                       Options &out, std::string &error) {
  bool isValid = !value.empty();
  uint64_t number = 0;
  if (name == "kernel") {
    out.kernel = value;
  } else if (name == "grid") {
    isValid = parseSizes(value, out.config.grid);
  } else if (name == "block") {
    isValid = parseSizes(value, out.config.block);
  } else if (name == "shared") {
    isValid = parseNumber(value, 0, UINT32_MAX, number);
    out.config.sharedBytes = uint32_t(number);
  } else if (name == "arch") {
    isValid = parseArchitecture(value, out);
  } else if (name == "threads") {
    isValid = parseNumber(value, 1, 1024, number);
    out.launch.threads = unsigned(number);
  } else if (name == "max-instructions") {
    isValid = parseNumber(value, 1, UINT64_MAX, out.launch.maxInstructions);
  } else if (name == "counters") {
    isValid = value == "json";
    out.counters = CounterFormat::Json;
  } else if (name == "arg") {
    out.arguments.emplace_back();
    return parseArgument(value, out.arguments.back(), error);
  } else {
    error = "unknown option --" + name + "; see --help";
    return false;
  }
  if (!isValid)
    error = "bad value for --" + name + ": '" + value + "'";
  return isValid;
}

bool parseOptions(int argc, char **argv, Options &out, std::string &error) {
  out.architecture = emulator::findArchitecture(80);
  for (int index = 1; index < argc; ++index) {
    std::string argument = argv[index];
    if (argument == "--list") {
      out.list = true;
    } else if (argument == "--help") {
      out.help = true;
    } else if (argument == "--version") {
      out.version = true;
    } else if (argument == "--counters") {
      out.counters = CounterFormat::Text;
    } else if (argument.compare(0, 2, "--") != 0) {
      if (!out.file.empty() || argument.empty() || argument[0] == '-') {
        error = "unexpected argument '" + argument + "'";
        return false;
      }
      out.file = argument;
    } else {
      size_t equals = argument.find('=');
      std::string name = argument.substr(2, equals - 2);
      if (equals == std::string::npos) {
        error = "--" + name + " needs a value, or is unknown; see --help";
        return false;
      }
      if (!applyValue(name, argument.substr(equals + 1), out, error))
        return false;
    }
  }
  if (out.file.empty() && !out.help && !out.version) {
    error = "no PTX file; see --help";
    return false;
  }
  return true;
}

} // namespace cinch::emulate
