//===- CausalMask.h - keys that no query of a block looks at --------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CAUSALMASK_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CAUSALMASK_H

#include "lib/Lowering/KernelToLLVM/AttentionPlan.h"

namespace cinch {

/// The logits of query `i` are minus infinity for all keys after `i + offset`.
struct CausalMask {
  /// The offset is `constant`, more by the number of keys less that of queries
  /// if `isAtEnd`.
  bool isAtEnd = false;
  int64_t constant = 0;

  bool operator==(const CausalMask &other) const {
    return isAtEnd == other.isAtEnd && constant == other.constant;
  }
};

/// The mask of attention `body` in all of its `calls`, where it follows from
/// how it is computed: from constants, positions and sizes, in `body` or in the
/// kernels in front of it. Nullopt for masks that a caller gives.
std::optional<CausalMask> findCausalMask(mlir::func::FuncOp body,
                                         AttentionPlan &plan,
                                         llvm::ArrayRef<exec::KernelOp> calls);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CAUSALMASK_H
