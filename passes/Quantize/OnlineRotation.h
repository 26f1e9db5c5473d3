//===- OnlineRotation.h - rotations while the model runs ------------------===//
#ifndef CINCH_PASSES_QUANTIZE_ONLINEROTATION_H
#define CINCH_PASSES_QUANTIZE_ONLINEROTATION_H

#include "passes/Quantize/RandomHadamard.h"
#include "passes/Quantize/WeightEditor.h"

namespace cinch::quantize {

/// `value` [..., N] times `rotation` of N channels, named `name`, behind
/// `value`: the signs, and a product with a Hadamard matrix of at most 64
/// channels for each factor of a block, as H(a b) = (H(a) x I)(I x H(b)).
/// Constants of these products are those that `isHadamard` finds.
mlir::Value makeRotated(mlir::Value value, const RandomHadamard &rotation,
                        llvm::StringRef name, UniqueNames &names);

/// Whether `value` is a constant square matrix of f32 with 2 to 64 rows and one
/// magnitude, 1 / sqrt(rows), as rotations have. Rounding what such a product
/// reads would undo what it is for.
bool isHadamard(mlir::Value value);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_ONLINEROTATION_H
