//===- Selector.h - which operations a technique is applied to ------------===//
#ifndef CINCH_PASSES_COMMON_SELECTOR_H
#define CINCH_PASSES_COMMON_SELECTOR_H

#include "mlir/IR/Operation.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Regex.h"
#include <string>
#include <vector>

namespace cinch {

/// What the option `select` of a pass chooses: terms `kind`, `kind:regex` or
/// `:regex`, of which one must hold, separated by `;`. `kind` is the mnemonic
/// of an operation (`matmul`), `regex` a POSIX extended regular expression that
/// is found in the name of a result. The empty text chooses everything.
class Selector {
public:
  /// An error names the term that is none.
  static llvm::Expected<Selector> parse(llvm::StringRef text);
  bool matches(mlir::Operation *op) const;

private:
  struct Term {
    std::string kind; ///< empty: any
    std::optional<llvm::Regex> name;
  };
  std::vector<Term> terms; ///< empty: everything is chosen
};

} // namespace cinch

#endif // CINCH_PASSES_COMMON_SELECTOR_H
