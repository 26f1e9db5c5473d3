//===- Driver.cpp - the CUDA driver, opened at run time -------------------===//
#include "runtime/Cuda/Driver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <mutex>
#include <unistd.h>
#include <vector>

namespace cinch::rt {

/// CUDA 12.0, the first whose driver takes PTX 8.0, which device code has at
/// least. A driver that is too old for a module's newer PTX says so when the
/// module is loaded.
static constexpr int leastVersion = 12000;

/// The file of the emulated driver: its first place that exists, or the name
/// alone, for the loader to look for.
static std::string findEmulator() {
  const char *name = "libcinch_cuda_emulator.so.1";
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&findEmulator), &info) &&
      info.dli_fname) {
    std::string own = info.dli_fname;
    std::string folder = own.substr(0, own.rfind('/') + 1);
    for (const char *place : {"", "../lib/"})
      if (std::string path = folder + place + name;
          access(path.c_str(), F_OK) == 0)
        return path.find('/') == std::string::npos ? "./" + path : path;
  }
  return name;
}

cinch_status_t Driver::bind(const std::string &path) {
  const char *missing = nullptr;
#define CINCH_CUDA_BIND(name)                                                  \
  name = reinterpret_cast<decltype(name)>(dlsym(library, #name));              \
  if (!name && !missing)                                                       \
    missing = #name;
  CINCH_CUDA_FUNCTIONS(CINCH_CUDA_BIND)
#undef CINCH_CUDA_BIND
  lastReport = reinterpret_cast<decltype(lastReport)>(
      dlsym(library, "cinch_cuda_emulator_last_report"));
  if (!cuInit || !cuDriverGetVersion)
    return fail(CINCH_ERROR_DEVICE, "%s is no CUDA driver: it has no '%s'",
                path.c_str(), cuInit ? "cuDriverGetVersion" : "cuInit");
  int version = 0;
  if (cuDriverGetVersion(&version) != cudaOk || version < leastVersion)
    return fail(CINCH_ERROR_DEVICE,
                "%s is a driver for CUDA %d.%d, but 12.0 or newer is needed",
                path.c_str(), version / 1000, version % 1000 / 10);
  if (missing)
    return fail(CINCH_ERROR_DEVICE,
                "%s is no complete CUDA driver: it has no "
                "'%s'",
                path.c_str(), missing);
  return CINCH_OK;
}

cinch_status_t Driver::open(bool isEmulated, Driver *&out) {
  static std::mutex mutex;
  static auto *drivers = new std::vector<std::unique_ptr<Driver>>();
  const char *given = getenv("CINCH_CUDA_DRIVER");
  std::string path = given && *given ? given
                     : isEmulated    ? findEmulator()
                                     : "libcuda.so.1";
  std::lock_guard<std::mutex> lock(mutex);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    cinch_status_t status =
        fail(CINCH_ERROR_DEVICE, "the %s cannot be opened: %s",
             isEmulated ? "emulated CUDA driver" : "CUDA driver", dlerror());
    dlerror(); // frees the message
    return status;
  }
  Driver *found = nullptr;
  for (const auto &driver : *drivers)
    if (driver->library == library)
      found = driver.get();
  if (found) {
    dlclose(library);
  } else {
    auto made = std::make_unique<Driver>();
    made->library = library;
    if (cinch_status_t status = made->bind(path)) {
      dlclose(library);
      return status;
    }
    drivers->push_back(std::move(made));
    found = drivers->back().get();
  }
  if (isEmulated && !found->isEmulated())
    return fail(CINCH_ERROR_DEVICE, "%s is not the emulated CUDA driver",
                path.c_str());
  out = found;
  return CINCH_OK;
}

void Driver::describe(CUresult result, char *buffer, size_t bytes) const {
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  snprintf(buffer, bytes, "%s (%s)", name ? name : "unknown error",
           text ? text : "no description");
  size_t used = strlen(buffer);
  if (!isEmulated() || used + 3 >= bytes || lastReport(nullptr, 0) == 0)
    return;
  memcpy(buffer + used, ": ", 3);
  lastReport(buffer + used + 2, bytes - used - 2);
}

} // namespace cinch::rt
