//===- DriverModule.cpp - modules of the emulated driver ------------------===//
#include "runtime/Emulator/DriverState.h"
#include "runtime/Emulator/FatBinary.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace cinch::emulator;

namespace {
/// A buffer that the caller gave for messages.
struct Log {
  char *buffer = nullptr;
  /// The option that holds its size, and afterwards what was written.
  void **bytes = nullptr;

  void write(const std::string &text) const {
    if (!bytes)
      return;
    size_t capacity = reinterpret_cast<size_t>(*bytes), used = 0;
    if (buffer && capacity) {
      used = std::min(text.size(), capacity - 1);
      std::memcpy(buffer, text.data(), used);
      buffer[used++] = 0;
    }
    *bytes = reinterpret_cast<void *>(used);
  }
};
} // namespace

/// Finds the buffers among the options; false if an option is unknown. Others
/// than these tell how to compile, which does not matter here.
static bool readOptions(unsigned count, const CUjit_option *options,
                        void **values, Log &info, Log &error) {
  if (count && (!options || !values))
    return false;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] >= kJitOptionCount)
      return false;
    if (options[i] == kJitInfoLog)
      info.buffer = static_cast<char *>(values[i]);
    if (options[i] == kJitInfoLogBytes)
      info.bytes = &values[i];
    if (options[i] == kJitErrorLog)
      error.buffer = static_cast<char *>(values[i]);
    if (options[i] == kJitErrorLogBytes)
      error.bytes = &values[i];
  }
  return true;
}

static CUresult load(Driver &driver, Context &context, CUmodule *module,
                     const void *image, std::string &outMessage) {
  std::string_view ptx;
  Error error = findPtx(image, context.architecture.sm, ptx);
  auto made = std::make_unique<LoadedModule>();
  made->context = context.handle;
  if (!error)
    made->module =
        Module::load(ptx, context.architecture, context.memory, error);
  if (error) {
    outMessage = error.message;
    return driver.refuse(error);
  }
  driver.updatePeak();
  *module = reinterpret_cast<CUmodule>(driver.modules.add(std::move(made)));
  return kSuccess;
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                            CUjit_option *options, void **values) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Log info, errors;
    if (!module || !image || !readOptions(count, options, values, info, errors))
      return kInvalidValue;
    std::string message;
    CUresult result = load(driver, context, module, image, message);
    info.write("");
    errors.write(message);
    return result;
  });
}

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) {
  if (image && !isBinary(image))
    return callAnyTime([](Driver &driver) {
      return driver.refuse(kInvalidImage, "the image is no fat binary");
    });
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

/// Reads a whole file, with a zero byte behind it.
static bool readFile(const char *path, std::vector<char> &out) {
  std::FILE *file = std::fopen(path, "rb");
  if (!file)
    return false;
  char block[1 << 16];
  size_t got;
  while ((got = std::fread(block, 1, sizeof(block), file)) > 0)
    out.insert(out.end(), block, block + got);
  bool isRead = !std::ferror(file);
  std::fclose(file);
  out.push_back(0);
  return isRead;
}

CUresult cuModuleLoad(CUmodule *module, const char *path) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!module || !path)
      return kInvalidValue;
    std::vector<char> image;
    if (!readFile(path, image))
      return driver.refuse(kFileNotFound, std::string("cannot read ") + path);
    if (!isFile(image.data(), image.size() - 1))
      return driver.refuse(kInvalidImage,
                           std::string(path) + " is cut off, or no fat binary");
    std::string message;
    return load(driver, context, module, image.data(), message);
  });
}

CUresult cuModuleUnload(CUmodule module) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    LoadedModule *found = driver.modules.find(module);
    if (!found || found->context != context.handle)
      return driver.refuse(kInvalidHandle, "the module does not exist in this "
                                           "context");
    CUresult result = driver.drain(context, nullptr);
    driver.releaseFunctions(reinterpret_cast<uintptr_t>(module));
    driver.modules.erase(reinterpret_cast<uintptr_t>(module));
    return result;
  });
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule module,
                             const char *name) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!function || !name)
      return kInvalidValue;
    LoadedModule *found = driver.modules.find(module);
    if (!found || found->context != context.handle)
      return driver.refuse(kInvalidHandle, "the module does not exist in this "
                                           "context");
    const Kernel *kernel = found->module->findKernel(name);
    if (!kernel)
      return driver.refuse(kNotFound,
                           std::string("the module has no kernel ") + name);
    uintptr_t &handle = found->functions[kernel->name];
    if (!handle) {
      // Dynamic shared memory beyond what every block may have is asked for
      // with cuFuncSetAttribute.
      uint32_t limit = context.architecture.sharedPerBlock;
      handle = driver.functions.add(std::make_unique<Function>(
          Function{reinterpret_cast<uintptr_t>(module), kernel,
                   limit - std::min(limit, kernel->sharedBytes)}));
    }
    *function = reinterpret_cast<CUfunction>(handle);
    return kSuccess;
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                              CUmodule module, const char *name) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!name)
      return kInvalidValue;
    LoadedModule *found = driver.modules.find(module);
    if (!found || found->context != context.handle)
      return driver.refuse(kInvalidHandle, "the module does not exist in this "
                                           "context");
    const GlobalVariable *variable = found->module->findGlobal(name);
    if (!variable)
      return driver.refuse(kNotFound,
                           std::string("the module has no variable ") + name);
    if (address)
      *address = variable->address;
    if (bytes)
      *bytes = variable->bytes;
    return kSuccess;
  });
}

CINCH_DRIVER_ALIAS(cuModuleGetGlobal, _v2);
