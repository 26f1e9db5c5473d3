//===- SymbolBounds.h - bounds of the symbols of a program ----------------===//
#ifndef CINCH_LIB_PIPELINE_SYMBOLBOUNDS_H
#define CINCH_LIB_PIPELINE_SYMBOLBOUNDS_H

#include "lib/Import/Import.h"
#include "mlir/IR/BuiltinOps.h"

namespace cinch {

/// Bounds (or pins) a symbol of the entries of `module`; false if none has it.
bool boundSymbol(mlir::ModuleOp module, const DimBound &bound);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_SYMBOLBOUNDS_H
