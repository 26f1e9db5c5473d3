//===- AttentionPlan.h - how an attention becomes blocks ------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_ATTENTIONPLAN_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_ATTENTIONPLAN_H

#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"

namespace cinch {

/// The parts of result[batch, row, column] = sum over keys of
/// softmax(logits)[batch, row, key] * values[batch, key, column], where the
/// logits are computed element by element from
/// scores[batch, row, key] = sum over depth of queries * keys.
/// Loops of both contractions: the batch, the row, the key or column, and last
/// what is summed over.
struct AttentionPlan {
  mlir::linalg::GenericOp scores, product;
  mlir::Value logits;
  unsigned numBatch = 0; ///< loops in front of the row
  /// Per parallel loop of `product`: the dimension of the space.
  llvm::SmallVector<unsigned> dimOfLoop;

  int64_t headSize = 0, valueSize = 0; ///< sizes of depth and columns
  /// Rows and keys of a batch entry, where they are static.
  std::optional<int64_t> numRows, numKeys;
  /// How many neighbours along the last loop of the batch (heads, for grouped
  /// queries) share a tile, because they read the same keys and values.
  int64_t groupSize = 1;
  /// Elements between neighbouring keys where keys (values) are read in place;
  /// else blocks of them are packed.
  std::optional<int64_t> keyStride, valueStride;

  int64_t blockKeys = 0;
  /// Rows per tile, those of all heads of a group counted, ascending: the first
  /// that holds all rows is used, the last where there are more.
  llvm::SmallVector<int64_t> blockRows;

  /// Whether the rows of one query are neighbours in a tile of `blockRows`
  /// rows; else those of one head are.
  bool areHeadsInside(int64_t blockRows) const {
    return groupSize != 1 && blockRows / groupSize < 8;
  }
  /// The most rows of one head in a tile.
  int64_t getHeadRows() const { return blockRows.back() / groupSize; }
  mlir::OpOperand *getQueries() { return scores.getDpsInputOperand(0); }
  mlir::OpOperand *getKeys() { return scores.getDpsInputOperand(1); }
  mlir::OpOperand *getValues() { return product.getDpsInputOperand(1); }

  /// The plan of the kernel; nullopt where the body is not of this form.
  static std::optional<AttentionPlan> compute(const KernelSchedule &schedule);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_ATTENTIONPLAN_H
