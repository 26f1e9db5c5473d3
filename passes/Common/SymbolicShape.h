//===- SymbolicShape.h - dimensions of every value of a function ----------===//
#ifndef CINCH_PASSES_COMMON_SYMBOLICSHAPE_H
#define CINCH_PASSES_COMMON_SYMBOLICSHAPE_H

#include "dialects/Graph/ShapeInference.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace cinch {

/// The dimensions of every value of a function of graph (and scf) operations,
/// as expressions over its symbols. What cost, kernels, plan and report read.
class SymbolicShapeAnalysis {
public:
  /// Starts from `graph.dims` of the arguments and the bounds in
  /// `graph.symbols` (a dynamic dimension of an argument without dims gets a
  /// symbol of its own), and visits operations in order. Of `scf.if`,
  /// dimensions in which the branches agree are kept; of loops, those that no
  /// iteration changes; others get a fresh symbol. Types are not changed. Emits
  /// an error and fails where operands do not fit or a shape depends on unknown
  /// data.
  static llvm::FailureOr<SymbolicShapeAnalysis>
  compute(mlir::func::FuncOp function);

  /// What is known of a tensor value; nullptr for a value of another function.
  const graph::ValueShape *get(mlir::Value value) const {
    return inference.get(value);
  }
  /// Dimensions of a tensor value of the function.
  llvm::ArrayRef<plan::Expr> getDims(mlir::Value value) const {
    return get(value)->dims;
  }

  /// The range of a symbol, [0, infinity) unless the function says more.
  plan::Interval getBounds(llvm::StringRef symbol) const {
    return inference.getBounds(symbol);
  }
  /// What must hold for the sizes of a run.
  llvm::ArrayRef<graph::Requirement> getRequirements() const {
    return inference.getRequirements();
  }
  /// Symbols whose value is known only while running.
  llvm::ArrayRef<std::string> getDataSymbols() const {
    return inference.getDataSymbols();
  }

private:
  llvm::LogicalResult seed(mlir::func::FuncOp function);
  llvm::LogicalResult visit(mlir::Block &block);
  llvm::LogicalResult visitLoop(mlir::Operation *loop);

  graph::ShapeInference inference{/*refineTypes=*/false};
};

} // namespace cinch

#endif // CINCH_PASSES_COMMON_SYMBOLICSHAPE_H
