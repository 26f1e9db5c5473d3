//===- BlockedConvolutionPlan.h - convolutions of channel blocks ----------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_BLOCKEDCONVOLUTIONPLAN_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_BLOCKEDCONVOLUTIONPLAN_H

#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"

namespace cinch {

/// A spatial axis: the output at `out` reads the input at out * stride +
/// tap * dilation - low. A convolution along one axis has a row axis of one
/// place and no loops.
struct BlockedAxis {
  std::optional<unsigned> out, tap; ///< loops
  int64_t stride = 1, dilation = 1, taps = 1, low = 0;
  int64_t size = 1; ///< of the output, may be dynamic

  /// From the first to behind the last tap.
  int64_t getExtent() const { return (taps - 1) * dilation + 1; }
};

/// The parts of out[n, f, y, x] = sum over c and taps of in[n, c, y', x'] *
/// filter[f, c, ty, tx] where an operand is stored in blocks of channels. A
/// run of pixels and a block of filters is one sum of products [pixels,
/// channels] * [channels, filters], over the taps and blocks of channels.
struct BlockedConvolutionPlan {
  mlir::linalg::GenericOp op;
  /// Loops of `op`.
  unsigned batchLoop = 0, filterLoop = 0, channelLoop = 0;
  BlockedAxis row, column;
  /// Per parallel loop of `op`: the dimension of the space, -1 if it is split.
  llvm::SmallVector<int> dimOfLoop;
  /// All pixels of an image are one row.
  bool isJoined = false;

  /// The argument whose blocks of channels are read in place. Otherwise rows
  /// of inputs are packed, channels last, borders as zeros.
  std::optional<unsigned> inputArgument;
  /// What is packed is read along rows, not along channels.
  bool packsRows = true;
  int64_t inputBlock = 0; ///< channels that neighbour in memory
  /// The packed filter; none where all its elements are the same.
  std::optional<unsigned> filterArgument;

  int64_t filters = 0, channels = 0;
  /// Filters per tile; channels per sum.
  int64_t filterBlock = 0, partChannels = 0;
  /// Channels per product.
  int64_t depth = 0;
  /// Pixels of a tile.
  int64_t tileRows = 1, tileColumns = 0;

  mlir::OpOperand *getInput() { return op.getDpsInputOperand(0); }
  mlir::OpOperand *getFilter() { return op.getDpsInputOperand(1); }
  int64_t getNumParts() const { return channels / partChannels; }
  int64_t getNumTaps() const { return row.taps * column.taps; }
  /// Products of a sum.
  int64_t getNumProducts() const {
    return getNumTaps() * (partChannels / depth);
  }
  /// Pixels of a packed row, and rows.
  int64_t getPanelColumns() const {
    return (tileColumns - 1) * column.stride + column.getExtent();
  }
  int64_t getPanelRows() const {
    return (tileRows - 1) * row.stride + row.getExtent();
  }
  int64_t getPanelSize() const {
    return getPanelRows() * getPanelColumns() * partChannels;
  }

  /// The plan of the kernel; nullopt where no operand is in blocks or another
  /// lowering is needed. `isPacked`: the filter has its layout already.
  static std::optional<BlockedConvolutionPlan>
  compute(const KernelSchedule &schedule, bool isPacked);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_BLOCKEDCONVOLUTIONPLAN_H
