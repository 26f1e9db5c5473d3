/* FakeDeviceModel.h - what the model of FakeDeviceModel.c can do */
#ifndef CINCH_TEST_RUNTIME_FAKE_FAKEDEVICEMODEL_H
#define CINCH_TEST_RUNTIME_FAKE_FAKEDEVICEMODEL_H

#include "runtime/ModuleAbi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the entry does. */
enum {
  FAKE_NORMAL,
  FAKE_CHECKED,          /* fails if an x is negative, then as normal */
  FAKE_REVERSED,         /* y = x, reversed by 128 elements */
  FAKE_LOOP,             /* y = x + z as often as x[0] says */
  FAKE_WRITTEN,          /* y = 1 + w0 */
  FAKE_OUT_OF_BOUNDS,    /* a kernel writes outside of all memory */
  FAKE_NO_SUCH_FUNCTION, /* launches function 99 */
  FAKE_ON_HOST,          /* calls a kernel on the host */
  FAKE_PAST_ARENA,       /* writes 4 bytes past the slot */
  FAKE_SHORT_OUTPUT,     /* does not write the last element */
  FAKE_LONG_OUTPUT,      /* writes one element too many */
  FAKE_INPUT_WRITTEN,    /* copies z to x */
  FAKE_UNWRITTEN         /* reads the slot before it is written */
};
/* Numbers of the functions. */
enum { FAKE_ADD, FAKE_BIAS, FAKE_CHECK, FAKE_REVERSE, FAKE_WILD };

extern int fake_device_mode;
/* The word that the entry read last. */
extern int64_t fake_device_seen;
extern const cinch_module_t fake_device;

#ifdef __cplusplus
}
#endif
#endif /* CINCH_TEST_RUNTIME_FAKE_FAKEDEVICEMODEL_H */
