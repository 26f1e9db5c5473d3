//===- FewBits.h - where values are rounded and widened -------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_FEWBITS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_FEWBITS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace cinch::form {

/// Lets what is stored be the few bits. Conversions of elements of at most 16
/// bits to f32 move to what reads them: each reader has its own, behind
/// reshapes and lookups, and computes it in place. Rounding moves to the matmul
/// whose heads are joined in front of it.
void placeFewBits(mlir::func::FuncOp function);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_FEWBITS_H
