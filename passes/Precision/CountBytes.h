//===- CountBytes.h - bytes of values and weights -------------------------===//
#ifndef CINCH_PASSES_PRECISION_COUNTBYTES_H
#define CINCH_PASSES_PRECISION_COUNTBYTES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace cinch::precision {

/// Bytes of the constants of a function, each once, and of the results of its
/// operations; an unknown dimension counts 64.
struct Bytes {
  int64_t weights = 0, values = 0;
};

/// Counts; a cast between floats is computed where it is read and counts 0.
Bytes countBytes(mlir::func::FuncOp function);

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_COUNTBYTES_H
