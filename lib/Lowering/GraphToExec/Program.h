//===- Program.h - writing the exec program -------------------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_PROGRAM_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_PROGRAM_H

#include "dialects/Exec/Exec.h"
#include "lib/Lowering/GraphToExec/FormGroups.h"
#include "lib/Lowering/GraphToExec/KernelBody.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace cinch::form {

/// The kernel functions of a module; equal bodies are kept once.
class KernelLibrary {
public:
  explicit KernelLibrary(mlir::ModuleOp module)
      : module(module), symbols(module) {}
  /// Takes over `body`, or erases it in favour of an equal one; returns the one
  /// to call.
  mlir::func::FuncOp insert(mlir::func::FuncOp body, llvm::StringRef name);

private:
  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  llvm::StringMap<mlir::func::FuncOp> byText;
};

/// A group with its function, ready to be called.
struct FormedKernel {
  Group group;
  mlir::func::FuncOp body; ///< owned until it is in a library
  std::string name;
  llvm::SmallVector<std::string> faults;
  llvm::SmallVector<Expr> scalars;
  llvm::SmallVector<std::pair<unsigned, unsigned>> inPlace;
  /// Results that are written in part: the inputs that they must lie over.
  llvm::SmallVector<std::pair<unsigned, unsigned>> updates;
  Expr flops;
};

/// Rewrites one function from graph to exec.
class ProgramWriter {
public:
  ProgramWriter(mlir::func::FuncOp function,
                const SymbolicShapeAnalysis &analysis, bool fuse)
      : function(function), analysis(analysis), shapes(analysis), fuse(fuse) {}

  /// Builds the bodies of all kernels; on failure has reported every operation
  /// that cannot be lowered, and the function is as before.
  mlir::LogicalResult formKernels();
  /// Replaces the graph operations.
  void write(KernelLibrary &library);

private:
  void findLive();
  void needed(mlir::Value value);
  mlir::LogicalResult checkTypes();
  mlir::LogicalResult formKernel(Group group);

  void writeBlock(mlir::Block &block, KernelLibrary &library);
  void writeKernel(FormedKernel &kernel, KernelLibrary &library);
  void writeLoop(mlir::Operation *loop);
  void writeReturns(mlir::Operation *terminator);
  void writeScalarRead(mlir::Operation *op);
  void dropSigns();
  mlir::Value materialize(mlir::Value value);
  mlir::Value materializeIndex(mlir::Value index);
  mlir::Value copy(mlir::OpBuilder &builder, mlir::Value value,
                   mlir::ArrayAttr dims, mlir::Attribute name);
  mlir::ArrayAttr getDims(mlir::ValueRange values);

  mlir::func::FuncOp function;
  const SymbolicShapeAnalysis &analysis;
  ShapeTable shapes;
  bool fuse;
  llvm::DenseSet<mlir::Operation *> live;
  llvm::DenseMap<mlir::Operation *, FormedKernel> kernels; ///< by root
  llvm::DenseMap<mlir::Value, mlir::Value>
      written; ///< graph value to exec value
  llvm::SmallVector<mlir::Operation *> replaced;
  unsigned numSteps = 0;
};

/// The pairs [input, result] of a body that may share a buffer: every read of
/// the input is at the place of the element that is written, or in a row
/// statistic of the row that is written. Of an attention, whose scores and
/// result are `products` (else empty), also the queries, where a row of them is
/// at the place of the row of the result: a tile reads its queries before it
/// writes, and no others.
llvm::SmallVector<std::pair<unsigned, unsigned>>
findInPlacePairs(mlir::func::FuncOp body, unsigned numInputs,
                 llvm::ArrayRef<mlir::Value> products);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_PROGRAM_H
