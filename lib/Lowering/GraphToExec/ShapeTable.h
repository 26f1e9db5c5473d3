//===- ShapeTable.h - what is known of the values of a function
//--------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_SHAPETABLE_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_SHAPETABLE_H

#include "dialects/Graph/Graph.h"
#include "passes/Common/SymbolicShape.h"

namespace cinch::form {

/// Shapes, contents and constants of graph values, by value.
class ShapeTable {
public:
  explicit ShapeTable(const SymbolicShapeAnalysis &analysis)
      : analysis(analysis) {}
  const graph::ValueShape &get(mlir::Value value) const {
    return *analysis.get(value);
  }

  /// The contents of a small integer tensor, if derived.
  std::optional<llvm::ArrayRef<plan::Expr>> contents(mlir::Value value) const;
  /// The constant contents of an integer tensor, if derived.
  std::optional<llvm::SmallVector<int64_t>> constants(mlir::Value value) const;
  /// The dense attribute of a constant; null for others and for weight
  /// references.
  static mlir::DenseElementsAttr dense(mlir::Value value);
  /// The one element, of signless type, of a constant that is the same
  /// everywhere.
  static mlir::TypedAttr splat(mlir::Value value);

private:
  const SymbolicShapeAnalysis &analysis;
};

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_SHAPETABLE_H
