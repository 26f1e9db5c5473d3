//===- WeightLayout.cpp - layouts of packed weights -----------------------===//
#include "lib/Lowering/KernelToLLVM/WeightLayout.h"

using namespace mlir;
using namespace cinch;

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
  int64_t depth = packed.getDimSize(1), block = packed.getDimSize(2);
  int64_t columns = type.getDimSize(isTransposed ? 0 : 1);
  int64_t depthStride = isTransposed ? 1 : columns;
  int64_t columnStride = isTransposed ? depth : 1;
  for (int64_t first = 0; first < columns; first += block)
    for (int64_t row = 0; row < depth; ++row)
      for (int64_t column = first; column < first + block;
           ++column, target += sizeof(float)) {
        if (column < columns)
          memcpy(target,
                 source + (row * depthStride + column * columnStride) *
                              sizeof(float),
                 sizeof(float));
        else
          memset(target, 0, sizeof(float));
      }
}
