//===- LinearOp.h - convolutions and products with constant weights -------===//
#ifndef CINCH_PASSES_GRAPH_LINEAROP_H
#define CINCH_PASSES_GRAPH_LINEAROP_H

#include "passes/Graph/ChannelAffine.h"

namespace cinch::graph {

/// What is linear in its operand 0, with the constant operand 1.
struct LinearOp {
  mlir::Operation *op = nullptr;
  int64_t numIn = 0, numOut = 0;
  unsigned inAxis = 0, outAxis = 0;
  bool allowsShift = false; ///< a shift of the input is one of the output
  /// filter [blocks, rows, columns, taps]: the channels of an element.
  int64_t blocks = 1, rows = 0, columns = 0, taps = 1;
  bool rowsAreIn = false; ///< else columns are

  /// Of f32, with operand 1 a constant; nullopt for everything else.
  static std::optional<LinearOp> match(mlir::Operation *op);
  int64_t getIn(int64_t block, int64_t row, int64_t column) const {
    return rowsAreIn ? block * rows + row : block * columns + column;
  }
  int64_t getOut(int64_t block, int64_t row, int64_t column) const {
    return rowsAreIn ? block * columns + column : block * rows + row;
  }

  /// Calls `visit` with every element of the filter, in order, and the channels
  /// of the input and of the output that it connects; false if the filter
  /// cannot be read.
  bool
  forEachElement(llvm::function_ref<void(float, int64_t, int64_t)> visit) const;

  /// The weights with the factors of both sides; null if they cannot be read or
  /// leave the finite f32.
  mlir::TypedAttr scaleFilter(const ChannelAffine &in,
                              const ChannelAffine &out) const;
  /// The shift of the result: that of `out`, and what the one of `in` becomes;
  /// nullopt if the weights cannot be read or a sum is not finite in f32.
  std::optional<llvm::SmallVector<float>>
  getShift(const ChannelAffine &in, const ChannelAffine &out) const;
};

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_LINEAROP_H
