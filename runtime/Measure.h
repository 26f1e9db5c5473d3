//===- Measure.h - what two trials left -----------------------------------===//
#ifndef CINCH_RUNTIME_MEASURE_H
#define CINCH_RUNTIME_MEASURE_H

#include "runtime/SizePlan.h"

namespace cinch::rt {

/// Fill of the first and the second trial: no byte can equal both.
inline constexpr uint8_t fills[2] = {0xa5, 0x5a};

/// Compares the arenas of both trials, their bytes [low, high), and measures
/// what was touched. CINCH_ERROR_MEMORY_ACCESS: something before byte 0, or a
/// byte that differs.
cinch_status_t compareArenas(const Manifest &manifest, const SizePlan &plan,
                             const uint8_t *first, const uint8_t *second,
                             int64_t low, int64_t high,
                             cinch_measurement_t &out);

/// Compares the bytes [low, bytes) of output `name`. CINCH_ERROR_MEMORY_ACCESS:
/// a byte before 0 was written, or one of the others was not, or differs.
cinch_status_t compareOutputs(const char *name, const uint8_t *first,
                              const uint8_t *second, int64_t low,
                              int64_t bytes);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_MEASURE_H
