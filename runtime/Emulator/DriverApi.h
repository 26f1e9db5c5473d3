//===- DriverApi.h - prototypes of the emulated driver --------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_DRIVERAPI_H
#define CINCH_RUNTIME_EMULATOR_DRIVERAPI_H

#include "runtime/Emulator/DriverTypes.h"

extern "C" {
#define FUNCTION(NAME, PARAMETERS)                                             \
  __attribute__((visibility("default"))) CUresult NAME PARAMETERS;
#define VERSIONED(NAME, SUFFIX, PARAMETERS)                                    \
  FUNCTION(NAME, PARAMETERS)                                                   \
  FUNCTION(NAME##SUFFIX, PARAMETERS)
#define LEGACY(NAME, PARAMETERS) FUNCTION(NAME, PARAMETERS)
#include "runtime/Emulator/DriverFunctions.inc"
}

/// Defines the name without suffix as another name of NAME##SUFFIX, which must
/// be defined in the same file.
#define CINCH_DRIVER_ALIAS(NAME, SUFFIX)                                       \
  decltype(NAME) NAME __attribute__((alias(#NAME #SUFFIX)))

#endif // CINCH_RUNTIME_EMULATOR_DRIVERAPI_H
