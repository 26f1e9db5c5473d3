//===- WeightLayout.cpp - layouts of packed weights -----------------------===//
#include "lib/Lowering/KernelToLLVM/WeightLayout.h"

#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/KernelToLLVM/DotProducts.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cinch;

/// Columns per block of a matrix of `numColumns`: least padding, then widest,
/// and whole bytes of `perByte` elements.
static int64_t getBlockColumns(int64_t numColumns, int64_t perByte) {
  if (numColumns <= 64)
    return llvm::alignTo(std::max<int64_t>(numColumns, 1), perByte);
  int64_t best = 64;
  for (int64_t width : {56, 48})
    if (llvm::alignTo(numColumns, width) < llvm::alignTo(numColumns, best))
      best = width;
  return best;
}

RankedTensorType cinch::getPackedType(RankedTensorType type, Layout layout) {
  if (layout.kind == Layout::FilterBlocks)
    return RankedTensorType::get(type.getShape(), type.getElementType(),
                                 layout.blocks);
  if (layout.kind == Layout::TapsFirst) {
    SmallVector<int64_t> shape(type.getShape().drop_front(2));
    llvm::append_range(shape, type.getShape().take_front(2));
    return RankedTensorType::get(shape, type.getElementType());
  }
  int64_t columns = type.getDimSize(layout.isTransposed() ? 0 : 1);
  int64_t depth = type.getNumElements() / columns;
  if (layout.kind == Layout::Transposed)
    return RankedTensorType::get({depth, columns}, type.getElementType());
  if (layout.isInFours()) {
    int64_t block = getDotColumns(columns);
    return RankedTensorType::get(
        {static_cast<int64_t>(llvm::divideCeil(columns, block)),
         static_cast<int64_t>(llvm::divideCeil(depth, dotDepth)), block,
         dotDepth},
        type.getElementType());
  }
  int64_t block = getBlockColumns(
      columns, graph::getElementsPerByte(type.getElementType()));
  return RankedTensorType::get(
      {static_cast<int64_t>(llvm::divideCeil(columns, block)), depth, block},
      type.getElementType());
}

/// Fills `target`, of `blocks`, from the filter `source`, of `type`.
static void packFilter(const char *source, RankedTensorType type, char *target,
                       exec::FilterBlocksAttr blocks) {
  int64_t filters = type.getDimSize(0), channels = type.getDimSize(1);
  int64_t numTaps = type.getNumElements() / (filters * channels);
  int64_t part = blocks.getChannels();
  for (int64_t first = 0; first < filters; first += blocks.getFilters()) {
    int64_t end = std::min(first + blocks.getFilters(), filters);
    for (int64_t begin = 0; begin < channels; begin += part)
      for (int64_t tap = 0; tap < numTaps; ++tap)
        for (int64_t channel = begin; channel < begin + part; ++channel)
          for (int64_t filter = first; filter < end;
               ++filter, target += sizeof(float))
            memcpy(target,
                   source + ((filter * channels + channel) * numTaps + tap) *
                                sizeof(float),
                   sizeof(float));
  }
}

/// Fills `target`, of `packed`, from the bytes of a matrix of `depth` rows.
static void packFours(const char *source, int64_t depth, int64_t columns,
                      char *target, RankedTensorType packed,
                      bool isTransposed) {
  int64_t depthStride = isTransposed ? 1 : columns;
  int64_t columnStride = isTransposed ? depth : 1;
  int64_t steps = packed.getDimSize(1), block = packed.getDimSize(2),
          count = packed.getDimSize(3);
  for (int64_t first = 0; first < columns; first += block)
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t column = first; column < first + block; ++column)
        for (int64_t row = step * count; row < (step + 1) * count; ++row)
          *target++ = row < depth && column < columns
                          ? source[row * depthStride + column * columnStride]
                          : 0;
}

/// Copies element number `from` of `source`, of `bits`, to number `to` of
/// `target`, which is 0 there.
static void copyElement(const char *source, int64_t from, char *target,
                        int64_t to, int64_t bits) {
  if (bits >= 8) {
    memcpy(target + to * (bits / 8), source + from * (bits / 8), bits / 8);
    return;
  }
  int element =
      static_cast<uint8_t>(source[from * bits / 8]) >> (from * bits % 8) &
      ((1 << bits) - 1);
  char &byte = target[to * bits / 8];
  byte = static_cast<char>(byte | element << (to * bits % 8));
}

void cinch::pack(const char *source, RankedTensorType type, char *target,
                 RankedTensorType packed, Layout layout) {
  if (layout.kind == Layout::FilterBlocks)
    return packFilter(source, type, target, layout.blocks);
  if (layout.kind == Layout::TapsFirst) {
    int64_t matrix = type.getDimSize(0) * type.getDimSize(1);
    int64_t numTaps = type.getNumElements() / matrix;
    for (int64_t tap = 0; tap < numTaps; ++tap)
      for (int64_t element = 0; element < matrix;
           ++element, target += sizeof(float))
        memcpy(target, source + (element * numTaps + tap) * sizeof(float),
               sizeof(float));
    return;
  }
  bool isTransposed = layout.isTransposed();
  if (layout.isInFours()) {
    int64_t columns = type.getDimSize(isTransposed ? 0 : 1);
    return packFours(source, type.getNumElements() / columns, columns, target,
                     packed, isTransposed);
  }
  int64_t columns = type.getDimSize(isTransposed ? 0 : 1);
  int64_t depth = type.getNumElements() / columns;
  int64_t block = packed.getShape().back(); // all columns, if transposed
  int64_t depthStride = isTransposed ? 1 : columns;
  int64_t columnStride = isTransposed ? depth : 1;
  int64_t bits = graph::getStorageBits(type.getElementType()), place = 0;
  memset(target, 0, llvm::divideCeil(packed.getNumElements() * bits, 8));
  for (int64_t first = 0; first < columns; first += block)
    for (int64_t row = 0; row < depth; ++row)
      for (int64_t column = first; column < first + block; ++column, ++place)
        if (column < columns)
          copyElement(source, row * depthStride + column * columnStride, target,
                      place, bits);
}
