//===- DriverLaunch.cpp - launches of the emulated driver -----------------===//
#include "runtime/Emulator/DriverState.h"
#include <cstring>

using namespace cinch::emulator;

namespace {
/// What marks the entries of `extra`: CU_LAUNCH_PARAM_….
enum : uintptr_t {
  kExtraEnd = 0,
  kExtraBuffer = 1,
  kExtraBufferBytes = 2,
};
} // namespace

/// Copies the parameters out of the array of pointers to them.
static CUresult readPointers(Driver &driver, const Kernel &kernel,
                             void **pointers, std::vector<char> &out) {
  size_t index = 0;
  for (const Parameter &parameter : kernel.parameters) {
    if (!pointers || !pointers[index])
      return driver.refuse(kInvalidValue,
                           "kernel " + kernel.name + ": parameter " +
                               std::to_string(index) + " of " +
                               std::to_string(kernel.parameters.size()) +
                               " is a null pointer");
    std::memcpy(out.data() + parameter.offset, pointers[index++],
                parameter.bytes);
  }
  return kSuccess;
}

/// Copies the parameters out of the buffer that `extra` describes.
static CUresult readExtra(Driver &driver, const Kernel &kernel, void **extra,
                          std::vector<char> &out) {
  const char *buffer = nullptr;
  const size_t *bytes = nullptr;
  for (; reinterpret_cast<uintptr_t>(extra[0]) != kExtraEnd; extra += 2) {
    uintptr_t key = reinterpret_cast<uintptr_t>(extra[0]);
    if (key == kExtraBuffer)
      buffer = static_cast<const char *>(extra[1]);
    else if (key == kExtraBufferBytes)
      bytes = static_cast<const size_t *>(extra[1]);
    else
      return driver.refuse(kInvalidValue, "unknown key in `extra`");
  }
  if (!bytes || (!buffer && *bytes))
    return driver.refuse(kInvalidValue, "`extra` lacks the buffer or its size");
  // The caller's structure may end with padding.
  size_t rounded = (size_t(kernel.parameterBytes) + 15) / 16 * 16;
  if (*bytes < kernel.parameterBytes || *bytes > rounded)
    return driver.refuse(kInvalidValue,
                         "kernel " + kernel.name + ": the parameters are " +
                             std::to_string(kernel.parameterBytes) +
                             " bytes, but the buffer has " +
                             std::to_string(*bytes));
  std::memcpy(out.data(), buffer, kernel.parameterBytes);
  return kSuccess;
}

static CUresult submit(CUfunction function, const LaunchConfig &wanted,
                       CUstream stream, void **parameters, void **extra) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Function *found = driver.functions.find(function);
    if (!found ||
        driver.modules.objects.at(found->module)->context != context.handle)
      return driver.refuse(kInvalidHandle,
                           "the function does not exist in this context");
    const Kernel &kernel = *found->kernel;
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    if (parameters && extra)
      return driver.refuse(kInvalidValue, "both parameters and `extra`");
    std::vector<char> values(kernel.parameterBytes);
    CUresult result = extra ? readExtra(driver, kernel, extra, values)
                            : readPointers(driver, kernel, parameters, values);
    if (result)
      return result;
    LaunchConfig config = wanted;
    config.maxSharedBytes = found->maxDynamicShared;
    if (Error error = checkLaunch(kernel, config, context.architecture))
      return driver.refuse(error);
    context.queues.push(*queue, [&driver, &context, &kernel, config,
                                 values = std::move(values)] {
      return launch(kernel, config, values.data(), context.memory,
                    context.architecture, driver.settings.launch,
                    driver.counters[kernel.name]);
    });
    return kSuccess;
  });
}

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY,
                        unsigned gridZ, unsigned blockX, unsigned blockY,
                        unsigned blockZ, unsigned sharedBytes, CUstream stream,
                        void **parameters, void **extra) {
  LaunchConfig config;
  config.grid[0] = gridX, config.grid[1] = gridY, config.grid[2] = gridZ;
  config.block[0] = blockX, config.block[1] = blockY, config.block[2] = blockZ;
  config.sharedBytes = sharedBytes;
  return submit(function, config, stream, parameters, extra);
}

/// NotSupported unless `attribute` asks for what a plain launch does anyway.
static CUresult checkAttribute(Driver &driver,
                               const CUlaunchAttribute &attribute) {
  const auto &value = attribute.value;
  if (attribute.id == kLaunchAttributeIgnore ||
      attribute.id == kLaunchAttributePriority)
    return kSuccess;
  if (attribute.id == kLaunchAttributeCooperative && !value.number)
    return kSuccess;
  if (attribute.id == kLaunchAttributeCluster && value.cluster[0] == 1 &&
      value.cluster[1] == 1 && value.cluster[2] == 1)
    return kSuccess;
  return driver.refuse(kNotSupported, "cuLaunchKernelEx: launch attribute " +
                                          std::to_string(attribute.id) +
                                          " with this value is not emulated");
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function,
                          void **parameters, void **extra) {
  CUresult checked = callAnyTime([&](Driver &driver) -> CUresult {
    if (!config || (config->numAttrs && !config->attrs))
      return kInvalidValue;
    for (unsigned i = 0; i < config->numAttrs; ++i)
      if (CUresult result = checkAttribute(driver, config->attrs[i]))
        return result;
    return kSuccess;
  });
  if (checked)
    return checked;
  return cuLaunchKernel(function, config->gridDimX, config->gridDimY,
                        config->gridDimZ, config->blockDimX, config->blockDimY,
                        config->blockDimZ, config->sharedMemBytes,
                        config->hStream, parameters, extra);
}
