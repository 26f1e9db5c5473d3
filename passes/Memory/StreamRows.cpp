//===- StreamRows.cpp - computes chains in bands of rows ------------------===//
//
// What a convolution passes on to a pooling is often the largest value of a
// model and needed by nobody else. A few rows of it are enough for a few rows
// of the pooling, so the chain is computed band by band: its inner values
// shrink to a band, which also stays in the cache. Where windows overlap, the
// rows between two bands are computed twice (Alwani et al., "Fused-Layer CNN
// Accelerators", 2016; here bands are whole rows, and the peak of the whole
// program decides which chains are worth it).
//
//===----------------------------------------------------------------------===//
#include "passes/Common/Report.h"
#include "passes/Memory/Passes.h"
#include "passes/Memory/RowBands.h"
#include "passes/Memory/RowCosts.h"
#include "llvm/ADT/DenseSet.h"

namespace cinch::memory {
#define GEN_PASS_DEF_STREAMROWSPASS
#include "passes/Memory/Passes.h.inc"
} // namespace cinch::memory

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Bounds of the search: bands of a region, rows of a band of an image and of
/// a matrix, operations of a region and between the peak and its exit, regions.
static constexpr int64_t maxBands = 4, minImageRows = 4, minMatrixRows = 64,
                         maxReach = 32;
static constexpr size_t maxOps = 32, maxRegions = 64;
/// A region is split if the peak falls by this share at least.
static constexpr double minGain = 0.05;

namespace {

/// A region and the bytes while it runs.
struct Candidate {
  RowRegion region;
  int64_t numBands = 0;
  /// Bytes alive while the exit is computed, without and with the inner values
  /// of a band.
  int64_t baseBytes = 0, peakBytes = 0;
  /// The most bytes alive at any operation that the split changes.
  int64_t localPeak = 0;
};

struct StreamRows : public memory::impl::StreamRowsPassBase<StreamRows> {
  using StreamRowsPassBase::StreamRowsPassBase;
  void runOnOperation() override;
};

/// Finds the regions to split, by an estimate that follows each choice.
class Search {
public:
  Search(Block &block, int64_t maxExtraPercent)
      : live(block), costs(live), maxExtraPercent(maxExtraPercent) {}
  void run();
  int64_t getPeak() const { return live.get(live.findPeak()); }

  std::vector<Candidate> chosen;
  int64_t peakAfter = 0;

private:
  void tryExits(int64_t peak, std::optional<Candidate> &best);
  bool isExit(Operation *op);
  Operation *findNext(const RowRegion &region);
  bool isWhole(const RowRegion &region);
  void evaluate(const RowRegion &region, int64_t peak,
                std::optional<Candidate> &best);
  void choose(Candidate candidate);

  LiveBytes live;
  RowCosts costs;
  int64_t maxExtraPercent;
  llvm::DenseSet<Operation *> taken;
};

} // namespace

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Whether bands of the result of `op` can be joined where they are, and what
/// reads it does not belong to the kernel of `op`.
bool Search::isExit(Operation *op) {
  Value result = op->getResult(0);
  bool isBlocked = !isImage(result);
  for (Operation *user : result.getUsers()) {
    if (user->hasTrait<OpTrait::IsTerminator>() ||
        user->getBlock() != op->getBlock())
      return false;
    auto conv = dyn_cast<graph::ConvOp>(user);
    isBlocked |= (conv && conv.getGroup() == 1) || isPooling(user);
  }
  if (isImage(result))
    isBlocked &= isInOneBlock(result) &&
                 (!isBatch(result) || isPooling(op)); // writes into a part
  return !isFused(result) && isBlocked;
}

/// The last operation in front of `region` that makes an operand for it alone;
/// null if there is none.
Operation *Search::findNext(const RowRegion &region) {
  Operation *next = nullptr;
  for (Operation *op : region.ops)
    for (OpOperand &operand : op->getOpOperands()) {
      Operation *producer = operand.get().getDefiningOp();
      if (!producer || !isReadByRows(operand) || region.contains(producer) ||
          producer->getBlock() != op->getBlock() || taken.contains(producer) ||
          !hasRows(producer) || (next && producer->isBeforeInBlock(next)))
        continue;
      bool isInner = llvm::all_of(producer->getUsers(), [&](Operation *user) {
        return region.contains(user);
      });
      if (isInner)
        next = producer;
    }
  return next;
}

/// Whether what `region` reads by rows can be read where it is, and no kernel
/// is cut in two.
bool Search::isWhole(const RowRegion &region) {
  int64_t numWindowed = 0;
  for (Operation *op : region.ops) {
    numWindowed += isWindowed(op);
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      Operation *producer = value.getDefiningOp();
      if (!isReadByRows(operand) || region.contains(producer))
        continue;
      if (producer && producer->hasTrait<OpTrait::ConstantLike>())
        return false;
      if (continuesKernel(operand))
        return false;
      bool isReadInPlace = isa<BlockArgument>(value) && isa<graph::ConvOp>(op);
      if (isImage(value) && !isReadInPlace &&
          (isBatch(value) || !isInOneBlock(value)))
        return false;
    }
  }
  return numWindowed >= 2;
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

void Search::evaluate(const RowRegion &region, int64_t peak,
                      std::optional<Candidate> &best) {
  int64_t begin = costs.getFirst(region);
  if (peak < begin)
    return;
  int64_t end = live.getNumber(region.ops.back());
  SmallVector<int64_t> changes = costs.getChanges(region, begin);
  Candidate candidate;
  candidate.region = region;
  candidate.baseBytes = live.get(end) + changes.back();
  int64_t others = 0;
  for (int64_t at = begin; at < end; ++at)
    others = std::max(others, live.get(at) + changes[at - begin]);
  Value exit = region.getExit();
  int64_t minRows = isImage(exit) ? minImageRows : minMatrixRows;
  for (int64_t numBands = 2; numBands <= maxBands; ++numBands) {
    if (getNumRows(exit) / numBands < minRows ||
        getExtraShare(region, numBands) * 100 > maxExtraPercent)
      break;
    candidate.numBands = numBands;
    candidate.peakBytes =
        candidate.baseBytes + costs.getBandBytes(region, numBands);
    candidate.localPeak = std::max(others, candidate.peakBytes);
    // A larger region or more bands have to be worth it.
    if (!best || candidate.localPeak < 0.98 * best->localPeak)
      best = candidate;
  }
}

/// Tries the regions that end at or behind the operation `peak`.
void Search::tryExits(int64_t peak, std::optional<Candidate> &best) {
  ArrayRef<Operation *> ops = live.getOps();
  int64_t end = std::min<int64_t>(peak + maxReach, ops.size());
  for (int64_t at = peak; at < end; ++at) {
    if (taken.contains(ops[at]) || !hasRows(ops[at]) || !isExit(ops[at]))
      continue;
    RowRegion region;
    region.ops.push_back(ops[at]);
    while (region.ops.size() < maxOps) {
      Operation *next = findNext(region);
      if (!next)
        break;
      auto place = llvm::find_if(
          region.ops, [&](Operation *op) { return next->isBeforeInBlock(op); });
      region.ops.insert(place, next);
      if (isWhole(region))
        evaluate(region, peak, best);
    }
  }
}

/// Takes over what the split changes, so that the next choice sees it.
void Search::choose(Candidate candidate) {
  const RowRegion &region = candidate.region;
  int64_t begin = costs.getFirst(region);
  int64_t end = live.getNumber(region.ops.back());
  SmallVector<int64_t> changes = costs.getChanges(region, begin);
  changes.back() += candidate.peakBytes - candidate.baseBytes;
  for (auto [number, change] : llvm::enumerate(changes))
    live.add(begin + number, change);
  Storage *exit = live.find(region.getExit());
  for (Operation *op : region.ops) {
    taken.insert(op);
    for (Value operand : op->getOperands())
      if (Storage *storage = live.find(operand);
          storage && costs.isOutside(region, operand))
        storage->last = std::max(storage->last, end);
  }
  if (costs.isInner(region, *exit))
    exit->first = end;
  chosen.push_back(std::move(candidate));
}

void Search::run() {
  std::vector<int64_t> peaks; // before each choice
  while (chosen.size() < maxRegions) {
    int64_t peak = live.findPeak();
    peaks.push_back(live.get(peak));
    std::optional<Candidate> best;
    tryExits(peak, best);
    if (!best || best->localPeak > (1 - minGain) * live.get(peak))
      break;
    choose(std::move(*best));
  }
  peaks.resize(chosen.size());
  peakAfter = getPeak();
  // What the last choices saved is of no use if another place stopped them.
  while (!chosen.empty() && peakAfter > (1 - minGain) * peaks.back()) {
    peakAfter = peaks.back();
    peaks.pop_back();
    chosen.pop_back();
  }
  // Fewer bands where the peak is elsewhere.
  for (Candidate &candidate : chosen) {
    int64_t bytes = live.get(live.getNumber(candidate.region.ops.back()));
    int64_t base = bytes - (candidate.peakBytes - candidate.baseBytes);
    for (int64_t numBands = 2; numBands < candidate.numBands; ++numBands)
      if (base + costs.getBandBytes(candidate.region, numBands) <= peakAfter) {
        candidate.numBands = numBands;
        break;
      }
  }
}

void StreamRows::runOnOperation() {
  func::FuncOp function = getOperation();
  if (function.isExternal())
    return;
  for (auto [name, value] :
       {std::pair<StringRef, int64_t>("min-bytes", minBytes),
        std::pair<StringRef, int64_t>("max-extra-percent", maxExtraPercent)})
    if (value < 0) {
      function.emitError("stream-rows: expected ")
          << name << " >= 0, but got " << value;
      return signalPassFailure();
    }
  llvm::StringSet<> names;
  for (BlockArgument argument : function.getArguments())
    names.insert(graph::getValueName(argument));
  function.walk([&](Operation *op) {
    for (Value result : op->getResults())
      names.insert(graph::getValueName(result));
  });
  Search search(function.getBody().front(), maxExtraPercent);
  int64_t peakBefore = search.getPeak(), peak = peakBefore, numBands = 0;
  if (peak >= minBytes) {
    search.run();
    peak = search.peakAfter;
  }
  for (Candidate &candidate : search.chosen) {
    numBands += candidate.region.getBands(candidate.numBands).size();
    candidate.region.split(candidate.numBands, names);
  }
  int64_t numValues = 0;
  while (peak >= minBytes) {
    std::optional<RowBands> bands = findRowBands(function, minGain);
    if (!bands)
      break;
    bands->split(names);
    numValues += bands->getNumValues();
    numBands += bands->getNumBands();
    LiveBytes live(function.getBody().front());
    peak = live.get(live.findPeak());
  }
  if (report)
    function->setAttr(
        "graph.stream_rows_report",
        getNumbersAttr(&getContext(), {{"bands", numBands},
                                       {"chains", search.chosen.size()},
                                       {"peak", peak},
                                       {"peak_before", peakBefore},
                                       {"values", numValues}}));
}
