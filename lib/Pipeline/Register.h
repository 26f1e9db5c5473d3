//===- Register.h - what the tools know of
//------------------------------------===//
#ifndef CINCH_LIB_PIPELINE_REGISTER_H
#define CINCH_LIB_PIPELINE_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace cinch {

/// Version of the compiler, such as "0.1.0".
llvm::StringRef getVersion();
/// Registers every dialect of the compiler, upstream's included, and the
/// interface implementations that its lowerings use.
void registerDialects(mlir::DialectRegistry &registry);
/// Registers our passes and the upstream passes that tests and textual
/// pipelines use. Call once per process.
void registerPasses();

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_REGISTER_H
