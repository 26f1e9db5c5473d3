//===- RowRegion.cpp - operations that are computed in bands of rows ------===//
#include "passes/Memory/RowRegion.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

std::optional<SmallVector<Rows>> RowRegion::getRows(Rows rows) const {
  llvm::DenseMap<Value, Rows> needed;
  needed[getExit()] = rows;
  SmallVector<Rows> result(ops.size());
  for (size_t number = ops.size(); number-- > 0;) {
    Operation *op = ops[number];
    result[number] = needed.lookup(op->getResult(0));
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isReadByRows(operand))
        continue;
      Rows inputs = getOperandRows(operand, result[number]);
      if (inputs.getSize() <= 0)
        return std::nullopt;
      auto [known, isNew] = needed.try_emplace(operand.get(), inputs);
      if (!isNew)
        known->second = {std::min(known->second.begin, inputs.begin),
                         std::max(known->second.end, inputs.end)};
    }
  }
  return result;
}

SmallVector<Rows> RowRegion::getBands(int64_t numBands) const {
  int64_t numRows = getNumRows(getExit());
  int64_t size = llvm::divideCeil(numRows, numBands);
  SmallVector<Rows> bands;
  for (int64_t begin = 0; begin < numRows; begin += size)
    bands.push_back({begin, std::min(begin + size, numRows)});
  return bands;
}

void RowRegion::split(int64_t numBands, llvm::StringSet<> &taken) const {
  Value exit = getExit();
  SmallVector<Value> parts;
  for (auto [number, rows] : llvm::enumerate(getBands(numBands))) {
    RowBuilder builder(ops.back(), number, taken);
    SmallVector<Rows> needed = *getRows(rows);
    Value part;
    for (auto [op, opRows] : llvm::zip(ops, needed))
      part = builder.copy(op, opRows);
    parts.push_back(part);
  }
  exit.replaceAllUsesWith(joinRows(ops.back(), exit, parts));
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}
