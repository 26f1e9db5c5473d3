//===- AttentionToGPU.cpp - attention with an online softmax --------------===//
//
// A block computes some rows (queries, of all heads of a group that read the
// same keys and values) of one batch entry. It walks the keys in steps and
// keeps, per row, the largest logit so far, the sum of exponentials and the
// weighted values, which stay in registers, as do scores and weights (Dao,
// "FlashAttention-2", 2023, algorithm 1). Keys are copied while values are
// multiplied, and values while keys are. Keys that a causal mask hides from all
// rows of a block are left out. Where there are few rows, the warps of
// a block share them, each with keys of its own, and are combined at the end
// (Dao et al., "Flash-Decoding", 2023, within a block).
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/AsyncCopy.h"
#include "lib/Lowering/KernelToGPU/AttentionBlock.h"
#include "lib/Lowering/KernelToGPU/AttentionRecord.h"
#include "lib/Lowering/KernelToGPU/KernelToGPU.h"

using namespace mlir;
using namespace cinch;

AttentionBlock::AttentionBlock(const KernelSchedule &schedule,
                               AttentionPlan &plan,
                               const AttentionLayouts &layouts,
                               const std::optional<CausalMask> &mask,
                               const DeviceBody &body, ElementEmitter &emitter)
    : schedule(schedule), plan(plan), layouts(layouts), mask(mask),
      emitter(emitter), builder(emitter.builder), row(plan.numBatch),
      middle(row + 1), last(row + 2) {
  queries = makeOperand(plan.scores, plan.getQueries(), row, last,
                        plan.headSize, body);
  keys = makeOperand(plan.scores, plan.getKeys(), middle, last, plan.headSize,
                     body);
  values = makeOperand(plan.product, plan.getValues(), last, middle,
                       plan.valueSize, body);
}

Value AttentionBlock::makeSpace() {
  Values scoreSizes = emitter.loopSizes(plan.scores);
  Values productSizes = emitter.loopSizes(plan.product);
  if (scoreSizes.empty() || productSizes.empty())
    return nullptr;
  numKeys = scoreSizes[middle];
  numQueries = scoreSizes[row];
  numFlat = emitter.mul(numQueries, emitter.constant(plan.groupSize));
  Value rows = emitter.constant(layouts.many.getRows());
  if (layouts.few) {
    Value fewRows = emitter.constant(layouts.few->getRows());
    isFew = arith::CmpIOp::create(builder, emitter.loc,
                                  arith::CmpIPredicate::sle, numFlat, fewRows);
    rows = arith::SelectOp::create(builder, emitter.loc, isFew, fewRows, rows);
  }
  rowTiles = emitter.ceilDiv(numFlat, rows);
  Value blocks = rowTiles;
  for (unsigned loop = 0; loop < plan.numBatch; ++loop) {
    Value size = productSizes[loop];
    if (loop + 1 == row)
      size = emitter.floorDiv(size, emitter.constant(plan.groupSize));
    batchSizes.push_back(size);
    blocks = emitter.mul(blocks, size);
  }
  return blocks;
}

scf::IfOp AttentionBlock::makeIf(Value condition) {
  return scf::IfOp::create(builder, emitter.loc, condition,
                           /*withElseRegion=*/false);
}

LogicalResult AttentionBlock::emitScalars() {
  // What branches have in common is computed in front of them.
  for (Operation &op : plan.scores->getParentOfType<func::FuncOp>().front())
    for (Value result : op.getResults())
      if (!isa<ShapedType>(result.getType()) && !emitter.scalar(result))
        return failure();
  return success();
}

void AttentionBlock::setRow(Values &loops, Value flat) {
  Value heads = emitter.constant(plan.groupSize);
  loops[row] = emitter.floorDiv(flat, heads);
  if (plan.numBatch)
    loops[row - 1] = emitter.add(firstHead, emitter.rem(flat, heads));
}

Value AttentionBlock::getEndKey() {
  if (!mask)
    return numKeys;
  Value end = emitter.min(
      emitter.add(firstFlat, emitter.constant(layout.getRows())), numFlat);
  Value query = emitter.floorDiv(emitter.sub(end, emitter.constant(1)),
                                 emitter.constant(plan.groupSize));
  Value offset = emitter.constant(mask->constant + 1);
  if (mask->isAtEnd)
    offset = emitter.add(offset, emitter.sub(numKeys, numQueries));
  Value seen = emitter.max(emitter.add(query, offset), emitter.constant(0));
  return emitter.min(seen, numKeys);
}

LogicalResult AttentionBlock::emitBlock() {
  if (failed(emitScalars()))
    return failure();
  Value zero = emitter.constant(0);
  thread = getThreadNumber(emitter, layouts.many.getThreads());
  scoreLoops.assign(plan.scores.getNumLoops(), zero);
  productLoops.assign(plan.product.getNumLoops(), zero);
  Value rest = getBlockNumber(emitter);
  Value tile = emitter.rem(rest, rowTiles);
  rest = emitter.floorDiv(rest, rowTiles);
  for (unsigned loop = row; loop-- > 0;) {
    Value index = loop ? emitter.rem(rest, batchSizes[loop]) : rest;
    if (loop + 1 == row)
      index = firstHead = emitter.mul(index, emitter.constant(plan.groupSize));
    scoreLoops[loop] = productLoops[loop] = index;
    if (loop)
      rest = emitter.floorDiv(rest, batchSizes[loop]);
  }
  auto emit = [&](const AttentionLayout &way) {
    firstFlat = emitter.mul(tile, emitter.constant(way.getRows()));
    return emitLayout(way);
  };
  if (!layouts.few)
    return emit(layouts.many);
  auto choice =
      scf::IfOp::create(builder, emitter.loc, isFew, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(choice.thenBlock());
  if (failed(emit(*layouts.few)))
    return failure();
  builder.setInsertionPointToStart(choice.elseBlock());
  return emit(layouts.many);
}

void AttentionBlock::place(const AttentionLayout &way) {
  layout = way;
  Value warp = emitter.floorDiv(thread, emitter.constant(32));
  lane = emitter.rem(thread, emitter.constant(32));
  rowWarp = emitter.rem(warp, emitter.constant(layout.rowWarps));
  keyWarp = emitter.floorDiv(warp, emitter.constant(layout.rowWarps));
  Value lanes = emitter.constant(layout.getRowLanes());
  group = emitter.floorDiv(lane, lanes);
  member = emitter.rem(lane, lanes);
  firstRow = emitter.mul(rowWarp, emitter.constant(layout.warpRows));
  firstWarpKey = emitter.mul(keyWarp, emitter.constant(layout.warpKeys));

  Type f32 = builder.getF32Type();
  Value pool = getSharedPool(emitter);
  queryTile = {pool, layout.element, layout.queryStride};
  keyTile = {movePointer(emitter, pool, layout.keyOffset), layout.element,
             layout.keyStride};
  valueTile = {movePointer(emitter, pool, layout.valueOffset), layout.element,
               layout.valueStride};
  weightTile = {movePointer(emitter, pool, layout.weightOffset), f32,
                layout.weightStride};
  resultTile = {pool, f32, layout.resultStride};

  rowHeads.clear();
  rowQueries.clear();
  Value lastFlat = emitter.sub(numFlat, emitter.constant(1));
  for (int64_t i = 0; i < layout.getThreadRows(); ++i) {
    Value local = emitter.add(
        emitter.add(firstRow, group),
        emitter.constant(i * layout.warpRows / layout.getThreadRows()));
    Values loops(scoreLoops);
    setRow(loops, emitter.min(emitter.add(firstFlat, local), lastFlat));
    rowHeads.push_back(plan.numBatch ? loops[row - 1] : Value());
    rowQueries.push_back(loops[row]);
  }
}

bool AttentionBlock::isFirstCopyAsync() const {
  return keys.isAsync || (queries.isAsync && !layout.keepsQueries());
}

LogicalResult AttentionBlock::startCopies() {
  Value zero = emitter.constant(0);
  if (layout.keepsQueries()) {
    if (failed(copyQueries()))
      return failure();
    if (queries.isAsync)
      commitCopies(emitter);
  }
  {
    OpBuilder::InsertionGuard guard(builder);
    scf::IfOp hasKeys = makeIf(isLess(zero, endKey));
    builder.setInsertionPoint(hasKeys.thenBlock()->getTerminator());
    if ((!layout.keepsQueries() && failed(copyQueries())) ||
        failed(copyKeys(zero)))
      return failure();
    if (isFirstCopyAsync() && !layout.keepsQueries())
      commitCopies(emitter);
  }
  if (!layout.keepsQueries())
    return success();
  if (keys.isAsync)
    commitCopies(emitter);
  if (queries.isAsync)
    waitForCopies(emitter, keys.isAsync ? 1 : 0);
  emitBarrier(emitter);
  loadQueries();
  return success();
}

LogicalResult AttentionBlock::emitStep(Value firstKey) {
  if (isFirstCopyAsync())
    waitForCopies(emitter, 0);
  emitBarrier(emitter); // for keys, and for the place of the values
  if (failed(copyValues(firstKey)))
    return failure();
  if (values.isAsync)
    commitCopies(emitter);
  multiplyKeys();
  if (failed(computeLogits(firstKey)))
    return failure();
  updateStatistics();
  if (values.isAsync)
    waitForCopies(emitter, 0);
  emitBarrier(emitter); // for values, and for the place of the keys
  {
    OpBuilder::InsertionGuard guard(builder);
    Value next = emitter.add(firstKey, emitter.constant(layout.getKeys()));
    scf::IfOp hasNext = makeIf(isLess(next, endKey));
    builder.setInsertionPoint(hasNext.thenBlock()->getTerminator());
    if (failed(copyKeys(next)))
      return failure();
    if (keys.isAsync)
      commitCopies(emitter);
  }
  multiplyValues();
  return success();
}

LogicalResult AttentionBlock::emitLayout(const AttentionLayout &way) {
  place(way);
  endKey = getEndKey();
  if (failed(startCopies()))
    return failure();
  int64_t rows = layout.getThreadRows();
  Values init(rows, number(-std::numeric_limits<double>::infinity()));
  init.append(rows + rows * layout.getThreadColumns(), number(0));
  auto setState = [&](ValueRange state) {
    largest.assign(state.begin(), state.begin() + rows);
    total.assign(state.begin() + rows, state.begin() + 2 * rows);
    sums.assign(state.begin() + 2 * rows, state.end());
  };
  scf::ForOp loop;
  {
    OpBuilder::InsertionGuard guard(builder);
    loop = emitter.makeLoop(emitter.constant(0), endKey,
                            emitter.constant(layout.getKeys()), init);
    setState(loop.getRegionIterArgs());
    if (failed(emitStep(loop.getInductionVar())))
      return failure();
    Values state(largest);
    state.append(total);
    state.append(sums);
    scf::YieldOp::create(builder, emitter.loc, state);
  }
  setState(loop.getResults());
  return emitResults();
}

FailureOr<DeviceSchedule>
cinch::emitDeviceAttention(OpBuilder &builder, ModuleOp device,
                           const DeviceBody &body,
                           const ContractionOptions &options) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body.body);
  if (failed(schedule))
    return failure();
  std::optional<AttentionPlan> plan = AttentionPlan::compute(*schedule);
  if (!plan)
    return func::FuncOp(body.body).emitOpError(
        "expected a softmax between two contractions in an attention kernel");
  std::optional<AttentionLayouts> layouts = AttentionLayouts::choose(*plan);
  if (!layouts) {
    FailureOr<DeviceSchedule> generic =
        emitGeneric(builder, device, body, options);
    if (succeeded(generic))
      generic->reason = "heads of " + std::to_string(plan->headSize) + " and " +
                        std::to_string(plan->valueSize) +
                        " elements do not fit into the memory of a block; " +
                        generic->reason;
    return generic;
  }
  std::optional<CausalMask> mask = findCausalMask(body.body, *plan, body.calls);
  if (failed(emitDeviceFunctions(
          builder, device, body, [&](ElementEmitter &emitter) {
            return AttentionBlock(*schedule, *plan, *layouts, mask, body,
                                  emitter);
          })))
    return failure();
  return describeAttention(body.body, *plan, *layouts, mask);
}
