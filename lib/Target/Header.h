//===- Header.h - the C header of a model that is linked in ---------------===//
#ifndef CINCH_LIB_TARGET_HEADER_H
#define CINCH_LIB_TARGET_HEADER_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace cinch {

/// `text` as a part of a C identifier: every other character becomes `_`.
std::string makeIdentifier(llvm::StringRef text);

struct HeaderInfo {
  std::string model;       ///< name, for people
  std::string name;        ///< of the object file, without extension
  std::string weightsName; ///< of the weights file; empty: no file
};

/// Writes the header of a module with the attributes of describe-program: the
/// object `cinch_module_NAME`, a function that loads it, and the signature.
void writeHeader(llvm::raw_ostream &os, mlir::ModuleOp module,
                 const HeaderInfo &info);

} // namespace cinch

#endif // CINCH_LIB_TARGET_HEADER_H
