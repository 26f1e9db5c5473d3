//===- AttentionLayout.cpp - how a block computes an attention ------------===//
#include "lib/Lowering/KernelToGPU/AttentionLayout.h"

#include "lib/Lowering/KernelToGPU/PaddedTile.h"

using namespace mlir;
using namespace cinch;

/// Shared memory of a block on all architectures from sm_80 on.
static constexpr int64_t maxSharedBytes = 99 << 10;

int64_t AttentionLayout::getMatrixOps() const {
  if (!usesMatrices)
    return 0;
  return rowWarps * keyWarps * (warpRows / 16) * warpKeys * (depth + width) /
         (8 * 16);
}

/// The type of the tiles: that of all operands, where tensor cores multiply it
/// and add in f32; else f32.
static Type getTileType(AttentionPlan &plan) {
  Type f32 = Float32Type::get(plan.product.getContext());
  Type type = getElementTypeOrSelf(plan.getQueries()->get());
  if (!type.isF16() && !type.isBF16())
    return f32;
  for (Value operand : {plan.getKeys()->get(), plan.getValues()->get(),
                        plan.product.getDpsInputOperand(0)->get()})
    if (getElementTypeOrSelf(operand) != type)
      return f32;
  return type;
}

/// Sets strides and places in shared memory.
static void place(AttentionLayout &layout) {
  int64_t bytes = layout.element.getIntOrFloatBitWidth() / 8;
  layout.queryStride = layout.keyStride = getPaddedStride(layout.depth, bytes);
  // Threads of a quarter of a warp read one row of values, without gaps.
  layout.valueStride =
      layout.usesMatrices ? getPaddedStride(layout.width, bytes) : layout.width;
  // Four rows of 8 neighbours lie in different banks.
  layout.weightStride = llvm::alignTo(layout.warpKeys, 32) + 8;
  layout.resultStride = llvm::alignTo(layout.width, 32) + 8;

  int64_t rows = layout.getRows(), keys = layout.getKeys();
  layout.keyOffset = rows * layout.queryStride * bytes;
  layout.valueOffset = layout.keyOffset + keys * layout.keyStride * bytes;
  layout.weightOffset = layout.valueOffset + keys * layout.valueStride * bytes;
  int64_t tiles = layout.weightOffset;
  if (!layout.usesMatrices)
    tiles += layout.keyWarps * rows * layout.weightStride * 4;
  // Results take the place of the tiles.
  layout.statisticsOffset = layout.keyWarps * rows * layout.resultStride * 4;
  layout.resultBytes = layout.statisticsOffset;
  if (layout.keyWarps > 1)
    layout.resultBytes += 3 * layout.keyWarps * rows * 4;
  layout.sharedBytes = std::max(tiles, layout.resultBytes);
}

static AttentionLayout makeLayout(AttentionPlan &plan, int64_t rowWarps,
                                  int64_t keyWarps, int64_t warpRows,
                                  int64_t warpKeys) {
  AttentionLayout layout;
  layout.element = getTileType(plan);
  layout.usesMatrices = !layout.element.isF32();
  layout.depth = llvm::alignTo(plan.headSize, layout.usesMatrices ? 16 : 4);
  layout.width = llvm::alignTo(plan.valueSize, layout.usesMatrices ? 16 : 32);
  layout.rowWarps = rowWarps;
  layout.keyWarps = keyWarps;
  layout.warpRows = warpRows;
  layout.warpKeys = warpKeys;
  if (plan.numKeys) {
    int64_t most = llvm::divideCeil(*plan.numKeys, keyWarps);
    layout.warpKeys = std::min<int64_t>(
        warpKeys, llvm::alignTo(std::max<int64_t>(most, 1), 16));
  }
  place(layout);
  return layout;
}

/// The layout of `numWarps` warps for `numRows` rows of a group of heads;
/// nullopt: for many.
static AttentionLayout chooseFor(AttentionPlan &plan,
                                 std::optional<int64_t> numRows,
                                 int64_t numWarps) {
  AttentionLayout base = makeLayout(plan, 1, 1, 16, 16);
  int64_t largest = std::max(base.depth, base.width);
  // Sums and scores of a thread stay in registers.
  int64_t warpKeys = largest > 128 ? 16 : 32;
  int64_t most = numRows.value_or(INT64_MAX);
  int64_t rowWarps = 1;
  while (rowWarps < numWarps && rowWarps * 16 < most)
    rowWarps *= 2;
  int64_t warpRows = largest <= 64 && most > numWarps * 16 ? 32 : 16;
  return makeLayout(plan, rowWarps, numWarps / rowWarps, warpRows, warpKeys);
}

std::optional<AttentionLayouts> AttentionLayouts::choose(AttentionPlan &plan) {
  for (int64_t numWarps : {4, 2, 1}) {
    AttentionLayouts layouts;
    std::optional<int64_t> numRows;
    if (plan.numRows)
      numRows = *plan.numRows * plan.groupSize;
    layouts.many = chooseFor(plan, numRows, numWarps);
    if (!numRows)
      layouts.few = chooseFor(plan, 16, numWarps);
    if (layouts.many.sharedBytes <= maxSharedBytes &&
        (!layouts.few || layouts.few->sharedBytes <= maxSharedBytes))
      return layouts;
  }
  return std::nullopt;
}
