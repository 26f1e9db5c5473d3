//===- ContractionEmitter.h - tiles of a contraction ----------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_CONTRACTIONEMITTER_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_CONTRACTIONEMITTER_H

#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"
#include "lib/Lowering/KernelToLLVM/DotProducts.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"

namespace cinch {

/// Emits the tiles of the contractions of a kernel: their accumulators and
/// panels on the stack, microkernel calls, and the elementwise operations
/// behind them.
class ContractionEmitter {
public:
  ContractionEmitter(const KernelSchedule &schedule,
                     llvm::ArrayRef<ContractionPlan> plans,
                     ElementEmitter &emitter, MicrokernelTable &microkernels)
      : schedule(schedule), plans(plans), plan(plans.front()), emitter(emitter),
        builder(emitter.builder), microkernels(microkernels) {
    if (plan.integers)
      dot = makeDotProduct();
  }

  /// The number of tiles; null after an error.
  mlir::Value makeSpace();
  mlir::LogicalResult emitTiles();

private:
  /// Makes `next` the current contraction; false after an error.
  bool select(const ContractionPlan &next);
  mlir::Value product(llvm::ArrayRef<unsigned> dims);
  /// Sets `indices[dims]` for the linear index `linear` over `dims`.
  void decode(mlir::Value linear, llvm::ArrayRef<unsigned> dims,
              llvm::ArrayRef<mlir::Value> sizes,
              llvm::MutableArrayRef<mlir::Value> indices);
  /// Calls `emit(local)` in a loop over the depth [first, first + count), with
  /// its loops set and `local` counted from `first`.
  mlir::LogicalResult
  forDepth(mlir::Value first, mlir::Value count,
           llvm::function_ref<mlir::LogicalResult(mlir::Value local)> emit);
  void setRow(mlir::Value linear);
  /// Calls `emit(local)` in a loop over the columns [first, first + count),
  /// with their dimensions set and `local` counted from `first`.
  mlir::LogicalResult
  forColumns(mlir::Value first, mlir::Value count,
             llvm::function_ref<mlir::LogicalResult(mlir::Value local)> emit);
  /// Calls `emit` for each of `blocks` blocks of columns of the current tile,
  /// with `block` set.
  mlir::LogicalResult forBlocks(llvm::function_ref<mlir::LogicalResult()> emit);
  /// The first column of the current block, and the number of its columns.
  mlir::Value getFirstColumn();
  mlir::Value getColumns();
  mlir::LogicalResult multiply(mlir::Value firstRow, mlir::Value rows);
  mlir::LogicalResult multiplyBlock(mlir::Value row, mlir::Value count,
                                    mlir::Value firstDepth, mlir::Value depth);
  mlir::Value read(mlir::OpOperand *operand);
  /// Stores what is read of `operand` to element `at` of `panel`.
  mlir::LogicalResult copy(mlir::OpOperand *operand, mlir::Value panel,
                           mlir::Value at);
  mlir::Value addressOf(mlir::OpOperand *operand);
  mlir::LogicalResult packLhs(mlir::Value firstRow, mlir::Value count,
                              mlir::Value firstDepth, mlir::Value depth);
  mlir::LogicalResult packRhs(mlir::Value firstDepth, mlir::Value depth,
                              mlir::Value firstColumn, mlir::Value count);
  mlir::LogicalResult packUnits(mlir::Value depth, mlir::Value count,
                                mlir::Value start);
  void call(mlir::Value rows, mlir::Value columns, mlir::Value depth,
            mlir::Value a, mlir::Value b, mlir::Value c);
  void callOnce(int64_t m, mlir::Value isFullColumns, mlir::Value isFullDepth,
                mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::LogicalResult emitEpilogue(mlir::Value firstRow, mlir::Value rows);
  mlir::Type getSumType();
  /// Rows of the accumulator for each block of columns of a tile.
  int64_t getAccumulatorRows() const {
    return plan.tileRows + (dot && dot->isShifted());
  }
  void allocatePanels();

  // Of products of 8-bit integers (ContractionIntegers.cpp).
  DotProduct makeDotProduct() const;
  mlir::Value readLhsUnit();
  mlir::LogicalResult packIntegerLhs(mlir::Value firstRow, mlir::Value count,
                                     mlir::Value firstDepth, mlir::Value depth);
  mlir::LogicalResult packIntegerRhs(mlir::Value firstDepth, mlir::Value depth,
                                     mlir::Value firstColumn,
                                     mlir::Value count);
  void callDot(mlir::Value rows, mlir::Value depth, mlir::Value b,
               mlir::Value c);
  mlir::Value unshift(mlir::Value sum, mlir::Value base);

  const KernelSchedule &schedule;
  llvm::ArrayRef<ContractionPlan> plans;
  ContractionPlan plan; ///< the current one
  ElementEmitter &emitter;
  mlir::OpBuilder &builder;
  MicrokernelTable &microkernels;

  std::optional<DotProduct> dot; ///< of 8-bit integers

  llvm::SmallVector<mlir::Value> loopSizes, dimSizes;
  llvm::SmallVector<unsigned>
      depthLoops; ///< reduced loops that are not of size 1
  mlir::Value numRows, numColumns, numDepth, rowTiles, columnBlocks;
  /// The current indices: per dimension of the space, per loop of the op.
  llvm::SmallVector<mlir::Value> indices, loops;
  llvm::SmallVector<mlir::Value> accumulators; ///< by contraction
  mlir::Value accumulator, lhsPanel, rhsPanel;
  /// Of the current tile: the first block of columns and their number; the
  /// current one of them, and where it begins in the accumulator.
  mlir::Value firstBlock, blocks, block, blockStart;
  mlir::Value localRow, localColumn, tileRows;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_CONTRACTIONEMITTER_H
