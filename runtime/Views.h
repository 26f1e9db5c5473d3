//===- Views.h - the caller's buffers -------------------------------------===//
#ifndef CINCH_RUNTIME_VIEWS_H
#define CINCH_RUNTIME_VIEWS_H

#include "runtime/SizePlan.h"

namespace cinch::rt {

/// Checks dtype, shape, address, alignment and strides of all views against
/// `plan`, that outputs share no byte range with another view (but for the two
/// of a state, which may lie in one buffer), and that no output overlaps
/// itself. Allocates nothing if all is well.
cinch_status_t checkViews(const Manifest &manifest, const SizePlan &plan,
                          const cinch_tensor_t *inputs, int32_t inputCount,
                          const cinch_tensor_t *outputs, int32_t outputCount);

/// Returns whether `view` is row-major without gaps.
bool isContiguous(const cinch_tensor_t &view, int64_t elementBytes);

/// Returns whether `view` is row-major and contiguous but for room behind the
/// rows along `axis`, and how many rows there is room for.
bool getRows(const cinch_tensor_t &view, int64_t elementBytes, int32_t axis,
             int64_t &outRows);

/// Copies all elements of `view` to `to` in row-major order.
void gather(const cinch_tensor_t &view, int64_t elementBytes, uint8_t *to);
/// Copies row-major elements at `from` to `view`.
void scatter(const cinch_tensor_t &view, int64_t elementBytes,
             const uint8_t *from);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_VIEWS_H
