//===- FoldFactors.h - factors of channels into what makes a value --------===//
#ifndef CINCH_PASSES_QUANTIZE_FOLDFACTORS_H
#define CINCH_PASSES_QUANTIZE_FOLDFACTORS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace cinch::quantize {

/// Multiplies the channels of `value` along `axis` by positive `factors`, by
/// changing the constants of what makes it: gains, biases and weights (see
/// smooth-activations). What is between must have no other reader; of `value`
/// itself all readers must want the factors. Values that change get the name
/// `rename` makes of theirs, changed constants are new ones. False, and no
/// change, if there is no such place.
bool foldFactors(mlir::Value value, unsigned axis,
                 llvm::ArrayRef<double> factors,
                 llvm::function_ref<std::string(llvm::StringRef)> rename);

/// Whether there is a place for factors of `numChannels` channels.
bool canFoldFactors(mlir::Value value, unsigned axis, int64_t numChannels);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_FOLDFACTORS_H
