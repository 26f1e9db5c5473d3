//===- Unsupported.h - what is valid but cannot be compiled ---------------===//
#ifndef CINCH_DIALECTS_GRAPH_UNSUPPORTED_H
#define CINCH_DIALECTS_GRAPH_UNSUPPORTED_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLExtras.h"

namespace cinch {

inline constexpr llvm::StringLiteral unsupportedTag = "unsupported";

/// Marks an error as: the program is valid, but this part of it is not
/// supported. Tools exit with another status for it.
inline mlir::InFlightDiagnostic
markUnsupported(mlir::InFlightDiagnostic diagnostic) {
  if (mlir::Diagnostic *active = diagnostic.getUnderlyingDiagnostic())
    active->getMetadata().push_back(mlir::DiagnosticArgument(unsupportedTag));
  return diagnostic;
}

/// Starts such an error about `op`.
inline mlir::InFlightDiagnostic emitUnsupportedError(mlir::Operation *op) {
  return markUnsupported(op->emitError() << "unsupported: ");
}

/// True if `diagnostic` was marked.
inline bool isUnsupported(mlir::Diagnostic &diagnostic) {
  return llvm::any_of(
      diagnostic.getMetadata(), [](const mlir::DiagnosticArgument &argument) {
        return argument.getKind() ==
                   mlir::DiagnosticArgument::DiagnosticArgumentKind::String &&
               argument.getAsString() == unsupportedTag;
      });
}

} // namespace cinch

#endif // CINCH_DIALECTS_GRAPH_UNSUPPORTED_H
