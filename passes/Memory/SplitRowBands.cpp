//===- SplitRowBands.cpp - computes values that are kept in bands ---------===//
#include "passes/Memory/RowBands.h"
#include "passes/Memory/RowRegion.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

RowBands RowBands::map(const IRMapping &mapping) const {
  RowBands result;
  result.numBands = numBands;
  result.numRows = numRows;
  auto find = [&](Operation *op) {
    return mapping.lookup(op->getResult(0)).getDefiningOp();
  };
  for (Value value : values)
    result.values.insert(mapping.lookup(value));
  for (Operation *op : ops)
    result.ops.insert(find(op));
  for (auto &[value, chain] : overlaps)
    result.overlaps[mapping.lookup(value)] = llvm::map_to_vector(chain, find);
  for (Operation *op : followers)
    result.followers.push_back(mapping.lookup(op));
  for (const Operations &stage : stages)
    result.stages.push_back(llvm::map_to_vector(stage, find));
  return result;
}

Rows RowBands::getBand(Value value, int64_t number) const {
  int64_t size = getNumRows(value) / numBands;
  return {number * size, (number + 1) * size};
}

/// The rows of `value`, which overlaps, that are read for a band of the rest.
Rows RowBands::getOverlappingBand(Value value, int64_t number) const {
  Rows rows = getBand(value, number);
  for (OpOperand &use : value.getUses()) {
    Rows needed =
        getOperandRows(use, getBand(use.getOwner()->getResult(0), number));
    rows = {std::min(rows.begin, needed.begin), std::max(rows.end, needed.end)};
  }
  return rows;
}

/// Computes a band of `value`, which overlaps: what lies in one band of all
/// that it is made of by one copy.
Value RowBands::buildOverlap(Operation *place, Value value, int64_t number,
                             llvm::StringSet<> &taken) {
  Rows wanted = getOverlappingBand(value, number);
  SmallVector<Value> made;
  for (int64_t other = 0; other < numBands; ++other) {
    Rows band = getBand(value, other);
    Rows rows = {std::max(band.begin, wanted.begin),
                 std::min(band.end, wanted.end)};
    if (rows.getSize() <= 0)
      continue;
    RowBuilder builder(place, number, taken);
    const Operations &chain = overlaps.lookup(value);
    for (Operation *op : chain)
      for (Value operand : op->getOperands())
        if (contains(operand) &&
            !llvm::is_contained(chain, operand.getDefiningOp()))
          builder.set(operand, parts[operand][other], getBand(operand, other));
    RowRegion region;
    region.ops = chain;
    Value part;
    for (auto [op, opRows] : llvm::zip(chain, *region.getRows(rows)))
      part = builder.copy(op, opRows);
    made.push_back(part);
  }
  return RowBuilder(place, number, taken).join(value, wanted, made);
}

SmallVector<std::pair<Operation *, Operation *>>
RowBands::split(llvm::StringSet<> &taken) {
  Operation *last = ops.back();
  for (Operation *op : llvm::reverse(followers))
    op->moveAfter(last);
  llvm::DenseSet<Operation *> inChains;
  for (auto &[value, chain] : overlaps)
    inChains.insert(chain.begin(), chain.end());
  SmallVector<std::pair<Operation *, Operation *>> ranges;
  for (const Operations &stage : stages) {
    Operation *before = last->getPrevNode();
    for (int64_t number = 0; number < numBands; ++number) {
      RowBuilder builder(last, number, taken);
      for (Operation *op : stage) {
        Value result = op->getResult(0);
        if (overlaps.contains(result))
          builder.set(result, buildOverlap(last, result, number, taken),
                      getOverlappingBand(result, number));
        if (inChains.contains(op))
          continue;
        for (Value operand : op->getOperands())
          if (contains(operand))
            builder.set(operand, parts[operand][number],
                        getBand(operand, number));
        parts[result].push_back(builder.copy(op, getBand(result, number)));
      }
    }
    for (Operation *op : stage)
      if (Value result = op->getResult(0); !isInBands(result))
        result.replaceAllUsesWith(joinRows(last, result, parts[result]));
    Operation *first =
        before ? before->getNextNode() : &last->getBlock()->front();
    if (first != last) // else all of it is made where it overlaps
      ranges.push_back({first, last->getPrevNode()});
    else
      ranges.push_back({nullptr, nullptr});
  }
  for (Operations &stage : llvm::reverse(stages))
    for (Operation *op : llvm::reverse(stage))
      op->erase();
  return ranges;
}
