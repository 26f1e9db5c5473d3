//===- DriverFunction.cpp - kernels of the emulated driver ----------------===//
#include "runtime/Emulator/DriverState.h"
#include <algorithm>

using namespace cinch::emulator;

/// Runs `body(driver, context, function)` if `function` is one of the current
/// context.
template <typename Body>
static CUresult askFunction(CUfunction function, Body &&body) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Function *found = driver.functions.find(function);
    if (!found ||
        driver.modules.objects.at(found->module)->context != context.handle)
      return driver.refuse(kInvalidHandle,
                           "the function does not exist in this context");
    return body(driver, context, *found);
  });
}

static unsigned getMaxThreads(const Kernel &kernel) {
  uint64_t threads = Architecture::kMaxThreadsPerBlock;
  for (const uint32_t *limit : {kernel.maxThreads, kernel.requiredThreads})
    if (limit[0])
      threads = std::min(threads, uint64_t(limit[0]) * std::max(limit[1], 1u) *
                                      std::max(limit[2], 1u));
  return unsigned(threads);
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute,
                            CUfunction function) {
  return askFunction(
      function, [&](Driver &, Context &context, Function &found) -> CUresult {
        if (!value || attribute >= kFunctionAttributeCount)
          return kInvalidValue;
        const Kernel &kernel = *found.kernel;
        switch (attribute) {
        case kFunctionMaxThreads:
          *value = int(getMaxThreads(kernel));
          break;
        case kFunctionSharedBytes:
          *value = int(kernel.sharedBytes);
          break;
        case kFunctionLocalBytes:
          *value = int(kernel.localBytes);
          break;
        case kFunctionPtxVersion:
        case kFunctionBinaryVersion:
          *value = int(context.architecture.sm);
          break;
        case kFunctionMaxDynamicShared:
          *value = int(found.maxDynamicShared);
          break;
        case kFunctionCarveout:
          *value = found.carveout;
          break;
        default:
          // Registers are not allocated; constants lie in global memory;
          // clusters are not emulated.
          *value = 0;
        }
        return kSuccess;
      });
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute,
                            int value) {
  return askFunction(
      function,
      [&](Driver &driver, Context &context, Function &found) -> CUresult {
        if (attribute == kFunctionCarveout && value >= -1 && value <= 100) {
          found.carveout = value;
          return kSuccess;
        }
        if (attribute != kFunctionMaxDynamicShared)
          return driver.refuse(kInvalidValue,
                               "cuFuncSetAttribute: attribute " +
                                   std::to_string(attribute) + " = " +
                                   std::to_string(value) + " cannot be set");
        uint32_t most = context.architecture.sharedPerBlockOptIn;
        uint32_t own = found.kernel->sharedBytes;
        if (value < 0 || uint64_t(value) + own > most)
          return driver.refuse(
              kInvalidValue,
              "kernel " + found.kernel->name + ": " + std::to_string(value) +
                  " bytes of dynamic shared memory and " + std::to_string(own) +
                  " of its own; a block of sm_" +
                  std::to_string(context.architecture.sm) + " may have " +
                  std::to_string(most));
        found.maxDynamicShared = uint32_t(value);
        return kSuccess;
      });
}

CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache config) {
  return askFunction(function, [&](Driver &, Context &, Function &) {
    return config <= 3 ? kSuccess : kInvalidValue;
  });
}

CUresult cuFuncGetModule(CUmodule *module, CUfunction function) {
  return askFunction(function, [&](Driver &, Context &, Function &found) {
    if (!module)
      return kInvalidValue;
    *module = reinterpret_cast<CUmodule>(found.module);
    return kSuccess;
  });
}

CUresult cuFuncGetName(const char **name, CUfunction function) {
  return askFunction(function, [&](Driver &, Context &, Function &found) {
    if (!name)
      return kInvalidValue;
    *name = found.kernel->name.c_str();
    return kSuccess;
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, CUfunction function, int threads, size_t sharedBytes,
    unsigned flags) {
  return askFunction(
      function, [&](Driver &, Context &context, Function &found) -> CUresult {
        if (!blocks || threads < 1 || flags > 1)
          return kInvalidValue;
        const Architecture &sm = context.architecture;
        *blocks = 0;
        if (unsigned(threads) > getMaxThreads(*found.kernel) ||
            sharedBytes > found.maxDynamicShared)
          return kSuccess;
        // Whole warps; 1 KiB that the system takes of each block, and pieces of
        // 128 bytes. Registers are not known here.
        uint64_t rounded = (uint64_t(threads) + 31) / 32 * 32;
        uint64_t shared =
            (found.kernel->sharedBytes + sharedBytes + 1024 + 127) / 128 * 128;
        *blocks = int(std::min({uint64_t(sm.maxBlocksPerMultiprocessor),
                                sm.maxThreadsPerMultiprocessor / rounded,
                                sm.sharedPerMultiprocessor / shared}));
        return kSuccess;
      });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                     CUfunction function,
                                                     int threads,
                                                     size_t sharedBytes) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
      blocks, function, threads, sharedBytes, 0);
}
