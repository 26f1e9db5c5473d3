//===- FloatConstants.h - constants of floats, read and made --------------===//
#ifndef CINCH_PASSES_QUANTIZE_FLOATCONSTANTS_H
#define CINCH_PASSES_QUANTIZE_FLOATCONSTANTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace cinch::quantize {

/// The elements of a constant of f32, row-major; an error if they cannot be
/// read.
llvm::Expected<std::vector<float>> readFloats(mlir::TypedAttr constant);

/// `number` in a float type, to nearest, ties to even.
llvm::APFloat convertFloat(double number, mlir::Type element);

/// A constant of the float elements `numbers` of `type`, as `convertFloat`
/// rounds them. Large ones, whose elements no text shows, go to a temporary
/// file; an error if it cannot be written.
llvm::Expected<mlir::TypedAttr> makeFloats(mlir::RankedTensorType type,
                                           llvm::ArrayRef<double> numbers,
                                           bool isSmall);
/// The same, of f32.
llvm::Expected<mlir::TypedAttr> makeFloats(mlir::RankedTensorType type,
                                           llvm::ArrayRef<float> numbers,
                                           bool isSmall);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_FLOATCONSTANTS_H
