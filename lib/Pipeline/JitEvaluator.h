//===- JitEvaluator.h - compiles and runs in process ----------------------===//
#ifndef CINCH_LIB_PIPELINE_JITEVALUATOR_H
#define CINCH_LIB_PIPELINE_JITEVALUATOR_H

#include "mlir/IR/DialectRegistry.h"

namespace cinch {

/// Gives every context of `registry` an `Evaluator` that compiles for this
/// machine into memory.
void registerJitEvaluator(mlir::DialectRegistry &registry);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_JITEVALUATOR_H
