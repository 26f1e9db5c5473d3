//===- FindRowBands.cpp - which values are kept in bands ------------------===//
//
// What is large at the peak is tried with all that has to go with it, in every
// number of bands. The bytes alive are those of a copy of the function in which
// it is done, so that nothing is estimated twice.
//
//===----------------------------------------------------------------------===//
#include "passes/Memory/LiveBytes.h"
#include "passes/Memory/RowBands.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Bounds of the search: bands, and values that it starts from.
static constexpr int64_t maxBands = 8;
static constexpr size_t maxSeeds = 8;
/// More bands have to lower the peak by this share.
static constexpr double minGainOfBands = 0.02;

namespace {

/// Bytes alive in a function with values in bands.
struct Estimate {
  int64_t peak = 0;
  SmallVector<int64_t> stages; ///< the peak of each
};

} // namespace

static Estimate estimate(func::FuncOp function, const RowBands &bands) {
  IRMapping mapping;
  OwningOpRef<func::FuncOp> copy = function.clone(mapping);
  llvm::StringSet<> names;
  auto ranges = bands.map(mapping).split(names);
  LiveBytes live(copy->getBody().front());
  Estimate result;
  result.peak = live.get(live.findPeak());
  for (auto [first, last] : ranges) {
    int64_t most = 0, end = first ? live.getNumber(last) : -1;
    for (int64_t at = first ? live.getNumber(first) : 0; at <= end; ++at)
      most = std::max(most, live.get(at));
    result.stages.push_back(most);
  }
  return result;
}

/// Joins stages that stand together as long as fewer bytes are alive in them.
static Estimate mergeStages(func::FuncOp function, RowBands &bands) {
  Estimate known = estimate(function, bands);
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    for (size_t number = 0; number + 1 < bands.getNumStages();) {
      RowBands merged = bands;
      if (merged.mergeStages(number)) {
        Estimate next = estimate(function, merged);
        if (next.stages[number] <
            std::max(known.stages[number], known.stages[number + 1])) {
          bands = std::move(merged);
          known = std::move(next);
          isChanged = true;
          continue;
        }
      }
      ++number;
    }
  }
  return known;
}

/// Lets what is joined in `bands` overlap instead, as long as the peak `bytes`
/// falls.
static void overlap(func::FuncOp function, Value seed, RowBands &bands,
                    int64_t &bytes) {
  SmallVector<Value> overlapping;
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    for (Value value : bands.getJoined()) {
      SmallVector<Value> more(overlapping);
      more.push_back(value);
      auto next = RowBands::grow(seed, bands.getNumBands(), more);
      if (!next)
        continue;
      int64_t nextBytes = mergeStages(function, *next).peak;
      if (nextBytes > (1 - minGainOfBands) * bytes)
        continue;
      bands = std::move(*next);
      bytes = nextBytes;
      overlapping = std::move(more);
      isChanged = true;
      break;
    }
  }
}

/// Images at the peak whose bytes are at least `minBytes`.
static SmallVector<Value> findSeeds(LiveBytes &live, int64_t minBytes) {
  int64_t peak = live.findPeak();
  SmallVector<Value> seeds;
  for (Operation *op : live.getOps())
    for (Value result : op->getResults()) {
      const Storage *storage = live.find(result);
      if (storage && storage->first <= peak && peak <= storage->last &&
          storage->bytes >= minBytes && isImage(result))
        seeds.push_back(result);
    }
  return seeds;
}

std::optional<RowBands> cinch::memory::findRowBands(func::FuncOp function,
                                                    double minGain) {
  LiveBytes live(function.getBody().front());
  int64_t peak = live.get(live.findPeak()), bestPeak = 0;
  std::optional<RowBands> best;
  SmallVector<Value> seeds = findSeeds(live, minGain * peak);
  for (int64_t numBands = 2; numBands <= maxBands; ++numBands) {
    std::vector<RowBands> tried;
    for (Value seed : seeds) {
      if (tried.size() == maxSeeds || llvm::any_of(tried, [&](auto &other) {
            return other.contains(seed);
          }))
        continue;
      std::optional<RowBands> bands = RowBands::grow(seed, numBands, {});
      if (!bands)
        continue;
      tried.push_back(*bands);
      int64_t bytes = mergeStages(function, *bands).peak;
      overlap(function, seed, *bands, bytes);
      if (bytes >
          (best ? (1 - minGainOfBands) * bestPeak : (1 - minGain) * peak))
        continue;
      best = std::move(bands);
      bestPeak = bytes;
    }
  }
  return best;
}
