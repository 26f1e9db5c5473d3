//===- Passes.h - passes that change the precision of values --------------===//
#ifndef CINCH_PASSES_PRECISION_PASSES_H
#define CINCH_PASSES_PRECISION_PASSES_H

#include "dialects/Graph/Graph.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace cinch::precision {

/// A 16-bit floating point type.
enum class Type16 { f16, bf16 };

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Precision/Passes.h.inc"
} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_PASSES_H
