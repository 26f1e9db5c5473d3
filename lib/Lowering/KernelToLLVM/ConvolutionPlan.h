//===- ConvolutionPlan.h - how a convolution becomes taps of GEMM ---------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_CONVOLUTIONPLAN_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_CONVOLUTIONPLAN_H

#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"

namespace cinch {

/// An axis of the input that a window slides along: out * stride + tap *
/// dilation, where `out` is a parallel loop and `tap` a reduced one.
struct Window {
  unsigned out, tap;
  int64_t stride, dilation;
};

/// The window that `expr` is; the first `numParallel` loops are parallel.
std::optional<Window> getWindow(mlir::AffineExpr expr, unsigned numParallel);

/// The parts of out[n, f, space] = sum over c and taps of
/// in[n, c, space * stride + tap * dilation] * filter[taps, f, c]. A row of
/// outputs along the last spatial axis is a sum of GEMMs, one per tap, whose B
/// is the same row of inputs, moved by one element for each tap.
struct ConvolutionPlan {
  mlir::linalg::GenericOp op;
  /// Loops of `op`.
  unsigned filterLoop = 0, columnLoop = 0, channelLoop = 0;
  llvm::SmallVector<unsigned> outerLoops; ///< batch, spatial axes but the last
  llvm::SmallVector<unsigned> outerTaps;  ///< taps along those axes
  unsigned columnTap = 0;                 ///< taps along the last axis
  /// Short rows are joined: `rowLoop` is the axis in front of the columns, with
  /// the taps `rowTap`; neither is among the outer ones. The rows of a block
  /// are columns of one GEMM, with what lies between them in the padded input.
  std::optional<unsigned> rowLoop;
  unsigned rowTap = 0;
  /// Per parallel loop of `op`: the dimension of the space.
  llvm::SmallVector<unsigned> dimOfLoop;

  int64_t filters = 0, channels = 0, taps = 0; ///< `taps` along the last axis
  int64_t stride = 1, dilation = 1;            ///< along the last axis
  int64_t rowTaps = 1, rowDilation = 1;        ///< along the row axis

  /// Columns and rows per tile, channels per panel, filters per tile and call.
  int64_t blockColumns = 0, blockRows = 1, blockChannels = 0;
  int64_t tileFilters = 0, callFilters = 0;

  mlir::OpOperand *getInput() { return op.getDpsInputOperand(0); }
  mlir::OpOperand *getFilter() { return op.getDpsInputOperand(1); }
  /// Phases of the stride that taps read: a row of the panel for each.
  int64_t getNumPhases() const { return std::min(stride, taps); }
  /// Elements between neighbouring rows in a panel of joined rows.
  int64_t getPitch() const { return blockColumns + (taps - 1) * dilation; }
  /// Rows of inputs behind the joined rows of a block.
  int64_t getInputRows() const {
    return blockRows + (rowTaps - 1) * rowDilation;
  }
  /// Columns of the GEMM.
  int64_t getWidth() const {
    return (blockRows - 1) * getPitch() + blockColumns;
  }
  /// Elements that a panel holds of one channel and phase, and in all.
  int64_t getPhaseWidth() const {
    if (rowLoop)
      return llvm::alignTo(getInputRows() * getPitch(), 8);
    return llvm::alignTo(blockColumns + (taps - 1) * dilation / stride, 8);
  }
  int64_t getPanelWidth() const { return getNumPhases() * getPhaseWidth(); }

  /// The plan of the kernel; nullopt where another lowering is better.
  /// `isPacked`: the filter is [taps, f, c] already, else [f, c, taps].
  static std::optional<ConvolutionPlan> compute(const KernelSchedule &schedule,
                                                bool isPacked);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_CONVOLUTIONPLAN_H
