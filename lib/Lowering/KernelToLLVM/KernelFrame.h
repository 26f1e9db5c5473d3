//===- KernelFrame.h - the arguments of a kernel inside emitted code ------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELFRAME_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELFRAME_H

#include "dialects/Exec/Exec.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace cinch {

/// A tensor argument in memory: in the order of its encoding, and contiguous
/// but for the rows of a state (exec.rows).
struct TensorArgument {
  mlir::Value address;                  ///< !llvm.ptr
  mlir::SmallVector<mlir::Value> sizes; ///< index, constants where static
  /// Sizes in memory: `sizes`, but for the rows that a state has room for.
  mlir::SmallVector<mlir::Value> extents;
  mlir::SmallVector<mlir::Value>
      strides;           ///< index, in elements; made on demand
  int64_t alignment = 1; ///< bytes that `address` is known to be a multiple of
};

/// The arguments of kernel body `body` as values of one emitted function.
struct KernelFrame {
  mlir::func::FuncOp body;
  /// Per argument of `body`; empty for scalars.
  mlir::SmallVector<TensorArgument> tensors;
  /// Per argument of `body`; null for tensors.
  mlir::SmallVector<mlir::Value> scalars;
  mlir::Value microkernels; ///< !llvm.ptr, null in the tile counter
  mlir::Value begin, end;   ///< index, null in the tile counter
  /// Where `body` has assertions: the fault word of the run (!llvm.ptr) and the
  /// number of the first assertion of this call (index).
  mlir::Value fault, firstFault;
  /// Where `body` continues a state (exec.append): the first row of the result
  /// that is to be written (index) and the axis of the rows.
  mlir::Value firstRow;
  int64_t rowAxis = -1;
};

/// Calls `word(isAddress)` per argument word of `body`, in order.
void forEachWord(mlir::func::FuncOp body,
                 llvm::function_ref<void(bool isAddress)> word);
/// Tells LLVM about the addresses of the tensors in `function`, whose first
/// arguments are the words of `body`: nothing else points to one that is not
/// `shared`, and each is a multiple of its element of `alignments`, in bytes,
/// unless there are none.
void describeAddresses(mlir::func::FuncOp function, mlir::func::FuncOp body,
                       llvm::ArrayRef<bool> shared,
                       llvm::ArrayRef<int64_t> alignments = {});
/// The frame of `body` whose words are `words` (pointers or index values).
KernelFrame makeFrame(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::func::FuncOp body, mlir::ValueRange words);

/// The functions emitted for one kernel body, in a module of their own:
/// `name(args, microkernels, begin, end)` loads the argument words and calls
/// `name.body`, whose pointers are noalias unless they may share a buffer;
/// `name.tiles(args)` returns the number of tiles.
class KernelFunctions {
public:
  /// `shared[i]`: argument i may have the address of another argument.
  KernelFunctions(mlir::OpBuilder &builder, mlir::func::FuncOp body,
                  llvm::ArrayRef<bool> shared);

  /// Starts `name.body`: the builder is in its entry block, after the frame.
  KernelFrame beginBody();
  /// Starts `name.tiles`, to be ended with `endTiles`.
  KernelFrame beginTiles();
  void endTiles(mlir::Value numTiles);

private:
  mlir::OpBuilder &builder;
  mlir::func::FuncOp body;
  llvm::SmallVector<bool> shared;
  mlir::Location loc;
  mlir::func::FuncOp tiles;
};

/// Per argument of `body`: may one of the calls `users` give it the buffer of
/// another argument?
llvm::SmallVector<bool>
getSharedArguments(mlir::func::FuncOp body,
                   llvm::ArrayRef<exec::KernelOp> users);
/// Fails, with an error, unless `body` has one block and an `exec.kind` that
/// kernels are lowered by.
mlir::LogicalResult checkKernelBody(mlir::func::FuncOp body);
/// The axis of the rows of argument number `argument` of `body`, or -1.
int64_t getRowAxis(mlir::func::FuncOp body, unsigned argument);
/// True if `body` has assertions, so that its calls may fail a run.
bool mayFail(mlir::func::FuncOp body);
/// Replaces the assertions in `function`, which was emitted for `frame.body`:
/// one that does not hold leaves its number in the fault word, if that has none
/// that is smaller. So the first assertion of the program that fails is what is
/// reported, for any number of threads.
mlir::LogicalResult lowerAssertions(mlir::func::FuncOp function,
                                    const KernelFrame &frame);

/// The type of `type` in memory of its own: integers below a byte take one. In
/// the arguments of kernels those of 2 and 4 bits share bytes (graph::isPacked,
/// PackedElements.cpp).
mlir::Type getMemoryType(mlir::Type type);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELFRAME_H
