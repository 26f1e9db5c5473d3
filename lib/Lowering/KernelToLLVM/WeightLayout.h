//===- WeightLayout.h - layouts of packed weights -------------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_WEIGHTLAYOUT_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_WEIGHTLAYOUT_H

#include "dialects/Exec/Exec.h"

namespace cinch {

/// What a weight was, and is packed to.
struct Layout {
  enum Kind {
    ColumnBlocks, ///< [depth, columns] -> [blocks][depth][nb]
    RowBlocks,    ///< [columns, depth...] -> [blocks][depth][nb]
    ColumnFours,  ///< [depth, columns] -> [blocks][ceil(depth / 4)][nb][4]
    RowFours,     ///< [columns, depth...] -> [blocks][ceil(depth / 4)][nb][4]
    Transposed,   ///< [rows, columns] -> [columns][rows]
    TapsFirst,    ///< [F, C, taps...] -> [taps...][F][C]
    FilterBlocks, ///< [F, C, taps...] -> `blocks`
  };
  Kind kind;
  exec::FilterBlocksAttr blocks;

  Layout(Kind kind, exec::FilterBlocksAttr blocks = nullptr)
      : kind(kind), blocks(blocks) {}
  /// Whether it is for products of 8-bit integers.
  bool isInFours() const { return kind == ColumnFours || kind == RowFours; }
  /// Whether the columns are the first axis.
  bool isTransposed() const {
    return kind == RowBlocks || kind == RowFours || kind == Transposed;
  }
  bool operator!=(const Layout &other) const {
    return kind != other.kind || blocks != other.blocks;
  }
};

/// The type of a weight of `type` in `layout`.
mlir::RankedTensorType getPackedType(mlir::RankedTensorType type,
                                     Layout layout);
/// Fills `target`, of `packed`, from `source`, of `type`, which may be
/// unaligned.
void pack(const char *source, mlir::RankedTensorType type, char *target,
          mlir::RankedTensorType packed, Layout layout);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_WEIGHTLAYOUT_H
