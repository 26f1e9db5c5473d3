//===- DeviceCounters.cpp - what the emulated device counted --------------===//
#include "tools/cinch-run/DeviceCounters.h"

#include "lib/TensorFiles/Tensor.h"

#include <dlfcn.h>

namespace cinch::run {

DeviceCounters::DeviceCounters() {
  // The runtime has opened it if the model runs on it; it stays open.
  void *library = dlopen("libcinch_cuda_emulator.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (!library)
    return;
  reset = reinterpret_cast<void (*)()>(
      dlsym(library, "cinch_cuda_emulator_reset_counters"));
  write = reinterpret_cast<size_t (*)(char *, size_t)>(
      dlsym(library, "cinch_cuda_emulator_counters"));
}

bool writeDeviceCounters(const std::string &path,
                         const DeviceCounters &counters, std::string &error) {
  std::string text(counters.write(nullptr, 0) + 1, '\0');
  text.resize(counters.write(text.data(), text.size()));
  return writeFile(path, {Bytes(text), Bytes("\n")}, error);
}

} // namespace cinch::run
