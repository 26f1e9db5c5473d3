//===- AttentionGroups.h - attention written out ----------------*- C++ -*-===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_ATTENTIONGROUPS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_ATTENTIONGROUPS_H

#include "lib/Lowering/GraphToExec/ShapeTable.h"

namespace cinch::form {

/// The operations of an attention that ends in `product`: the matmul of queries
/// and keys, what is done to each score (scale, mask, bias), the softmax along
/// the keys, and `product` itself, the matmul of weights and values. Every
/// result but the last is used in the attention alone. Empty if `product` does
/// not end one that the kernel `attention` computes: float32, static head sizes
/// of at most 256.
llvm::SmallVector<mlir::Operation *>
findAttention(graph::MatmulOp product, const ShapeTable &shapes,
              const llvm::DenseSet<mlir::Operation *> &live);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_ATTENTIONGROUPS_H
