/* cinch/cuda_emulator.h - what the emulated CUDA device saw
 *
 * libcinch_cuda_emulator.so has the entry points of the CUDA driver API and
 * runs the PTX that it is given on the CPU, with every access checked. These
 * functions tell what its kernels did. See docs/emulator.md.
 *
 * All functions may be called from any thread at any time; while a kernel runs
 * they wait for it. Those that write text do so as snprintf does: at most
 * `capacity` bytes with the terminating zero, and the length of the whole text,
 * without the zero, is returned. A null `buffer` only asks for the length.
 */
#ifndef CINCH_CUDA_EMULATOR_H
#define CINCH_CUDA_EMULATOR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CINCH_CUDA_EMULATOR_API __attribute__((visibility("default")))
#else
#define CINCH_CUDA_EMULATOR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface; raised when a program must be recompiled. */
#define CINCH_CUDA_EMULATOR_ABI_VERSION 1

/** Returns CINCH_CUDA_EMULATOR_ABI_VERSION of the library. */
CINCH_CUDA_EMULATOR_API int32_t cinch_cuda_emulator_abi_version(void);
/** Returns the release, such as "0.1.0". */
CINCH_CUDA_EMULATOR_API const char *cinch_cuda_emulator_version(void);

/** Forgets all counters. The peak of memory becomes what is allocated now. */
CINCH_CUDA_EMULATOR_API void cinch_cuda_emulator_reset_counters(void);

/** Writes the counters since the start, or the last reset, as a JSON object:
 *  `kernels` (by name, what docs/emulator.md lists), `copies`
 *  (`host_to_device`, `device_to_host`, `device_to_device`: `count`, `bytes`)
 *  and `memory` (`peak_bytes` and `used_bytes` of the device, of all contexts).
 *  Counts what has run: synchronize first. Returns 0 if the process is out of
 *  memory. */
CINCH_CUDA_EMULATOR_API size_t cinch_cuda_emulator_counters(char *buffer,
                                                            size_t capacity);

/** Writes the report of the last failure in the process that has one: of a
 *  kernel, its name, line of PTX, block and thread, and what was wrong; of a
 *  call that was refused, why. Empty if there was none. */
CINCH_CUDA_EMULATOR_API size_t cinch_cuda_emulator_last_report(char *buffer,
                                                               size_t capacity);

#ifdef __cplusplus
}
#endif

#endif /* CINCH_CUDA_EMULATOR_H */
