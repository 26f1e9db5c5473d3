//===- Selector.h - which operations a technique is applied to ------------===//
#ifndef CINCH_PASSES_COMMON_SELECTOR_H
#define CINCH_PASSES_COMMON_SELECTOR_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Regex.h"
#include <string>
#include <vector>

namespace cinch {

/// What the option `select` of a pass chooses: terms `kind`, `kind:regex`,
/// `:regex`, `#layer` or `#first..last`, of which one must hold, separated by
/// `;`. `kind` is the mnemonic of an operation (`matmul`), `regex` a POSIX
/// extended regular expression that is found in the name of a result, `layer`
/// the number of a product (matmul, conv, conv_transpose, einsum) of the
/// function in program order, from 0. The empty text chooses everything.
class Selector {
public:
  /// An error names the term that is none.
  static llvm::Expected<Selector> parse(llvm::StringRef text);
  /// Numbers the layers of `function`; without it no layer matches.
  void number(mlir::func::FuncOp function);
  bool matches(mlir::Operation *op) const;
  /// For each term that matches none of `candidates` a sentence that says so,
  /// with the nearest name, for a warning.
  std::vector<std::string>
  describeUnmatched(llvm::ArrayRef<mlir::Operation *> candidates) const;

private:
  struct Term {
    std::string text; ///< as it was written
    std::string kind; ///< empty: any
    std::optional<llvm::Regex> name;
    std::optional<std::pair<int64_t, int64_t>> layers; ///< first and last
  };
  static std::string parseLayers(llvm::StringRef text, Term &term);
  bool matches(const Term &term, mlir::Operation *op) const;

  llvm::DenseMap<mlir::Operation *, int64_t> layers;
  std::vector<Term> terms; ///< empty: everything is chosen
};

} // namespace cinch

#endif // CINCH_PASSES_COMMON_SELECTOR_H
