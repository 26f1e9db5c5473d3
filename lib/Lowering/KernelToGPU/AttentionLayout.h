//===- AttentionLayout.h - how a block computes an attention --------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONLAYOUT_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONLAYOUT_H

#include "lib/Lowering/KernelToGPU/MatrixFragments.h"
#include "lib/Lowering/KernelToLLVM/AttentionPlan.h"

namespace cinch {

/// Which part of the scores each thread computes, and where the operands are in
/// shared memory. Warps are arranged as [keyWarps, rowWarps]: those along the
/// rows share keys; those along the keys have the same rows, and their results
/// are combined at the end. In a step a warp multiplies `warpRows` rows by
/// `warpKeys` keys.
///
/// Of a warp a thread holds with tensor cores, g = lane / 4 and t = lane % 4,
/// the rows g + 8 i, the keys 2 t + 8 (j / 2) + j % 2 and the same of the
/// columns of the result; without, g = lane / 8 and t = lane % 8, the rows
/// g + 4 i, the keys t + 8 j and the columns 4 t + 32 (c / 4) + c % 4.
struct AttentionLayout {
  /// The type of the tiles: f16 or bf16 for tensor cores, else f32.
  mlir::Type element;
  bool usesMatrices = false;
  int64_t rowWarps = 0, keyWarps = 0, warpRows = 0, warpKeys = 0;
  int64_t depth = 0, width = 0; ///< sizes of the heads, padded with zeros

  MatrixKind getKind() const {
    return element.isF16() ? MatrixKind::F16 : MatrixKind::BF16;
  }
  int64_t getRows() const { return rowWarps * warpRows; }
  int64_t getKeys() const { return keyWarps * warpKeys; }
  int64_t getThreads() const { return 32 * rowWarps * keyWarps; }
  /// Of a thread.
  int64_t getThreadRows() const { return warpRows / (usesMatrices ? 8 : 4); }
  int64_t getThreadKeys() const { return warpKeys / (usesMatrices ? 4 : 8); }
  int64_t getThreadColumns() const { return width / (usesMatrices ? 4 : 8); }
  /// Lanes that hold parts of one row.
  int64_t getRowLanes() const { return usesMatrices ? 4 : 8; }
  /// Matrix instructions of a block and step.
  int64_t getMatrixOps() const;
  /// Fragments of the queries stay in registers.
  bool keepsQueries() const { return usesMatrices && depth <= 128; }

  // Shared memory: elements between rows, and bytes in front.
  int64_t queryStride = 0, keyStride = 0, valueStride = 0, weightStride = 0,
          resultStride = 0;
  int64_t keyOffset = 0, valueOffset = 0, weightOffset = 0,
          statisticsOffset = 0;
  int64_t resultBytes = 0; ///< with statistics
  int64_t sharedBytes = 0;
};

/// The ways in which the blocks of a kernel compute.
struct AttentionLayouts {
  /// For runs with at most `getRows()` rows of each group of heads; not there
  /// where the number of rows is known.
  std::optional<AttentionLayout> few;
  AttentionLayout many;

  /// The layouts for `plan`; nullopt where the heads are too large.
  static std::optional<AttentionLayouts> choose(AttentionPlan &plan);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONLAYOUT_H
