//===- Evaluator.h - runs a function while compiling ----------------------===//
#ifndef CINCH_PASSES_COMMON_EVALUATOR_H
#define CINCH_PASSES_COMMON_EVALUATOR_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectInterface.h"
#include "llvm/Support/Error.h"

namespace cinch {

/// Runs programs for passes that need to know what they compute. Found as an
/// interface of the graph dialect (`Evaluator::get`); whoever registers the
/// dialects provides it, so that passes do not depend on code generation.
class Evaluator : public mlir::DialectInterface::Base<Evaluator> {
public:
  explicit Evaluator(mlir::Dialect *dialect) : Base(dialect) {}

  /// The evaluator of a context; null if it has none.
  static const Evaluator *get(mlir::MLIRContext *context);

  /// Runs the entry program of `module`, on the graph level with static shapes
  /// of whole-byte elements or bools and without weights in files, as the
  /// reference pipeline compiles it. `inputs` and `outputs` are the bytes of
  /// its arguments and results, row-major, in order; they may be unaligned. An
  /// error if the program cannot be compiled or its run fails. Leaves `module`
  /// as it is.
  virtual llvm::Error
  run(mlir::ModuleOp module, llvm::ArrayRef<llvm::ArrayRef<char>> inputs,
      llvm::ArrayRef<llvm::MutableArrayRef<char>> outputs) const = 0;
};

} // namespace cinch

#endif // CINCH_PASSES_COMMON_EVALUATOR_H
