//===- ConvolutionGain.h - what channel blocks save -----------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_CONVOLUTIONGAIN_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_CONVOLUTIONGAIN_H

#include "lib/Lowering/KernelToLLVM/BlockedConvolutionPlan.h"

namespace cinch {

/// The convolution in `body`: the one reduction that multiplies, with windows.
mlir::linalg::GenericOp findConvolution(mlir::func::FuncOp body);
/// The argument behind the input of the convolution `op`, through padding.
mlir::BlockArgument findConvolved(mlir::linalg::GenericOp op);
/// The time, in nanoseconds of one thread, that `plan` saves over the lowering
/// of row-major values; `writesAcross`: its result is row-major.
double getGain(BlockedConvolutionPlan &plan, bool writesAcross);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_CONVOLUTIONGAIN_H
