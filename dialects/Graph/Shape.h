//===- Shape.h - symbolic shapes ------------------------------------------===//
//
// What the shape interface of the graph operations talks about: the dimensions
// of a value as expressions over symbols, and the contents of small integer
// tensors, through which models compute shapes.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_DIALECTS_GRAPH_SHAPE_H
#define CINCH_DIALECTS_GRAPH_SHAPE_H

#include "dialects/Graph/Unsupported.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "runtime/Plan/Expr.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace cinch::graph {

using Dims = llvm::SmallVector<plan::Expr, 4>;

/// What is known of one value.
struct ValueShape {
  Dims dims;
  /// The elements in row-major order, where the value is an integer (or bool)
  /// tensor of few elements and each is an expression; nullopt if unknown.
  std::optional<llvm::SmallVector<plan::Expr, 4>> contents;
};

/// Largest number of elements whose contents are tracked.
constexpr int64_t maxTrackedElements = 64;

/// Operand shapes in, result shapes out, of one operation.
struct ShapeContext {
  mlir::Operation *op;
  llvm::SmallVector<ValueShape, 4> operands; ///< one per operand
  llvm::SmallVector<ValueShape, 1> results;  ///< to fill: one per result
  /// Makes a symbol for a dimension that only the data decides; `hint` becomes
  /// part of its name.
  llvm::function_ref<plan::Expr(llvm::StringRef hint)> freshSymbol;
  /// Records that `expression` must be zero for the program to be valid with
  /// the sizes of a run; checked before the run. `message` says what it means.
  llvm::function_ref<void(plan::Expr expression, llvm::StringRef message)>
      requireZero;
  /// The values that a symbol may have.
  llvm::function_ref<plan::Interval(std::string_view symbol)> bounds;
  /// Set by the verifier, which knows no more than the types: dimensions that
  /// depend on unknown contents are then taken from the result type.
  bool verifying = false;

  mlir::InFlightDiagnostic emitError() { return op->emitOpError(); }
  /// The same where the operands may fit, but their shapes cannot be derived.
  mlir::InFlightDiagnostic emitUnsupported() {
    return markUnsupported(op->emitOpError());
  }
};

/// Product of the dimensions.
plan::Expr countElements(llvm::ArrayRef<plan::Expr> dims);
/// numpy broadcast of two shapes. Dimensions that may or may not be 1 at run
/// time give max(a, b) and a requirement; nullopt if they can never agree.
std::optional<Dims> broadcastDims(llvm::ArrayRef<plan::Expr> a,
                                  llvm::ArrayRef<plan::Expr> b,
                                  ShapeContext &context);
/// `tensor<...x elementType>` with `?` for every dimension that is not
/// constant.
mlir::RankedTensorType getTensorType(llvm::ArrayRef<plan::Expr> dims,
                                     mlir::Type elementType);
/// Text of the dims for a message: `[batch, 3, 4*seq]`.
std::string toString(llvm::ArrayRef<plan::Expr> dims);
/// Dims attribute (ArrayAttr of i64 or expression text) to expressions and
/// back.
mlir::ArrayAttr getDimsAttr(mlir::MLIRContext *context,
                            llvm::ArrayRef<plan::Expr> dims);
std::optional<Dims> parseDimsAttr(mlir::ArrayAttr attribute);

/// True if `expression` is never negative for symbols within their bounds.
bool isNonNegative(const plan::Expr &expression, const ShapeContext &context);
/// True if `a` can equal `b`; records the requirement where only the sizes of a
/// run decide.
bool requireEqual(const plan::Expr &a, const plan::Expr &b,
                  ShapeContext &context, llvm::StringRef message);
/// The static sizes; nullopt if a dimension is not constant.
std::optional<llvm::SmallVector<int64_t, 4>>
getStaticDims(llvm::ArrayRef<plan::Expr> dims);
/// True for the value of an overflow or of a division by zero.
bool isUndefined(const plan::Expr &expression);

namespace detail {
/// Verifier of the shape interface: runs it on the operand types and compares
/// with the result types.
llvm::LogicalResult verifyShapes(mlir::Operation *op);
} // namespace detail

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_SHAPE_H
