//===- RowCosts.h - what bands of rows cost and save ----------------------===//
#ifndef CINCH_PASSES_MEMORY_ROWCOSTS_H
#define CINCH_PASSES_MEMORY_ROWCOSTS_H

#include "passes/Memory/LiveBytes.h"
#include "passes/Memory/RowRegion.h"

namespace cinch::memory {

/// What the bands compute more than once, as a share of the FLOPs of `region`;
/// infinity where a band would be empty.
double getExtraShare(const RowRegion &region, int64_t numBands);

/// How the bytes alive change if a region is computed in bands, all of them
/// where its exit is.
class RowCosts {
public:
  explicit RowCosts(LiveBytes &live) : live(live) {}

  /// The most bytes of inner values of a band that are alive at once.
  int64_t getBandBytes(const RowRegion &region, int64_t numBands);
  /// The first operation at which fewer or more bytes are alive.
  int64_t getFirst(const RowRegion &region);
  /// By how many bytes the sums at the operations from number `begin` to the
  /// exit change, without what a band needs.
  llvm::SmallVector<int64_t> getChanges(const RowRegion &region, int64_t begin);

  static bool isOutside(const RowRegion &region, mlir::Value value) {
    return !region.contains(value.getDefiningOp());
  }
  /// Whether nothing but `region` writes to `storage` up to its exit.
  bool isInner(const RowRegion &region, const Storage &storage);

private:
  LiveBytes &live;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_ROWCOSTS_H
