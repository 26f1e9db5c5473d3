//===- Tables.cpp - constants whose rows are looked up --------------------===//
#include "passes/Quantize/Tables.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

bool quantize::isLookup(OpOperand &use) {
  auto gather = dyn_cast<GatherOp>(use.getOwner());
  return gather && use.getOperandNumber() == 0 && gather.getAxis() == 0 &&
         cast<RankedTensorType>(use.get().getType()).getRank() == 2;
}

ConstantOp quantize::findTable(GatherOp gather, int64_t minElements) {
  auto constant = gather.getInput().getDefiningOp<ConstantOp>();
  if (!constant)
    return nullptr;
  auto type = cast<RankedTensorType>(constant.getType());
  return type.getElementType().isF32() &&
                 type.getNumElements() >= minElements &&
                 llvm::all_of(constant->getUses(), isLookup)
             ? constant
             : nullptr;
}

int64_t quantize::countConstantElements(func::FuncOp function) {
  int64_t count = 0;
  function.walk([&](ConstantOp constant) {
    auto type = cast<RankedTensorType>(constant.getType());
    count += type.getElementType().isF32() ? type.getNumElements() : 0;
  });
  return count;
}
