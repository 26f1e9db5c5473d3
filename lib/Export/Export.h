//===- Export.h - graph dialect to ONNX -----------------------------------===//
#ifndef CINCH_LIB_EXPORT_EXPORT_H
#define CINCH_LIB_EXPORT_EXPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace cinch {

/// The opset that exported models use.
constexpr int64_t exportOpset = 21;

/// Writes the entry function of `module`, which must be in the `graph` dialect
/// (with `scf` for control flow), as a binary ONNX model to `output`. Values
/// keep their ONNX names, inputs and outputs their names and symbolic
/// dimensions. Every operation without an ONNX form is reported by a
/// diagnostic; then nothing is written and the result is a failure. A model
/// whose weights pass 2 GiB is refused, because protobuf cannot hold it.
llvm::LogicalResult exportOnnx(mlir::ModuleOp module,
                               llvm::raw_ostream &output);

} // namespace cinch

#endif // CINCH_LIB_EXPORT_EXPORT_H
