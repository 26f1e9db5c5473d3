//===- AttentionEmitter.h - tiles of an attention -------------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_ATTENTIONEMITTER_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_ATTENTIONEMITTER_H

#include "lib/Lowering/KernelToLLVM/AttentionPlan.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace cinch {

/// Emits the tiles of an attention: queries, scores and sums on the stack,
/// microkernel calls, and the softmax in between.
class AttentionEmitter {
public:
  AttentionEmitter(const KernelSchedule &schedule, AttentionPlan &plan,
                   ElementEmitter &emitter, MicrokernelTable &microkernels)
      : schedule(schedule), plan(plan), emitter(emitter),
        builder(emitter.builder), microkernels(microkernels),
        row(plan.numBatch), middle(row + 1), last(row + 2) {}

  /// The number of tiles; null after an error.
  mlir::Value makeSpace();
  mlir::LogicalResult emitTiles();

private:
  /// Runs over the rows of the tile, sets `localRow` and those loops of `loops`
  /// that it stands for.
  mlir::LogicalResult forRows(bool isParallel,
                              llvm::SmallVector<mlir::Value> &loops,
                              llvm::function_ref<mlir::LogicalResult()> body);
  mlir::LogicalResult emitTile(int64_t blockRows);
  mlir::LogicalResult packQueries();
  /// operand[firstKey + k, c] -> panel[k, c].
  mlir::LogicalResult packRows(mlir::OpOperand *operand,
                               mlir::linalg::GenericOp op,
                               llvm::SmallVector<mlir::Value> &loops,
                               unsigned along, unsigned inner, int64_t width,
                               mlir::Value panel);
  mlir::LogicalResult emitBlock();
  /// weights[k, r] = sum over depth of keys[k, depth] * queries[depth, r].
  mlir::LogicalResult multiplyKeys();
  /// Replaces scores by logits; next[r] becomes the largest so far.
  mlir::LogicalResult computeLogits();
  mlir::LogicalResult computeLogitsOfRows();
  /// Scales what was summed up so far to the new largest logits.
  mlir::LogicalResult correct();
  mlir::LogicalResult exponentiate();
  /// sums[r, c] += sum over keys of weights[k, r] * values[k, c].
  mlir::LogicalResult multiplyValues();
  /// Divides by the sums of exponentials, and what follows element by element.
  mlir::LogicalResult emitResults();

  void fill(mlir::Value buffer, int64_t count, double value);
  void call(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb,
            int64_t ldc, bool accumulate, bool transposed, mlir::Value a,
            mlir::Value b, mlir::Value c);
  mlir::Value at(mlir::Value line, int64_t width, mlir::Value column) {
    return emitter.add(emitter.mul(line, emitter.constant(width)), column);
  }
  mlir::Value load(mlir::Value buffer, mlir::Value offset) {
    return emitter.load(builder.getF32Type(), buffer, offset);
  }
  template <typename Op> mlir::Value make(mlir::Value a, mlir::Value b) {
    return Op::create(builder, emitter.loc, a, b);
  }
  mlir::Value number(double value) {
    return mlir::arith::ConstantOp::create(builder, emitter.loc,
                                           builder.getF32FloatAttr(value));
  }
  mlir::Value select(mlir::arith::CmpFPredicate predicate, mlir::Value a,
                     mlir::Value b, mlir::Value yes, mlir::Value no) {
    mlir::Value test =
        mlir::arith::CmpFOp::create(builder, emitter.loc, predicate, a, b);
    return mlir::arith::SelectOp::create(builder, emitter.loc, test, yes, no);
  }

  const KernelSchedule &schedule;
  AttentionPlan &plan;
  ElementEmitter &emitter;
  mlir::OpBuilder &builder;
  MicrokernelTable &microkernels;
  const unsigned row, middle, last; ///< loops of both contractions

  llvm::SmallVector<mlir::Value> scoreSizes, productSizes, scoreLoops,
      productLoops;
  mlir::Value numRows, numKeys, rowTiles;
  // Of the current tile: its rows, those of `headRows` queries of each head of
  // a group, and buffers on the stack.
  int64_t blockRows = 0;
  bool headsInside = false; ///< the rows of one query are neighbours
  mlir::Value firstHead, firstRow, headRows, rows;
  mlir::Value queries; ///< [headSize, blockRows]
  mlir::Value weights; ///< [blockKeys, blockRows]: scores, logits, exponentials
  mlir::Value sums;    ///< [blockRows, valueSize]: weighted values
  mlir::Value largest, next, total; ///< [blockRows]
  mlir::Value keyPanel,
      valuePanel; ///< [blockKeys, headSize], [blockKeys, valueSize]
  // Of the current block.
  mlir::Value firstKey, keys;
  mlir::Value localRow, localColumn;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_ATTENTIONEMITTER_H
