//===- AttentionSoftmax.cpp - weights and results of an attention ---------===//
//
// The same rules as on the CPU: a row whose logits are all minus infinity has
// a sum of 0, hence results that are not numbers; finite masks, however large,
// are numbers like others.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/AsyncCopy.h"
#include "lib/Lowering/KernelToGPU/AttentionBlock.h"
#include "lib/Lowering/KernelToGPU/WarpReduction.h"

using namespace mlir;
using namespace cinch;

static constexpr double log2OfE = 1.4426950408889634;

Value AttentionBlock::exp2(Value value) {
  auto name = builder.getStringAttr("llvm.nvvm.ex2.approx.f32");
  return LLVM::CallIntrinsicOp::create(builder, emitter.loc,
                                       builder.getF32Type(), name,
                                       ValueRange{value})
      .getResults();
}

Value AttentionBlock::shiftedExp(Value value, Value shift) {
  // The difference first: a finite mask times log2(e) may be infinite.
  return exp2(
      make<arith::MulFOp>(make<arith::SubFOp>(value, shift), number(log2OfE)));
}

Value AttentionBlock::getShift(Value value) {
  Value isMasked = arith::CmpFOp::create(
      builder, emitter.loc, arith::CmpFPredicate::OEQ, value,
      number(-std::numeric_limits<double>::infinity()));
  return arith::SelectOp::create(builder, emitter.loc, isMasked, number(0),
                                 value);
}

Value AttentionBlock::multiplyAdd(Value a, Value b, Value c) {
  return LLVM::FMAOp::create(builder, emitter.loc, a, b, c);
}

int64_t AttentionBlock::columnOf(int64_t c) const {
  return layout.usesMatrices ? 8 * (c / 2) + c % 2 : 32 * (c / 4) + c % 4;
}

LogicalResult AttentionBlock::computeLogits(Value firstKey) {
  int64_t numThreadKeys = layout.getThreadKeys();
  bool isFull = plan.numKeys && *plan.numKeys % layout.getKeys() == 0;
  Value base = emitter.add(firstKey, firstWarpKey);
  base = emitter.add(base, layout.usesMatrices
                               ? emitter.mul(member, emitter.constant(2))
                               : member);
  Value lastKey = emitter.sub(numKeys, emitter.constant(1));
  Value infinity = number(-std::numeric_limits<double>::infinity());
  Value score;
  emitter.redirect(plan.scores->getResult(0),
                   [&](ArrayRef<Value>) { return score; });
  LogicalResult result = success();
  for (int64_t j = 0; j < numThreadKeys && succeeded(result); ++j) {
    int64_t offset = layout.usesMatrices ? 8 * (j / 2) + j % 2 : 8 * j;
    Value key = emitter.add(base, emitter.constant(offset));
    Value isThere = isFull ? Value() : isLess(key, numKeys);
    if (!isFull)
      key = emitter.min(key, lastKey);
    for (auto [i, query] : llvm::enumerate(rowQueries)) {
      Values indices(ArrayRef<Value>(scoreLoops).drop_back());
      if (plan.numBatch)
        indices[row - 1] = rowHeads[i];
      indices[row] = query;
      indices[middle] = key;
      score = scores[i * numThreadKeys + j];
      Value logit = emitter.element(plan.logits, indices);
      if (!logit) {
        result = failure();
        break;
      }
      if (!logit.getType().isF32())
        logit = arith::ExtFOp::create(builder, emitter.loc,
                                      builder.getF32Type(), logit);
      if (isThere)
        logit = arith::SelectOp::create(builder, emitter.loc, isThere, logit,
                                        infinity);
      scores[i * numThreadKeys + j] = logit;
    }
  }
  emitter.endRedirect(plan.scores->getResult(0));
  return result;
}

Value AttentionBlock::reduceLanes(Value value, bool isMaximum) {
  for (int64_t distance = 1; distance < layout.getRowLanes(); distance *= 2) {
    Value other = shuffleXor(emitter, value, distance);
    value = isMaximum ? make<LLVM::MaxNumOp>(value, other)
                      : make<arith::AddFOp>(value, other);
  }
  return value;
}

void AttentionBlock::updateStatistics() {
  int64_t numThreadKeys = layout.getThreadKeys();
  int64_t numColumns = layout.getThreadColumns();
  for (int64_t i = 0; i < layout.getThreadRows(); ++i) {
    MutableArrayRef<Value> line(scores.data() + i * numThreadKeys,
                                numThreadKeys);
    // What is not a number is found by the sum, not by the maximum.
    Value grown = line.front();
    for (Value logit : line.drop_front())
      grown = make<LLVM::MaxNumOp>(grown, logit);
    grown = make<LLVM::MaxNumOp>(largest[i], reduceLanes(grown, true));
    Value shift = getShift(grown);
    Value factor = shiftedExp(largest[i], shift);
    largest[i] = grown;
    Value sum;
    for (Value &logit : line) {
      logit = shiftedExp(logit, shift);
      sum = sum ? make<arith::AddFOp>(sum, logit) : logit;
    }
    total[i] = multiplyAdd(total[i], factor, sum);
    for (int64_t c = 0; c < numColumns; ++c)
      sums[i * numColumns + c] =
          make<arith::MulFOp>(sums[i * numColumns + c], factor);
  }
}

/// The place of a statistic (0: largest logit, 1: sum, 2: factor) of a row.
static PaddedTile getStatistics(ElementEmitter &emitter,
                                const AttentionLayout &layout, Value pool,
                                int64_t number) {
  int64_t rows = layout.getRows();
  return {movePointer(emitter, pool,
                      layout.statisticsOffset +
                          number * layout.keyWarps * rows * 4),
          emitter.builder.getF32Type(), rows};
}

void AttentionBlock::combineWarps() {
  Type f32 = builder.getF32Type();
  OpBuilder::InsertionGuard guard(builder);
  scf::IfOp hasRow = makeIf(isLess(thread, emitter.constant(layout.getRows())));
  builder.setInsertionPoint(hasRow.thenBlock()->getTerminator());
  PaddedTile tiles[3];
  for (int64_t i = 0; i < 3; ++i)
    tiles[i] = getStatistics(emitter, layout, resultTile.base, i);
  auto at = [&](int64_t number, int64_t warp) {
    return tiles[number].at(emitter, emitter.constant(warp), thread);
  };
  Values maxima, factors;
  Value most, sum;
  for (int64_t warp = 0; warp < layout.keyWarps; ++warp) {
    maxima.push_back(loadTogether(emitter, f32, at(0, warp), 1).front());
    most = most ? make<LLVM::MaxNumOp>(most, maxima.back()) : maxima.back();
  }
  Value shift = getShift(most);
  for (int64_t warp = 0; warp < layout.keyWarps; ++warp) {
    factors.push_back(shiftedExp(maxima[warp], shift));
    Value part = make<arith::MulFOp>(
        factors.back(), loadTogether(emitter, f32, at(1, warp), 1).front());
    sum = sum ? make<arith::AddFOp>(sum, part) : part;
  }
  Value inverse = make<arith::DivFOp>(number(1), sum);
  for (int64_t warp = 0; warp < layout.keyWarps; ++warp)
    storeTogether(emitter, make<arith::MulFOp>(factors[warp], inverse),
                  at(2, warp));
}

LogicalResult AttentionBlock::emitResults() {
  Type f32 = builder.getF32Type();
  bool isCombined = layout.keyWarps > 1;
  int64_t numColumns = layout.getThreadColumns();
  int64_t neighbours = layout.usesMatrices ? 2 : 4;
  // The results take the place of what other warps may still read: values and
  // weights, or, without keys, queries.
  if (layout.resultBytes > layout.valueOffset ||
      (layout.keepsQueries() && !plan.numKeys))
    emitBarrier(emitter);
  Value warpRow = emitter.add(
      firstRow, emitter.mul(keyWarp, emitter.constant(layout.getRows())));
  for (int64_t i = 0; i < layout.getThreadRows(); ++i) {
    Value sum = reduceLanes(total[i], /*isMaximum=*/false);
    Value offset = emitter.add(
        group, emitter.constant(i * layout.warpRows / layout.getThreadRows()));
    Value factor;
    if (!isCombined) {
      factor = make<arith::DivFOp>(number(1), sum);
    } else {
      OpBuilder::InsertionGuard guard(builder);
      Value isFirst =
          arith::CmpIOp::create(builder, emitter.loc, arith::CmpIPredicate::eq,
                                member, emitter.constant(0));
      scf::IfOp first = makeIf(isFirst);
      builder.setInsertionPoint(first.thenBlock()->getTerminator());
      Value local = emitter.add(firstRow, offset);
      for (auto [kind, value] : llvm::enumerate(Values{largest[i], sum}))
        storeTogether(emitter, value,
                      getStatistics(emitter, layout, resultTile.base, kind)
                          .at(emitter, keyWarp, local));
    }
    Value base =
        resultTile.at(emitter, emitter.add(warpRow, offset),
                      emitter.mul(member, emitter.constant(neighbours)));
    for (int64_t c = 0; c < numColumns; c += neighbours) {
      Values line(sums.begin() + i * numColumns + c,
                  sums.begin() + i * numColumns + c + neighbours);
      if (factor)
        for (Value &value : line)
          value = make<arith::MulFOp>(value, factor);
      storeTogether(emitter, line, movePointer(emitter, base, 4 * columnOf(c)));
    }
  }
  emitBarrier(emitter);
  if (isCombined) {
    combineWarps();
    emitBarrier(emitter);
  }

  // Neighbouring threads store neighbouring columns.
  OpBuilder::InsertionGuard guard(builder);
  Value width = emitter.constant(plan.valueSize);
  Value rows = emitter.min(emitter.sub(numFlat, firstFlat),
                           emitter.constant(layout.getRows()));
  scf::ForOp loop = emitter.makeLoop(thread, emitter.mul(rows, width),
                                     emitter.constant(layout.getThreads()));
  Value local = emitter.floorDiv(loop.getInductionVar(), width);
  Value column = emitter.rem(loop.getInductionVar(), width);
  Value value;
  for (int64_t warp = 0; warp < layout.keyWarps; ++warp) {
    Value line = emitter.add(local, emitter.constant(warp * layout.getRows()));
    Value part =
        loadTogether(emitter, f32, resultTile.at(emitter, line, column), 1)
            .front();
    if (isCombined) {
      PaddedTile factors = getStatistics(emitter, layout, resultTile.base, 2);
      Value factor =
          loadTogether(emitter, f32,
                       factors.at(emitter, emitter.constant(warp), local), 1)
              .front();
      part = value ? multiplyAdd(part, factor, value)
                   : make<arith::MulFOp>(part, factor);
    }
    value = part;
  }
  Values loops(productLoops);
  setRow(loops, emitter.add(firstFlat, local));
  loops[middle] = column;
  Values indices(schedule.rank);
  for (auto [number, dim] : llvm::enumerate(plan.dimOfLoop))
    indices[dim] = loops[number];
  Value result = plan.product->getResult(0);
  emitter.redirect(result, [&](ArrayRef<Value>) { return value; });
  LogicalResult emitted = emitRoots(schedule, emitter, indices);
  emitter.endRedirect(result);
  return emitted;
}
