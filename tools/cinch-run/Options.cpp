//===- Options.cpp - command line of cinch-run ----------------------------===//
#include "tools/cinch-run/Options.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <set>

namespace cinch::run {

const char *const usage =
    R"(cinch-run MODEL.so [options]: runs a compiled model.

Examples:
  cinch-run m.so --benchmark=100               random inputs, 100 timed runs
  cinch-run m.so --dim=batch=1 --dim=seq=128 --measure-memory
                                               at these sizes; check the memory
  cinch-run m.so --inputs=in.npz --outputs=out.npz
  cinch-run m.so --inputs=test_data_set_0 --expect=test_data_set_0
                                               as an ONNX test case
  cinch-run m.so --input=x=@x.npy --json=statistics.json --quiet

Inputs: one of the following; random ones if there are none.
  --inputs=PATH         an .npz keyed by input name, or a folder with input_0.pb,
                        input_1.pb, ... in the order of the graph
  --input=NAME=@FILE    a .npy for one input (repeatable; wins over --inputs)
  --dim=NAME=VALUE      size of a symbol, for random inputs (repeatable; default:
                        its smallest size, at least 1)
  --seed=N              of the random inputs (default 0): floats in [-1, 1),
                        integers and booleans 0 or 1

Outputs:
  --outputs=PATH        write an .npz, or else a folder with output_0.pb, ...
  --expect=PATH         compare with an .npz or a folder of output_k.pb; fails if
                        |actual - expected| > atol + rtol * |expected| anywhere
  --rtol=X --atol=X     (default 1e-3, 1e-5)

Run:
  --device=NAME         cpu, cuda:N, or emulated (docs/emulator.md); default: the
                        CPU, or cuda:0 for a model compiled for it
  --weights=FILE        instead of the file that the model names
  --verify-weights      read all weights and compare their checksum
  --threads=N           1 to 1024 (default: the CPUs of the process)
  --benchmark=N         time N runs after the first
  --profile             print the time of every kernel
  --profile=FILE.json   and write a Chrome trace: every call by thread
  --counters=FILE       what the kernels of the first run did on the emulated
                        device: instructions, sectors, bank conflicts (JSON)
  --measure-memory      two more runs that measure the arena from outside
  --json=FILE           write statistics
  --quiet               print nothing but errors, and no progress
  --version --help

Exit status: 0 done, 1 failed (model, input, mismatch), 2 wrong usage.
)";

static bool parseInt(const std::string &text, int64_t min, int64_t max,
                     int64_t &out) {
  char *end;
  errno = 0;
  out = strtoll(text.c_str(), &end, 10);
  return !text.empty() && !*end && !errno && out >= min && out <= max;
}

static bool parseTolerance(const std::string &text, double &out) {
  char *end;
  out = strtod(text.c_str(), &end);
  return !text.empty() && !*end && std::isfinite(out) && out >= 0;
}

/// Handles the option `name` with its value; false sets `error`.
static bool applyValue(const std::string &name, const std::string &value,
                       Options &out, std::string &error) {
  bool isValid = !value.empty();
  size_t equals = value.rfind('=');
  if (name == "inputs")
    out.inputs = value;
  else if (name == "outputs")
    out.outputs = value;
  else if (name == "expect")
    out.expect = value;
  else if (name == "json")
    out.json = value;
  else if (name == "counters")
    out.counters = value;
  else if (name == "profile") {
    out.profile = true;
    out.trace = value;
    isValid = value.size() > 5 && value.substr(value.size() - 5) == ".json";
  } else if (name == "weights")
    out.weights = value;
  else if (name == "device")
    out.device = value;
  else if (name == "rtol")
    isValid = parseTolerance(value, out.rtol);
  else if (name == "atol")
    isValid = parseTolerance(value, out.atol);
  else if (name == "threads")
    isValid = parseInt(value, 1, 1024, out.threads);
  else if (name == "benchmark")
    isValid = parseInt(value, 1, 100'000'000, out.benchmarkRuns);
  else if (name == "seed")
    isValid = parseInt(value, 0, INT64_MAX, out.seed);
  else if (name == "input") {
    // The name may contain '=', the separator is "=@".
    equals = value.find("=@");
    isValid =
        equals != std::string::npos && equals && equals + 2 < value.size();
    if (isValid)
      out.inputFiles.push_back(
          {value.substr(0, equals), value.substr(equals + 2)});
  } else if (name == "dim") {
    int64_t size = 0;
    isValid = equals != std::string::npos && equals &&
              parseInt(value.substr(equals + 1), 0, INT64_MAX, size);
    if (isValid)
      out.dims.push_back({value.substr(0, equals), size});
  }
  if (!isValid)
    error = "bad value for --" + name + ": '" + value + "'";
  return isValid;
}

bool parseOptions(int argc, char **argv, Options &out, std::string &error) {
  static const std::set<std::string> withValue = {
      "inputs", "outputs", "expect",    "json", "weights", "rtol",     "atol",
      "device", "threads", "benchmark", "seed", "input",   "counters", "dim"};
  const std::pair<const char *, bool *> flags[] = {
      {"measure-memory", &out.measureMemory},
      {"verify-weights", &out.verifyWeights},
      {"profile", &out.profile},
      {"quiet", &out.quiet},
      {"help", &out.help},
      {"version", &out.version}};
  for (int index = 1; index < argc; ++index) {
    std::string argument = argv[index];
    if (argument.compare(0, 2, "--") != 0) {
      if (!out.model.empty() || argument.empty() || argument[0] == '-') {
        error = "unexpected argument '" + argument + "'";
        return false;
      }
      out.model = argument;
      continue;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(2, equals - 2);
    bool hasTrace = name == "profile" && equals != std::string::npos;
    if (withValue.count(name) || hasTrace) {
      if (equals == std::string::npos && ++index == argc) {
        error = "--" + name + " needs a value";
        return false;
      }
      std::string value = equals == std::string::npos
                              ? std::string(argv[index])
                              : argument.substr(equals + 1);
      if (!applyValue(name, value, out, error))
        return false;
      continue;
    }
    bool isKnown = false;
    for (const auto &[flag, target] : flags)
      if (name == flag && equals == std::string::npos)
        isKnown = *target = true;
    if (!isKnown) {
      error = "unknown option '" + argument + "'";
      return false;
    }
  }
  if (out.help || out.version)
    return true;
  if (out.model.empty())
    error = "no model given";
  else if (!out.dims.empty() &&
           (!out.inputs.empty() || !out.inputFiles.empty()))
    error = "--dim is for random inputs: given inputs have their sizes";
  return error.empty();
}

} // namespace cinch::run
