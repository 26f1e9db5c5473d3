//===- KernelBody.h - building the function of a kernel -------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_KERNELBODY_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_KERNELBODY_H

#include "dialects/Graph/Graph.h"
#include "lib/Lowering/GraphToExec/Scalars.h"
#include "lib/Lowering/GraphToExec/ShapeTable.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AffineMap.h"

namespace cinch::form {

using graph::Dims;
using plan::Expr;

/// How a body may be lowered; see the description of form-kernels.
enum class KernelKind { Generic, Contraction, Attention, Loops };

/// A tensor inside a body: a value, or one number everywhere.
struct Tensor {
  mlir::Value value;     ///< null for a splat
  mlir::TypedAttr splat; ///< of the signless element type
  Dims dims;
  mlir::Type element; ///< with sign, as in the graph

  size_t rank() const { return dims.size(); }
  bool isUnsigned() const {
    return element.isUnsignedInteger() || element.isInteger(1);
  }
  mlir::Type signless() const { return dropSign(element); }
};

/// An operand of a generic and where it is read.
struct Operand {
  Tensor tensor;
  mlir::AffineMap map;
};

/// Builds the function of one kernel: destination arguments, sizes, generics.
class KernelBody {
public:
  using Results = llvm::SmallVector<mlir::Value, 2>;
  /// Scalars of the inputs, then the current ones of the outputs, to new ones.
  using GenericFn = llvm::function_ref<Results(Scalars &, mlir::ValueRange ins,
                                               mlir::ValueRange outs)>;
  using ElementFn =
      llvm::function_ref<mlir::Value(Scalars &, mlir::ValueRange ins)>;
  using IndexedFn =
      llvm::function_ref<mlir::Value(Scalars &, mlir::ValueRange indices)>;

  /// Starts a body that reads the graph values `inputs` and makes `results`.
  KernelBody(mlir::Location loc, const ShapeTable &shapes,
             llvm::ArrayRef<mlir::Value> inputs,
             llvm::ArrayRef<mlir::Value> results);
  /// Ends the body: returns the results. The function is not in a module.
  mlir::func::FuncOp finish();
  ~KernelBody();

  // -- Graph values
  // -------------------------------------------------------------
  const ShapeTable &getShapes() const { return shapes; }
  llvm::ArrayRef<Expr> dims(mlir::Value graphValue) const {
    return shapes.get(graphValue).dims;
  }
  /// The tensor of an input, of a constant, or of a value defined before.
  Tensor tensor(mlir::Value graphValue) const;
  /// Where the elements of a graph value go: its destination, or an empty
  /// tensor.
  mlir::Value destination(mlir::Value graphValue);
  void define(mlir::Value graphValue, mlir::Value tensor);
  bool isDefined(mlir::Value graphValue) const {
    return tensors.count(graphValue);
  }

  // -- Sizes and temporaries
  // ----------------------------------------------------
  /// `expression` as an index: a constant, a dimension of an argument, or a new
  /// scalar argument.
  mlir::Value size(const Expr &expression);
  Tensor empty(llvm::ArrayRef<Expr> dims, mlir::Type element);
  /// `out` with every element set.
  mlir::Value fill(mlir::Value out, mlir::TypedAttr value);
  /// The expressions of the scalar arguments.
  llvm::ArrayRef<Expr> getScalars() const { return scalars; }

  // -- Run-time failures
  // --------------------------------------------------------
  /// The number of an assertion that fails the run with `message`.
  unsigned addFault(std::string message);
  /// Emits, inside a region, the assertion number `fault` (of `addFault`): the
  /// run fails unless the i1 `holds`; the code behind it still runs.
  void assertThat(Scalars &s, mlir::Value holds, unsigned fault);
  /// The messages of the assertions, by number.
  llvm::ArrayRef<std::string> getFaults() const { return faults; }

  // -- Generics
  // -----------------------------------------------------------------
  Results generic(llvm::ArrayRef<Operand> ins, mlir::ValueRange outs,
                  llvm::ArrayRef<mlir::AffineMap> outMaps,
                  llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                  GenericFn fn);
  /// One parallel generic over `resultDims` into `out`; operands broadcast as
  /// in numpy.
  mlir::Value elementwise(llvm::ArrayRef<Tensor> ins,
                          llvm::ArrayRef<Expr> resultDims, mlir::Value out,
                          ElementFn fn);
  /// One parallel generic whose elements are computed from their indices.
  mlir::Value indexed(size_t rank, mlir::Value out, IndexedFn fn);
  /// Reads an element inside a region.
  mlir::Value read(Scalars &s, const Tensor &tensor,
                   mlir::ValueRange indices) const;
  /// Reads the element that broadcasts to position `indices` of a result of
  /// `resultDims`.
  mlir::Value readBroadcast(Scalars &s, const Tensor &tensor,
                            llvm::ArrayRef<Expr> resultDims,
                            mlir::ValueRange indices);
  /// Map from loops 0..rank-1 to the dimensions of a tensor that broadcasts to
  /// `resultDims`; nullopt if a dimension may or may not be 1.
  std::optional<mlir::AffineMap> broadcastMap(llvm::ArrayRef<Expr> dims,
                                              llvm::ArrayRef<Expr> resultDims);

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }
  mlir::MLIRContext *getContext() const { return builder.getContext(); }
  Scalars scalarsAtTop() { return Scalars(builder, loc); }
  void setLoc(mlir::Location newLoc) { loc = newLoc; }

  KernelKind kind = KernelKind::Generic;
  /// An operation may write part of a result that lies over its input.
  bool mayUpdate = false;
  /// Whether a float that is narrowed is rounded where it is stored only.
  bool roundsAtStore = false;

private:
  mlir::OpBuilder builder;
  mlir::Location loc;
  const ShapeTable &shapes;
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::Value> inputs, results;
  llvm::DenseMap<mlir::Value, Tensor> tensors;
  llvm::DenseMap<mlir::Value, mlir::Value> destinations;
  llvm::SmallVector<Expr> scalars;
  llvm::SmallVector<std::string> faults;
  llvm::SmallVector<std::pair<Expr, mlir::Value>> sizes;
};

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_KERNELBODY_H
