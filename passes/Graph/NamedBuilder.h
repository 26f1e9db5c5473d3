//===- NamedBuilder.h - building named graph operations -------------------===//
#ifndef CINCH_PASSES_GRAPH_NAMEDBUILDER_H
#define CINCH_PASSES_GRAPH_NAMEDBUILDER_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/ShapeInference.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"
#include <string>

namespace cinch::graph {

/// Creates named graph operations with inferred types. Names derive from one
/// base: `base/piece`, `base/piece_1`, ...
class NamedBuilder {
public:
  /// Operations go before `op`; `base` must be a name that only `op` has.
  NamedBuilder(mlir::Operation *op, llvm::StringRef base,
               ShapeInference &inference)
      : builder(op), loc(op->getLoc()), constantPoint(op), base(base),
        inference(inference) {}

  /// Creates an operation of one result from operands and attributes.
  template <typename OpTy, typename... Args>
  mlir::Value make(llvm::StringRef piece, mlir::Type elementType,
                   Args &&...args) {
    return finish(OpTy::create(builder, loc,
                               mlir::UnrankedTensorType::get(elementType),
                               std::forward<Args>(args)...),
                  piece);
  }
  /// Creates an element-wise operation with the element type of its operands.
  template <typename OpTy>
  mlir::Value unary(llvm::StringRef piece, mlir::Value input) {
    return make<OpTy>(piece, getElementType(input), input);
  }
  template <typename OpTy>
  mlir::Value binary(llvm::StringRef piece, mlir::Value lhs, mlir::Value rhs) {
    return make<OpTy>(piece, getElementType(lhs), lhs, rhs);
  }
  /// lhs [..., M, K] times the transposed rhs [N, K].
  mlir::Value matmulTransposed(llvm::StringRef piece, mlir::Value lhs,
                               mlir::Value rhs);
  /// Constants go before `op` from now on, whatever the insertion point.
  void setConstantPoint(mlir::Operation *op) { constantPoint = op; }
  mlir::Value constant(llvm::StringRef piece, mlir::TypedAttr value);
  mlir::Value integers(llvm::StringRef piece, llvm::ArrayRef<int64_t> elements);
  mlir::Value scalar(double value, mlir::Type elementType);
  /// Elements [begin, end) of `axis`.
  mlir::Value slice(llvm::StringRef piece, mlir::Value input, int64_t axis,
                    int64_t begin, int64_t end);
  /// Rows [begin, end) of `input[index]`, of an operand [D, R, ...]; of a
  /// constant a constant.
  mlir::Value takeRows(llvm::StringRef piece, mlir::Value input, int64_t index,
                       int64_t begin, int64_t end);
  /// Zeros in the shape `dims`, a tensor of each being found by `shape` where
  /// it is dynamic.
  mlir::Value zeros(llvm::StringRef piece, mlir::Type elementType,
                    llvm::ArrayRef<mlir::Value> sizes,
                    llvm::ArrayRef<int64_t> staticSizes);

  static mlir::Type getElementType(mlir::Value value) {
    return mlir::cast<mlir::TensorType>(value.getType()).getElementType();
  }
  bool hasFailed() const { return failedToInfer; }

  mlir::OpBuilder builder;
  mlir::Location loc;

private:
  mlir::Value finish(mlir::Operation *op, llvm::StringRef piece);
  std::string makeName(llvm::StringRef piece);

  mlir::Operation *constantPoint;
  std::string base;
  ShapeInference &inference;
  llvm::StringSet<> names;
  bool failedToInfer = false;
};

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_NAMEDBUILDER_H
