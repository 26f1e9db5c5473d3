//===- ShapeInference.h - running the shape interface ---------------------===//
#ifndef CINCH_DIALECTS_GRAPH_SHAPEINFERENCE_H
#define CINCH_DIALECTS_GRAPH_SHAPEINFERENCE_H

#include "dialects/Graph/Shape.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <string>
#include <vector>

namespace cinch::graph {

/// Something that must hold for the sizes of a run: `zero` evaluates to 0.
struct Requirement {
  plan::Expr zero;
  std::string message;
};

/// Shapes of the values of one function, filled operation by operation in
/// program order. Used by the importer while it builds and by
/// `SymbolicShapeAnalysis` afterwards.
class ShapeInference {
public:
  /// With `refineTypes`, `infer` sets the result types from the shapes; else
  /// types stay as they are.
  explicit ShapeInference(bool refineTypes = true) : refineTypes(refineTypes) {}

  /// Declares a value whose shape is given: a function argument, a constant.
  void set(mlir::Value value, ValueShape shape);
  /// Infers and stores the shapes of the results of `op`, whose operands are
  /// known. Result types are refined in place: same element type, dimensions
  /// from the shapes (an unranked result type is legal before); a dimension
  /// that is static in the type is kept and becomes a requirement. Of `scf.if`,
  /// whose branches must have been inferred, results have the dimensions in
  /// which both branches agree; other operations without the interface need
  /// static results. Emits an error and fails when operands do not fit.
  llvm::LogicalResult infer(mlir::Operation *op);
  /// The shape of a known value; nullptr if never set.
  const ValueShape *get(mlir::Value value) const;

  /// Dimensions in which `a` and `b` agree are kept, others become fresh
  /// symbols; nullopt if the ranks differ. Contents are kept if equal.
  std::optional<ValueShape> join(const ValueShape &a, const ValueShape &b,
                                 llvm::StringRef hint);

  /// Bounds of a symbol, which help to decide comparisons; [0, infinity) by
  /// default.
  void setBounds(llvm::StringRef symbol, plan::Interval interval);
  plan::Interval getBounds(llvm::StringRef symbol) const;

  /// Makes a symbol that is not in use: `hint`, made a C identifier and unique.
  plan::Expr makeSymbol(llvm::StringRef hint);
  /// Makes a symbol whose value is known only while running.
  plan::Expr makeDataSymbol(llvm::StringRef hint);
  /// Reserves a symbol name given from outside.
  void reserveSymbol(llvm::StringRef name);
  llvm::ArrayRef<Requirement> getRequirements() const { return requirements; }
  /// Symbols made by `makeDataSymbol` or during `infer`, in order.
  llvm::ArrayRef<std::string> getDataSymbols() const { return dataSymbols; }

private:
  llvm::LogicalResult finish(mlir::Operation *op, unsigned result,
                             ValueShape shape);

  bool refineTypes;
  llvm::DenseMap<mlir::Value, ValueShape> shapes;
  std::vector<Requirement> requirements;
  std::vector<std::string> dataSymbols;
  llvm::StringSet<> symbols;
  llvm::StringMap<plan::Interval> symbolBounds;
};

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_SHAPEINFERENCE_H
