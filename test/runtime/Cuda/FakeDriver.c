/* FakeDriver.c - libraries that look like a CUDA driver
 *
 * With VERSION: one that knows its version and little more. Without: the
 * emulated driver, which this library links, with a count of the calls that
 * make something.
 *
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

#ifdef VERSION

EXPORT int cuInit(unsigned flags) {
  (void)flags;
  return 0;
}
EXPORT int cuDriverGetVersion(int *version) {
  *version = VERSION;
  return 0;
}

#else

/* Calls so far. */
EXPORT int64_t fake_driver_calls = 0;

/* Makes the call that the emulated driver has under the same name. */
#define COUNTED(name, parameters, arguments)                                   \
  EXPORT int name parameters {                                                 \
    int(*next) parameters = (int(*) parameters)dlsym(RTLD_NEXT, #name);        \
    fake_driver_calls++;                                                       \
    return next arguments;                                                     \
  }
COUNTED(cuMemAlloc_v2, (unsigned long long *address, size_t bytes),
        (address, bytes))
COUNTED(cuMemFree_v2, (unsigned long long address), (address))
COUNTED(cuMemHostAlloc, (void **memory, size_t bytes, unsigned flags),
        (memory, bytes, flags))
COUNTED(cuMemFreeHost, (void *memory), (memory))
COUNTED(cuStreamCreate, (void **stream, unsigned flags), (stream, flags))
COUNTED(cuEventCreate, (void **event, unsigned flags), (event, flags))
COUNTED(cuModuleGetFunction, (void **function, void *module, const char *name),
        (function, module, name))

#endif
