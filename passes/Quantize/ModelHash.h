//===- ModelHash.h - which model statistics are of ------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_MODELHASH_H
#define CINCH_PASSES_QUANTIZE_MODELHASH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"
#include <string>

namespace cinch::quantize {

/// 16 hexadecimal digits that stand for the operations of `function` on floats,
/// their order, names and attributes and the elements of their constants. Sizes
/// of dimensions and shape arithmetic are left out, so that a model may be
/// calibrated with other sizes than it is compiled for. An error if a constant
/// cannot be read.
llvm::Expected<std::string> hashModel(mlir::func::FuncOp function);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_MODELHASH_H
