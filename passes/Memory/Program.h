//===- Program.h - steps, sizes and lifetimes of the entry program --------===//
//
// What the memory passes and lower-exec need to know of an exec program: the
// step at which each operation runs, the dimensions and bytes of each tensor as
// expressions over the symbols, and the step of the last read of each value.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_PASSES_MEMORY_PROGRAM_H
#define CINCH_PASSES_MEMORY_PROGRAM_H

#include "dialects/Exec/Exec.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace cinch::memory {

using plan::Expr;
using Dims = llvm::SmallVector<Expr, 4>;

/// A symbolic size and its inclusive range.
struct Symbol {
  std::string name;
  int64_t min = 0;
  std::optional<int64_t> max;
};

/// The function with `graph.entry`; an error on the module without exactly one.
llvm::FailureOr<mlir::func::FuncOp> getEntry(mlir::ModuleOp module);
/// The symbols of the entry's `graph.symbols`, in frame order.
llvm::FailureOr<std::vector<Symbol>> getSymbols(mlir::func::FuncOp entry);
/// Bytes of `count` elements, which have a place in memory: the last byte of
/// those that share bytes may hold fewer.
Expr getTensorBytes(mlir::Type elementType, const Expr &count);
/// An array of integers and expression texts; nullopt if an entry is neither.
std::optional<Dims> parseDims(mlir::ArrayAttr attribute);
/// Whether the body of `op` runs any number of times.
bool isLoop(mlir::Operation *op);
/// A tensor of `elementType` with `?` for every dimension that is not constant.
mlir::RankedTensorType getType(llvm::ArrayRef<Expr> dims,
                               mlir::Type elementType);
mlir::ArrayAttr getDimsAttr(mlir::MLIRContext *context,
                            llvm::ArrayRef<Expr> dims);

/// The analysed entry program. Invalid once the IR changes.
class Program {
public:
  /// Numbers the operations and derives dimensions; an error on the operation
  /// that has no place in an exec program.
  static llvm::FailureOr<Program> analyze(mlir::func::FuncOp entry);

  mlir::func::FuncOp getEntry() const { return entry; }
  llvm::ArrayRef<Symbol> getSymbols() const { return symbols; }
  /// Range of a symbol, for `Expr::bounds`.
  plan::Interval getRange(std::string_view symbol) const;

  /// The step at which `op` reads its operands (and writes its results, if it
  /// has no regions).
  int64_t getStep(mlir::Operation *op) const { return steps.lookup(op).first; }
  /// The step at which the results of an operation with regions exist.
  int64_t getEndStep(mlir::Operation *op) const {
    return steps.lookup(op).second;
  }
  /// The step from which `value` exists.
  int64_t getFirst(mlir::Value value) const;
  /// The last step that reads `value`; a value from outside a loop that is read
  /// inside is read until the loop ends. At least `getFirst`.
  int64_t getLast(mlir::Value value) const;
  int64_t getNumSteps() const { return numSteps; }

  llvm::ArrayRef<Expr> getDims(mlir::Value value) const;
  /// Bytes of a tensor value.
  Expr getBytes(mlir::Value value) const;
  /// ONNX name of a value, for people.
  std::string getName(mlir::Value value) const;
  /// Every tensor value in program order: arguments, results, block arguments.
  llvm::ArrayRef<mlir::Value> getTensors() const { return tensors; }

private:
  llvm::LogicalResult visit(mlir::Block &block);
  llvm::LogicalResult visit(mlir::Operation &op);
  llvm::LogicalResult setDims(mlir::Value value, Dims dims);
  llvm::LogicalResult setFromDimsAttr(mlir::Operation &op);
  llvm::LogicalResult setDimsOf(mlir::ValueRange to, mlir::ValueRange from);
  llvm::LogicalResult visitRegions(mlir::Operation &op);

  mlir::func::FuncOp entry;
  std::vector<Symbol> symbols;
  llvm::DenseMap<mlir::Operation *, std::pair<int64_t, int64_t>> steps;
  llvm::DenseMap<mlir::Value, int64_t> argumentSteps;
  llvm::DenseMap<mlir::Value, Dims> dims;
  llvm::SmallVector<mlir::Value> tensors;
  int64_t numSteps = 0;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_PROGRAM_H
