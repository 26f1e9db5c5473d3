//===- cinch-emulate.cpp - runs PTX without a GPU -------------------------===//
#include "tools/cinch-emulate/Options.h"
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

using namespace cinch::emulate;
using namespace cinch::emulator;

static int fail(const std::string &message, int status = 1) {
  std::fprintf(stderr, "cinch-emulate: %s\n", message.c_str());
  return status;
}

/// Prints what `--list` says of a kernel.
static void list(const Kernel &kernel) {
  std::printf("%s\n", kernel.name.c_str());
  for (const Parameter &parameter : kernel.parameters)
    std::printf("  %-32s %u bytes\n", parameter.name.c_str(), parameter.bytes);
  if (kernel.sharedBytes)
    std::printf("  shared memory                    %u bytes\n",
                kernel.sharedBytes);
  if (kernel.localBytes)
    std::printf("  local memory of a thread         %u bytes\n",
                kernel.localBytes);
  const uint32_t *limits[] = {kernel.maxThreads, kernel.requiredThreads};
  const char *names[] = {"at most", "exactly"};
  for (int i = 0; i < 2; ++i)
    if (limits[i][0])
      std::printf("  block                            %s %u x %u x %u\n",
                  names[i], limits[i][0], std::max(limits[i][1], 1u),
                  std::max(limits[i][2], 1u));
}

static void print(const char *name, const Traffic &traffic) {
  if (traffic.requests)
    std::printf("  %-14s %12" PRIu64 " requests %14" PRIu64 " bytes %12" PRIu64
                " %s\n",
                name, traffic.requests, traffic.bytes,
                std::max(traffic.sectors, traffic.wavefronts),
                traffic.sectors ? "sectors" : "wavefronts");
}

static void print(const Counters &counters) {
  std::printf("warp instructions %" PRIu64 ", divergent branches %" PRIu64
              ", barriers %" PRIu64 "\n",
              counters.getWarpInstructions(), counters.divergentBranches,
              counters.barriers);
  print("global loads", counters.globalLoad);
  print("global stores", counters.globalStore);
  print("global atomics", counters.globalAtomic);
  print("shared loads", counters.sharedLoad);
  print("shared stores", counters.sharedStore);
  print("shared atomics", counters.sharedAtomic);
  for (const auto &[shape, count] : counters.matrix)
    std::printf("  mma %-28s %12" PRIu64 "\n", shape.c_str(), count);
  for (const auto &[name, count] : counters.instructions)
    std::printf("  %-14s %12" PRIu64 " warps    %14" PRIu64 " threads\n",
                name.c_str(), count.warp, count.thread);
}

/// Finds the kernel to run; null sets `error`.
static const Kernel *findKernel(const Module &module, const Options &options,
                                std::string &error) {
  if (!options.kernel.empty()) {
    const Kernel *kernel = module.findKernel(options.kernel);
    if (!kernel)
      error = options.file + " has no kernel " + options.kernel +
              "; --list shows those it has";
    return kernel;
  }
  if (module.getKernels().size() == 1)
    return module.getKernels().front().get();
  error = options.file + " has " + std::to_string(module.getKernels().size()) +
          " kernels; choose one with --kernel (--list shows them)";
  return nullptr;
}

/// Places the arguments and packs them as the kernel expects.
static bool makeParameters(const Kernel &kernel, Memory &memory,
                           std::vector<Argument> &arguments,
                           std::vector<char> &out, std::string &error) {
  if (arguments.size() != kernel.parameters.size()) {
    error = kernel.name + " has " + std::to_string(kernel.parameters.size()) +
            " parameters, but --arg was given " +
            std::to_string(arguments.size()) + " times; --list shows them";
    return false;
  }
  out.assign(kernel.parameterBytes, 0);
  for (size_t i = 0; i < arguments.size(); ++i) {
    Argument &argument = arguments[i];
    const Parameter &parameter = kernel.parameters[i];
    if (argument.isBuffer && !placeBuffer(memory, argument, error))
      return false;
    size_t size =
        argument.isBuffer ? sizeof(argument.address) : argument.value.size();
    if (size != parameter.bytes) {
      error = "--arg='" + argument.text + "' is " + std::to_string(size) +
              " bytes, but parameter " + std::to_string(i) + " (" +
              parameter.name + ") is " + std::to_string(parameter.bytes);
      return false;
    }
    std::memcpy(out.data() + parameter.offset,
                argument.isBuffer
                    ? reinterpret_cast<const char *>(&argument.address)
                    : argument.value.data(),
                size);
  }
  return true;
}

static int run(Options &options) {
  std::string ptx, message;
  if (!readFile(options.file, ptx, message))
    return fail(message);
  const Architecture &architecture = *options.architecture;
  Memory memory(architecture.memoryBytes);
  Error error;
  auto module = Module::load(ptx, architecture, memory, error);
  if (!module)
    return fail(options.file + ": " + error.message);
  if (options.list) {
    for (const auto &kernel : module->getKernels())
      list(*kernel);
    return 0;
  }
  const Kernel *kernel = findKernel(*module, options, message);
  if (!kernel)
    return fail(message);
  std::vector<char> parameters;
  if (!makeParameters(*kernel, memory, options.arguments, parameters, message))
    return fail(message);
  options.config.maxSharedBytes =
      architecture.sharedPerBlockOptIn -
      std::min(architecture.sharedPerBlockOptIn, kernel->sharedBytes);
  Counters counters;
  error = launch(*kernel, options.config, parameters.data(), memory,
                 architecture, options.launch, counters);
  if (error)
    return fail(error.message);
  if (!writeOutputs(memory, options.arguments, message))
    return fail(message);
  if (options.counters == CounterFormat::Json)
    std::printf("%s\n", counters.toJson().c_str());
  if (options.counters == CounterFormat::Text)
    print(counters);
  return std::fflush(stdout) ? fail("cannot write to standard output") : 0;
}

int main(int argc, char **argv) {
  Options options;
  std::string error;
  if (!parseOptions(argc, argv, options, error))
    return fail(error, 2);
  if (options.help || options.version) {
    std::fputs(options.help ? usage : "cinch-emulate " CINCH_VERSION "\n",
               stdout);
    return 0;
  }
  try {
    return run(options);
  } catch (const std::bad_alloc &) {
    return fail("out of memory");
  }
}
