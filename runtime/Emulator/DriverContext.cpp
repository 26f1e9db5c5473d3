//===- DriverContext.cpp - contexts of the emulated driver ----------------===//
#include "runtime/Emulator/DriverState.h"

using namespace cinch::emulator;

/// True for what CU_CTX_FLAGS_MASK allows, with one way to wait:
/// CU_CTX_SCHED_AUTO, SPIN, YIELD or BLOCKING_SYNC.
static bool isContextFlags(unsigned flags) {
  unsigned scheduling = flags & 7;
  return flags <= 0xff && (scheduling <= 2 || scheduling == 4);
}

static CUcontext toContext(uintptr_t handle) {
  return reinterpret_cast<CUcontext>(handle);
}

//===--- The primary context ----------------------------------------------===//

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  return call([&](Driver &driver) -> CUresult {
    if (!context)
      return kInvalidValue;
    if (device != 0)
      return kInvalidDevice;
    if (!driver.primary)
      driver.primary = driver.createContext(driver.primaryFlags);
    ++driver.primaryUses;
    *context = toContext(driver.primary);
    return kSuccess;
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return call([&](Driver &driver) -> CUresult {
    if (device != 0)
      return kInvalidDevice;
    if (!driver.primaryUses)
      return driver.refuse(kInvalidContext,
                           "the primary context is not retained");
    if (--driver.primaryUses)
      return kSuccess;
    driver.destroyContext(driver.primary);
    driver.primary = 0;
    return kSuccess;
  });
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return call([&](Driver &driver) -> CUresult {
    if (device != 0)
      return kInvalidDevice;
    if (!isContextFlags(flags))
      return kInvalidValue;
    driver.primaryFlags = flags;
    if (driver.primary)
      driver.contexts.find(driver.primary)->flags = flags;
    return kSuccess;
  });
}

CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags,
                                    int *active) {
  return call([&](Driver &driver) -> CUresult {
    if (device != 0)
      return kInvalidDevice;
    if (!flags || !active)
      return kInvalidValue;
    *flags = driver.primaryFlags;
    *active = driver.primary != 0;
    return kSuccess;
  });
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return call([&](Driver &driver) -> CUresult {
    if (device != 0)
      return kInvalidDevice;
    if (!driver.primary)
      return kSuccess;
    // A fresh context under the handle that its users have.
    uintptr_t handle = driver.primary;
    driver.destroyContext(handle);
    uintptr_t fresh = driver.createContext(driver.primaryFlags);
    auto node = driver.contexts.objects.extract(fresh);
    node.key() = handle;
    node.mapped()->handle = handle;
    driver.contexts.objects.insert(std::move(node));
    return kSuccess;
  });
}

//===--- Contexts ---------------------------------------------------------===//

CUresult cuCtxCreate_v2(CUcontext *context, unsigned flags, CUdevice device) {
  return call([&](Driver &driver) -> CUresult {
    if (!context || !isContextFlags(flags))
      return kInvalidValue;
    if (device != 0)
      return kInvalidDevice;
    std::vector<uintptr_t> &stack = getContextStack();
    stack.reserve(stack.size() + 1);
    uintptr_t handle = driver.createContext(flags);
    stack.push_back(handle);
    *context = toContext(handle);
    return kSuccess;
  });
}

CUresult cuCtxCreate_v4(CUcontext *context, CUctxCreateParams *parameters,
                        unsigned flags, CUdevice device) {
  if (parameters &&
      (parameters->numExecAffinityParams || parameters->cigParams))
    return callAnyTime([](Driver &driver) {
      return driver.refuse(kNotSupported,
                           "cuCtxCreate: execution affinity and graphics "
                           "interoperation are not emulated");
    });
  return cuCtxCreate_v2(context, flags, device);
}

CUresult cuCtxDestroy_v2(CUcontext context) {
  return call([&](Driver &driver) -> CUresult {
    if (!driver.contexts.find(context))
      return kInvalidContext;
    uintptr_t handle = reinterpret_cast<uintptr_t>(context);
    if (handle == driver.primary)
      return driver.refuse(kInvalidContext,
                           "cuCtxDestroy of the primary context: release it "
                           "with cuDevicePrimaryCtxRelease");
    driver.destroyContext(handle);
    std::vector<uintptr_t> &stack = getContextStack();
    if (!stack.empty() && stack.back() == handle)
      stack.pop_back();
    return kSuccess;
  });
}

CUresult cuCtxPushCurrent_v2(CUcontext context) {
  return call([&](Driver &driver) -> CUresult {
    if (!driver.contexts.find(context))
      return kInvalidContext;
    getContextStack().push_back(reinterpret_cast<uintptr_t>(context));
    return kSuccess;
  });
}

CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  return call([&](Driver &) -> CUresult {
    std::vector<uintptr_t> &stack = getContextStack();
    if (stack.empty())
      return kInvalidContext;
    if (context)
      *context = toContext(stack.back());
    stack.pop_back();
    return kSuccess;
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  return call([&](Driver &driver) -> CUresult {
    if (context && !driver.contexts.find(context))
      return kInvalidContext;
    std::vector<uintptr_t> &stack = getContextStack();
    if (!stack.empty())
      stack.pop_back();
    if (context)
      stack.push_back(reinterpret_cast<uintptr_t>(context));
    return kSuccess;
  });
}

CUresult cuCtxGetCurrent(CUcontext *context) {
  return call([&](Driver &) -> CUresult {
    if (!context)
      return kInvalidValue;
    const std::vector<uintptr_t> &stack = getContextStack();
    *context = stack.empty() ? nullptr : toContext(stack.back());
    return kSuccess;
  });
}

CUresult cuCtxGetDevice(CUdevice *device) {
  return callInContext([&](Driver &, Context &) -> CUresult {
    if (!device)
      return kInvalidValue;
    *device = 0;
    return kSuccess;
  });
}

CUresult cuCtxGetFlags(unsigned *flags) {
  return callInContext([&](Driver &, Context &context) -> CUresult {
    if (!flags)
      return kInvalidValue;
    *flags = context.flags;
    return kSuccess;
  });
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned *version) {
  return call([&](Driver &driver) -> CUresult {
    if (!version)
      return kInvalidValue;
    if (context && !driver.contexts.find(context))
      return kInvalidContext;
    *version = 3020; // of contexts with 64-bit sizes
    return kSuccess;
  });
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  return callInContext([&](Driver &, Context &) -> CUresult {
    if (least)
      *least = 0;
    if (greatest)
      *greatest = -5;
    return kSuccess;
  });
}

CUresult cuCtxSynchronize(void) {
  return callInContext([](Driver &driver, Context &context) {
    return driver.drain(context, nullptr);
  });
}

CINCH_DRIVER_ALIAS(cuDevicePrimaryCtxRelease, _v2);
CINCH_DRIVER_ALIAS(cuDevicePrimaryCtxSetFlags, _v2);
CINCH_DRIVER_ALIAS(cuDevicePrimaryCtxReset, _v2);
CINCH_DRIVER_ALIAS(cuCtxCreate, _v2);
CINCH_DRIVER_ALIAS(cuCtxDestroy, _v2);
CINCH_DRIVER_ALIAS(cuCtxPushCurrent, _v2);
CINCH_DRIVER_ALIAS(cuCtxPopCurrent, _v2);
