//===- RowCosts.cpp - what bands of rows cost and save --------------------===//
#include "passes/Memory/RowCosts.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

bool RowCosts::isInner(const RowRegion &region, const Storage &storage) {
  int64_t end = live.getNumber(region.ops.back());
  return llvm::none_of(storage.values, [&](Value value) {
    return isOutside(region, value) &&
           live.getNumber(value.getDefiningOp()) < end;
  });
}

/// Of one image.
static double getFlops(Operation *op) {
  auto getDims = [](ValueRange values) {
    SmallVector<graph::Dims> all;
    for (Value value : values) {
      graph::Dims dims;
      for (int64_t dim : cast<RankedTensorType>(value.getType()).getShape())
        dims.push_back(plan::Expr(ShapedType::isDynamic(dim) ? 1 : dim));
      all.push_back(dims);
    }
    return all;
  };
  auto cost = cast<graph::CostInterface>(op);
  return cost.getFlops(getDims(op->getOperands()), getDims(op->getResults()))
      .asConstant()
      .value_or(0);
}

double cinch::memory::getExtraShare(const RowRegion &region, int64_t numBands) {
  double once = 0, all = 0;
  SmallVector<double> flops;
  for (Operation *op : region.ops) {
    flops.push_back(getFlops(op) / getNumRows(op->getResult(0)));
    once += getFlops(op);
  }
  for (Rows band : region.getBands(numBands)) {
    auto rows = region.getRows(band);
    if (!rows)
      return HUGE_VAL;
    for (auto [number, part] : llvm::enumerate(*rows))
      all += flops[number] * part.getSize();
  }
  return all / std::max(once, 1.0) - 1;
}

int64_t RowCosts::getBandBytes(const RowRegion &region, int64_t numBands) {
  struct Part {
    int64_t bytes = 0;
    size_t first = 0, last = 0;
  };
  const Storage *exit = live.find(region.getExit());
  int64_t most = 0;
  for (Rows band : region.getBands(numBands)) {
    SmallVector<Rows> rows = *region.getRows(band);
    // Rows that only others read keep an element-wise operation from writing
    // over its operand: of a storage, each number of rows is a part.
    llvm::MapVector<std::pair<const void *, int64_t>, Part> parts;
    for (auto [number, op] : llvm::enumerate(region.ops)) {
      Value result = op->getResult(0);
      const void *storage = live.find(result);
      if (storage == exit) {
        if (result == region.getExit() || isFused(result))
          continue;
        // It lies under the exit of all rows; the rows of a band that others
        // read do not.
        storage = op;
      }
      Part &part = parts
                       .try_emplace({storage, rows[number].getSize()},
                                    Part{0, number, number})
                       .first->second;
      part.bytes =
          std::max(part.bytes, LiveBytes::getBytes(result) /
                                   getNumRows(result) * rows[number].getSize());
      for (Operation *user : result.getUsers())
        part.last = std::max<size_t>(part.last, llvm::find(region.ops, user) -
                                                    region.ops.begin());
    }
    for (size_t at = 0; at < region.ops.size(); ++at) {
      int64_t sum = 0;
      for (auto &[key, part] : parts)
        if (part.first <= at && at <= part.last)
          sum += part.bytes;
      most = std::max(most, sum);
    }
  }
  return most;
}

int64_t RowCosts::getFirst(const RowRegion &region) {
  int64_t first = live.getNumber(region.ops.back());
  for (Operation *op : region.ops) {
    const Storage *storage = live.find(op->getResult(0));
    first = std::min(first, isInner(region, *storage) ? storage->first
                                                      : live.getNumber(op));
  }
  return first;
}

SmallVector<int64_t> RowCosts::getChanges(const RowRegion &region,
                                          int64_t begin) {
  int64_t end = live.getNumber(region.ops.back());
  SmallVector<int64_t> changes(end - begin + 1, 0);
  auto add = [&](int64_t first, int64_t last, int64_t bytes) {
    for (int64_t at = std::max(first, begin); at <= std::min(last, end); ++at)
      changes[at - begin] += bytes;
  };
  const Storage *exit = live.find(region.getExit());
  llvm::SetVector<const Storage *> inner, outer;
  for (Operation *op : region.ops) {
    inner.insert(live.find(op->getResult(0)));
    for (OpOperand &operand : op->getOpOperands())
      if (isOutside(region, operand.get()))
        if (const Storage *storage = live.find(operand.get()))
          outer.insert(storage);
  }
  for (const Storage *storage : inner) {
    if (!isInner(region, *storage))
      outer.insert(storage);
    else
      add(storage->first, storage == exit ? end - 1 : storage->last,
          -storage->bytes);
  }
  // The result does not lie over what is read for the next band.
  if (!isInner(region, *exit))
    add(end, end, LiveBytes::getBytes(region.getExit()));
  for (const Storage *storage : outer)
    add(storage->last + 1, end, storage->bytes);
  return changes;
}
