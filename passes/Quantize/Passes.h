//===- Passes.h - passes that store values in few bits --------------------===//
#ifndef CINCH_PASSES_QUANTIZE_PASSES_H
#define CINCH_PASSES_QUANTIZE_PASSES_H

#include "dialects/Graph/Graph.h"
#include "mlir/Pass/Pass.h"
#include "passes/Quantize/Options.h"

namespace cinch::quantize {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_PASSES_H
