//===- RowViews.cpp - rows of images that need no kernel ------------------===//
//
// In one block that holds all channels, [N, H, W, C], rows of one image are
// neighbours: a slice of rows is a view, and joined rows are an assembly. In
// row-major order both are copies.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/RowViews.h"
#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

using namespace mlir;
using namespace cinch;

/// Whether rows of `value` are neighbours in memory.
static bool hasContiguousRows(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  exec::ChannelBlocksAttr blocks = getChannelBlocks(type);
  return blocks && type.getRank() == 4 && type.getDimSize(0) == 1 &&
         blocks.getSize() == type.getDimSize(1) && !type.isDynamicDim(3);
}

bool cinch::replaceByRowView(exec::KernelOp kernel) {
  auto first = kernel->getAttrOfType<IntegerAttr>(firstRowAttrName);
  if (!first && !kernel->hasAttr(joinsRowsAttrName))
    return false;
  Value result = kernel.getResult(0);
  if (!hasContiguousRows(result) ||
      !llvm::all_of(kernel.getInputs(), hasContiguousRows))
    return false;
  OpBuilder builder(kernel);
  Operation *made = nullptr;
  if (first) {
    auto type = cast<RankedTensorType>(result.getType());
    int64_t offset = first.getInt() * type.getDimSize(1) * type.getDimSize(3);
    made = exec::ViewOp::create(
        builder, kernel.getLoc(), type, kernel.getInputs()[0],
        builder.getStringAttr(Twine(offset)), kernel.getDims());
  } else {
    made = exec::AssembleOp::create(builder, kernel.getLoc(), result.getType(),
                                    kernel.getInputs(), kernel.getDims());
  }
  made->setAttr("names", kernel->getAttr("names"));
  result.replaceAllUsesWith(made->getResult(0));
  kernel.erase();
  return true;
}
