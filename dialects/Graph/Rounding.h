//===- Rounding.h - where floats of 16 bits are rounded -------------------===//
#ifndef CINCH_DIALECTS_GRAPH_ROUNDING_H
#define CINCH_DIALECTS_GRAPH_ROUNDING_H

#include "llvm/ADT/StringRef.h"

namespace cinch::graph {

/// Of a function: floats of 16 bits are rounded where they are stored, and are
/// f32 inside of kernels.
inline constexpr llvm::StringLiteral roundsAtStoreAttrName =
    "graph.rounds_at_store";
/// Of a cast in such a function: its result is rounded everywhere.
inline constexpr llvm::StringLiteral roundsAttrName = "graph.rounds";

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_ROUNDING_H
