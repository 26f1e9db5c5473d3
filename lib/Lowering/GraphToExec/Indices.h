//===- Indices.h - indices that are data
//-------------------------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_INDICES_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_INDICES_H

#include "lib/Lowering/GraphToExec/Scalars.h"

namespace cinch::form {

/// An integer as a position of an axis of `size`: negative ones count from the
/// end, the rest is clamped.
mlir::Value normalizeIndex(Scalars &s, mlir::Value index, mlir::Value size);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_INDICES_H
