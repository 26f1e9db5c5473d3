//===- KernelToLoops.h - loops of a generated kernel ----------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELTOLOOPS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELTOLOOPS_H

#include "lib/Lowering/KernelToLLVM/KernelFrame.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <algorithm>

namespace cinch {

/// The fewest tiles of `work` floating-point operations each that are worth a
/// thread: about ten microseconds. Waking one costs two of them where it spins,
/// and fifty where it sleeps.
inline constexpr int64_t worthwhileFlops = 1 << 20;
inline int64_t getGrain(int64_t work) {
  return std::max<int64_t>(1, worthwhileFlops / std::max<int64_t>(work, 1));
}
/// A grain that only the sizes of a run decide: lower-exec computes it from the
/// operations of the whole kernel.
inline constexpr int64_t grainByFlops = 0;

/// Emits the functions of kernel body `body` at the builder, by inlining its
/// elementwise operations into loops over its results. `shared[i]`: argument i
/// may share its buffer. `reference`: one tile, loops in program order. Returns
/// the grain (fewest tiles worth a thread), or failure after a diagnostic.
mlir::FailureOr<int64_t> emitKernelLoops(mlir::OpBuilder &builder,
                                         mlir::func::FuncOp body,
                                         llvm::ArrayRef<bool> shared,
                                         bool reference);

class MicrokernelTable;
/// The same for a body of kind "contraction": tiles over microkernels, which
/// are added to `microkernels`, or loops where they do not apply.
mlir::FailureOr<int64_t> emitContraction(mlir::OpBuilder &builder,
                                         mlir::func::FuncOp body,
                                         llvm::ArrayRef<bool> shared,
                                         MicrokernelTable &microkernels);

/// The same, for a convolution whose filter is packed: taps over microkernels.
/// Others go to emitContraction.
mlir::FailureOr<int64_t> emitConvolution(mlir::OpBuilder &builder,
                                         mlir::func::FuncOp body,
                                         llvm::ArrayRef<bool> shared,
                                         MicrokernelTable &microkernels);

/// The same, for a convolution of each channel by itself: vectors of outputs
/// from a panel of input rows. Others go to emitConvolution.
mlir::FailureOr<int64_t> emitDepthwise(mlir::OpBuilder &builder,
                                       mlir::func::FuncOp body,
                                       llvm::ArrayRef<bool> shared,
                                       MicrokernelTable &microkernels);

/// The same, for a convolution of values in channel blocks: sums of products
/// over taps and blocks. Others go to emitDepthwise.
mlir::FailureOr<int64_t> emitBlockedConvolution(mlir::OpBuilder &builder,
                                                mlir::func::FuncOp body,
                                                llvm::ArrayRef<bool> shared,
                                                MicrokernelTable &microkernels);

/// The same for a body of kind "attention": blocks of queries against blocks of
/// keys, with the softmax in between computed on the way.
mlir::FailureOr<int64_t> emitAttention(mlir::OpBuilder &builder,
                                       mlir::func::FuncOp body,
                                       llvm::ArrayRef<bool> shared,
                                       MicrokernelTable &microkernels);

/// The same for a body of kind "loops": upstream bufferization in place, one
/// tile.
mlir::FailureOr<int64_t> emitBufferizedKernel(mlir::OpBuilder &builder,
                                              mlir::func::FuncOp body,
                                              llvm::ArrayRef<bool> shared);

/// Emits the "loops" body of `frame` at the builder, which is in a function of
/// its own, bufferized in place, and lowers the assertions of that function.
mlir::LogicalResult emitBufferizedBody(mlir::OpBuilder &builder,
                                       KernelFrame &frame);

/// Lowers the functions in `module` (arith, math, scf, memref, func, llvm) to
/// the llvm dialect alone. `run` runs a pipeline on `module`. `isDevice`: for a
/// GPU, where nothing can be called: nvvm operations stay as they are, and math
/// functions become polynomials or are refused.
mlir::LogicalResult convertToLLVM(
    mlir::ModuleOp module,
    llvm::function_ref<mlir::LogicalResult(mlir::OpPassManager &)> run,
    bool isDevice = false);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELTOLOOPS_H
