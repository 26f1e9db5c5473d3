//===- AttentionToLoops.cpp - attention over microkernels -----------------===//
//
// A tile is a block of rows (queries) of one batch entry, or of a group of
// heads that read the same keys and values. It walks the keys in blocks and
// keeps, per row, the largest logit so far, the sum of exponentials and the
// weighted values; each block corrects them when the largest logit grows
// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018;
// Dao et al., "FlashAttention", 2022, algorithm 1). The scores of a block are
// on the stack only.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/AttentionEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/TileFunctions.h"

using namespace mlir;
using namespace cinch;

Value AttentionEmitter::makeSpace() {
  scoreSizes = emitter.loopSizes(plan.scores);
  productSizes = emitter.loopSizes(plan.product);
  if (scoreSizes.empty() || productSizes.empty())
    return nullptr;
  numRows = scoreSizes[row];
  numKeys = scoreSizes[middle];
  rowTiles = emitter.ceilDiv(numRows, emitter.constant(plan.getHeadRows()));
  Value tiles = rowTiles;
  if (plan.numBatch)
    productSizes[row - 1] = emitter.floorDiv(productSizes[row - 1],
                                             emitter.constant(plan.groupSize));
  for (unsigned loop = 0; loop < plan.numBatch; ++loop)
    tiles = emitter.mul(tiles, productSizes[loop]);
  return tiles;
}

LogicalResult AttentionEmitter::emitResults() {
  (void)emitter.forRange(rows, /*isParallel=*/true, [&](Value local) {
    emitter.store(make<arith::DivFOp>(number(1), load(total, local)), total,
                  local);
    return success();
  });
  Value result = plan.product->getResult(0);
  emitter.redirect(result, [this](ArrayRef<Value>) {
    Value sum = load(sums, at(localRow, plan.valueSize, localColumn));
    return make<arith::MulFOp>(sum, load(total, localRow));
  });
  SmallVector<Value> loops(productLoops);
  LogicalResult emitted = forRows(/*isParallel=*/false, loops, [&]() {
    return emitter.forRange(emitter.constant(plan.valueSize),
                            /*isParallel=*/true, [&](Value column) {
                              localColumn = loops[middle] = column;
                              SmallVector<Value> indices(schedule.rank);
                              for (auto [loop, dim] :
                                   llvm::enumerate(plan.dimOfLoop))
                                indices[dim] = loops[loop];
                              return emitRoots(schedule, emitter, indices);
                            });
  });
  emitter.endRedirect(result);
  return emitted;
}

LogicalResult AttentionEmitter::emitTile(int64_t size) {
  Type f32 = builder.getF32Type();
  blockRows = size;
  queries = emitter.allocateStack(f32, plan.headSize * size);
  weights = emitter.allocateStack(f32, plan.blockKeys * size);
  sums = emitter.allocateStack(f32, size * plan.valueSize);
  largest = emitter.allocateStack(f32, size);
  next = emitter.allocateStack(f32, size);
  total = emitter.allocateStack(f32, size);
  if (!plan.keyStride)
    keyPanel = emitter.allocateStack(f32, plan.blockKeys * plan.headSize);
  if (!plan.valueStride)
    valuePanel = emitter.allocateStack(f32, plan.blockKeys * plan.valueSize);

  headsInside = plan.areHeadsInside(size);
  int64_t mostRows = size / plan.groupSize;
  bool isAlwaysFull = plan.numRows && *plan.numRows % mostRows == 0;
  headRows = emitter.constant(mostRows);
  if (!isAlwaysFull)
    headRows = emitter.min(emitter.sub(numRows, firstRow), headRows);
  rows = emitter.mul(headRows, emitter.constant(plan.groupSize));
  if (failed(packQueries()))
    return failure();
  fill(sums, size * plan.valueSize, 0);
  fill(largest, size, -std::numeric_limits<double>::infinity());
  fill(total, size, 0);
  {
    OpBuilder::InsertionGuard guard(builder);
    Value step = emitter.constant(plan.blockKeys);
    scf::ForOp blocks = emitter.makeLoop(emitter.constant(0), numKeys, step);
    firstKey = blocks.getInductionVar();
    keys = emitter.min(emitter.sub(numKeys, firstKey), step);
    if (failed(emitBlock()))
      return failure();
  }
  return emitResults();
}

LogicalResult AttentionEmitter::emitTiles() {
  Value zero = emitter.constant(0);
  scoreLoops.assign(plan.scores.getNumLoops(), zero);
  productLoops.assign(plan.product.getNumLoops(), zero);
  scf::ForOp tiles = emitter.makeLoop(emitter.frame.begin, emitter.frame.end,
                                      emitter.constant(1));
  Value rest = tiles.getInductionVar();
  firstRow = emitter.mul(emitter.rem(rest, rowTiles),
                         emitter.constant(plan.getHeadRows()));
  rest = emitter.floorDiv(rest, rowTiles);
  for (unsigned loop = row; loop-- > 0;) {
    Value index = loop ? emitter.rem(rest, productSizes[loop]) : rest;
    if (loop + 1 == row)
      index = firstHead = emitter.mul(index, emitter.constant(plan.groupSize));
    scoreLoops[loop] = productLoops[loop] = index;
    if (loop)
      rest = emitter.floorDiv(rest, productSizes[loop]);
  }
  if (plan.blockRows.size() == 1)
    return emitTile(plan.blockRows.front());
  int64_t few = plan.blockRows.front() / plan.groupSize;
  Value isFew =
      arith::CmpIOp::create(builder, emitter.loc, arith::CmpIPredicate::sle,
                            numRows, emitter.constant(few));
  auto choice =
      scf::IfOp::create(builder, emitter.loc, isFew, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(choice.thenBlock());
  if (failed(emitTile(plan.blockRows.front())))
    return failure();
  builder.setInsertionPointToStart(choice.elseBlock());
  return emitTile(plan.blockRows.back());
}

static int64_t getTileGrain(const AttentionPlan &plan) {
  if (!plan.numRows || !plan.numKeys)
    return grainByFlops;
  int64_t rows = std::min(*plan.numRows, plan.getHeadRows()) * plan.groupSize;
  return getGrain(2 * rows * *plan.numKeys * (plan.headSize + plan.valueSize));
}

FailureOr<int64_t> cinch::emitAttention(OpBuilder &builder, func::FuncOp body,
                                        ArrayRef<bool> shared,
                                        MicrokernelTable &microkernels) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  std::optional<AttentionPlan> plan = AttentionPlan::compute(*schedule);
  if (!plan)
    return body.emitOpError(
        "expected a softmax between two contractions in an attention kernel");
  if (failed(emitTileFunctions(
          builder, body, shared, /*fast=*/true, [&](ElementEmitter &emitter) {
            return AttentionEmitter(*schedule, *plan, emitter, microkernels);
          })))
    return failure();
  return getTileGrain(*plan);
}
