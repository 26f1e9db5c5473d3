//===- SizePlan.h - everything that depends on the sizes of one run -------===//
#ifndef CINCH_RUNTIME_SIZEPLAN_H
#define CINCH_RUNTIME_SIZEPLAN_H

#include "runtime/Manifest.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cinch::rt {

/// Sizes of one input or output.
struct Extent {
  std::vector<int64_t> dims;
  int64_t elements = 0, bytes = 0;
};

/// A model's shapes and memory plan for one value of every symbol.
struct SizePlan {
  std::vector<int64_t> symbols;
  std::vector<Extent> inputs, outputs;
  std::vector<int64_t> slotBytes;
  std::vector<int64_t> offsets; ///< of the slots in the arena
  int64_t peak = 0;             ///< end of the highest slot
  int64_t lowerBound = 0;
  std::string method;
  uint64_t lastUse = 0;
};

/// Reads the symbols' values from `inputs[count]` into `values` and checks
/// their ranges. Allocates nothing if it succeeds.
cinch_status_t bindSymbols(const Manifest &manifest,
                           const cinch_shape_t *inputs, int32_t count,
                           int64_t *values);

/// Evaluates all shapes for symbols at `values`; refuses a negative dimension
/// and a tensor whose bytes overflow.
cinch_status_t evaluateShapes(const Manifest &manifest, const int64_t *values,
                              SizePlan &out);

/// Evaluates the slots and fills in the plan: the manifest's, or a new one. The
/// plan is replayed before it is believed.
cinch_status_t planSlots(const Manifest &manifest, SizePlan &out);

/// Compares `shape` with the planned one. `kind` is "input" or "output".
/// Allocates nothing if they are equal.
cinch_status_t checkShape(const Value &value, const Extent &expected,
                          int32_t rank, const int64_t *dims, const char *kind);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_SIZEPLAN_H
