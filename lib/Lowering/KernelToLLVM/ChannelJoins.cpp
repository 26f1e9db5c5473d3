//===- ChannelJoins.cpp - concatenations of channels ----------------------===//
#include "lib/Lowering/KernelToLLVM/ChannelJoins.h"

using namespace mlir;
using namespace cinch;

bool cinch::joinsChannels(exec::AssembleOp assemble) {
  auto result = cast<RankedTensorType>(assemble.getType());
  if (result.getRank() < 3 || result.getDimSize(0) != 1)
    return false;
  int64_t channels = 0;
  for (Value input : assemble.getInputs()) {
    auto type = cast<RankedTensorType>(input.getType());
    if (type.getRank() != result.getRank() || type.getDimSize(0) != 1 ||
        type.isDynamicDim(1) ||
        type.getShape().drop_front(2) != result.getShape().drop_front(2))
      return false;
    channels += type.getDimSize(1);
  }
  return channels == result.getDimSize(1);
}

void cinch::dropPartialJoins(ModuleOp module, llvm::SetVector<Value> &values) {
  for (bool changed = true; changed;) {
    changed = false;
    module.walk([&](exec::AssembleOp assemble) {
      SmallVector<Value> joined(assemble.getInputs());
      joined.push_back(assemble.getResult());
      if (llvm::all_of(joined,
                       [&](Value value) { return values.contains(value); }))
        return;
      for (Value value : joined)
        changed |= values.remove(value);
    });
  }
}
