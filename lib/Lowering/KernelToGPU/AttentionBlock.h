//===- AttentionBlock.h - a block of an attention on a GPU ----------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONBLOCK_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONBLOCK_H

#include "lib/Lowering/KernelToGPU/AttentionLayout.h"
#include "lib/Lowering/KernelToGPU/CausalMask.h"
#include "lib/Lowering/KernelToGPU/DeviceFunctions.h"
#include "lib/Lowering/KernelToGPU/PaddedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace cinch {

/// An operand of a product and how its rows come into shared memory.
struct AttentionOperand {
  mlir::linalg::GenericOp op;
  mlir::OpOperand *operand = nullptr;
  unsigned along = 0, inner = 0; ///< loops of the rows and of the columns
  int64_t columns = 0;
  /// Rows lie in memory as in the tile, so 16 bytes are copied at once.
  bool isAsync = false;
  /// Neighbours in memory are neighbours along the rows.
  bool isTransposed = false;
};

/// Emits what a block does: queries in shared memory, keys and values in steps,
/// scores, weights and sums in registers.
class AttentionBlock {
public:
  AttentionBlock(const KernelSchedule &schedule, AttentionPlan &plan,
                 const AttentionLayouts &layouts,
                 const std::optional<CausalMask> &mask, const DeviceBody &body,
                 ElementEmitter &emitter);

  /// The number of blocks; null after an error.
  mlir::Value makeSpace();
  mlir::LogicalResult emitBlock();

private:
  using Values = llvm::SmallVector<mlir::Value>;

  AttentionOperand makeOperand(mlir::linalg::GenericOp op,
                               mlir::OpOperand *operand, unsigned along,
                               unsigned inner, int64_t columns,
                               const DeviceBody &body);
  mlir::LogicalResult emitScalars();
  mlir::LogicalResult emitLayout(const AttentionLayout &way);
  /// Sets the members of the current layout.
  void place(const AttentionLayout &way);
  /// Whether keys, or queries that come with the first of them, are.
  bool isFirstCopyAsync() const;
  /// Copies the queries and the first keys.
  mlir::LogicalResult startCopies();
  mlir::LogicalResult emitStep(mlir::Value firstKey);
  /// The key behind the last one that a query of the block looks at.
  mlir::Value getEndKey();
  /// Makes `loops` those of row `flat` of the group of heads.
  void setRow(Values &loops, mlir::Value flat);

  // Copies (AttentionCopies.cpp).
  mlir::LogicalResult copyQueries();
  mlir::LogicalResult copyKeys(mlir::Value step);
  mlir::LogicalResult copyValues(mlir::Value step);
  /// Fills `tile` with the keys or values from `firstKey` on.
  mlir::LogicalResult copyAlongKeys(const AttentionOperand &operand,
                                    const PaddedTile &tile,
                                    int64_t paddedColumns, mlir::Value firstKey,
                                    Values loops);
  /// Fills `rows` rows of `tile`, of which the first `numValid` are there
  /// (null: all); `setRow` sets the loops of a row.
  mlir::LogicalResult
  copyTile(const AttentionOperand &operand, const PaddedTile &tile,
           int64_t rows, int64_t paddedColumns, mlir::Value numValid,
           Values &loops, llvm::function_ref<void(mlir::Value row)> setRow);
  mlir::LogicalResult copyPiece(const AttentionOperand &operand,
                                const PaddedTile &tile, mlir::Value row,
                                mlir::Value column, bool isRagged,
                                mlir::Value numValid, Values &loops,
                                llvm::function_ref<void(mlir::Value)> setRow);

  // Softmax (AttentionSoftmax.cpp).
  mlir::LogicalResult computeLogits(mlir::Value firstKey);
  /// Makes weights of logits; scales statistics and sums to the new maxima.
  void updateStatistics();
  mlir::Value reduceLanes(mlir::Value value, bool isMaximum);
  mlir::LogicalResult emitResults();
  void combineWarps();

  // Products (AttentionProducts.cpp, AttentionMatrices.cpp).
  void loadQueries();
  void multiplyKeys();
  void multiplyValues();
  void multiplyKeysByMatrices();
  void multiplyValuesByMatrices();

  mlir::Value number(double value) {
    return mlir::arith::ConstantOp::create(builder, emitter.loc,
                                           builder.getF32FloatAttr(value));
  }
  template <typename Op> mlir::Value make(mlir::Value a, mlir::Value b) {
    return Op::create(builder, emitter.loc, a, b);
  }
  mlir::Value isLess(mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpIOp::create(builder, emitter.loc,
                                       mlir::arith::CmpIPredicate::slt, a, b);
  }
  mlir::Value exp2(mlir::Value value);
  /// exp(value - shift).
  mlir::Value shiftedExp(mlir::Value value, mlir::Value shift);
  /// `largest`, or 0 for a row that is masked so far.
  mlir::Value getShift(mlir::Value largest);
  mlir::Value multiplyAdd(mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::scf::IfOp makeIf(mlir::Value condition);
  /// Column `c` of this thread.
  int64_t columnOf(int64_t c) const;

  const KernelSchedule &schedule;
  AttentionPlan &plan;
  const AttentionLayouts &layouts;
  const std::optional<CausalMask> &mask;
  ElementEmitter &emitter;
  mlir::OpBuilder &builder;
  const unsigned row, middle, last; ///< loops of both contractions
  AttentionOperand queries, keys, values;

  mlir::Value numKeys, numQueries, numFlat, rowTiles, isFew;
  Values batchSizes;
  Values scoreLoops, productLoops;
  mlir::Value firstHead, thread;

  // Of the current layout.
  AttentionLayout layout;
  mlir::Value firstFlat;
  mlir::Value endKey; ///< keys from here on are hidden from all of the block
  mlir::Value lane, group, member, rowWarp, keyWarp; ///< g and t of the layout
  mlir::Value firstRow, firstWarpKey; ///< of the warp, in the block and step
  PaddedTile queryTile, keyTile, valueTile, weightTile, resultTile;
  Values rowHeads, rowQueries; ///< per row of the thread
  Values queryFragments;       ///< where they stay in registers
  Values scores;               ///< [rows, keys] of the thread; logits; weights
  Values largest, total, sums; ///< per row; per row; [rows, columns]
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONBLOCK_H
