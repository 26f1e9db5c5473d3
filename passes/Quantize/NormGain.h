//===- NormGain.h - what a norm does to each channel ----------------------===//
#ifndef CINCH_PASSES_QUANTIZE_NORMGAIN_H
#define CINCH_PASSES_QUANTIZE_NORMGAIN_H

#include "passes/Graph/ChannelAffine.h"
#include "passes/Quantize/WeightEditor.h"

namespace cinch::quantize {

/// y = scale[c] * x + shift[c] of a value x that a norm over the last axis
/// made.
struct NormGain {
  mlir::Operation *op;
  mlir::Value input; ///< x; null: what the norm `op` itself makes without
  graph::ChannelAffine affine;

  /// Of a layer_norm or rms_norm of f32, or a multiplication or addition with a
  /// constant behind one or behind what stands for one; nullopt if `op` is
  /// none, or changes nothing.
  static std::optional<NormGain> match(mlir::Operation *op);
};

/// Whether all that reads `value` is a product with a constant matrix.
bool isReadByProductsOnly(mlir::Value value);

/// shift * W [N] for the matrix `weight`, of which the operand's `axis` is
/// summed over. An error if it cannot be read.
llvm::Expected<llvm::SmallVector<double>>
multiplyShift(llvm::ArrayRef<double> shift, const Weight &weight,
              unsigned axis);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_NORMGAIN_H
