//===- RowsToGPU.cpp - a warp or a block per row --------------------------===//
//
// Softmax, normalizations, reductions of rows. The threads of a row share its
// items; statistics are combined by shuffles. Where the number of items is
// static, the loops over them are unrolled, so that what one phase has loaded
// or computed stays in registers for the next: a row is read once.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/RowTiles.h"
#include "lib/Lowering/KernelToGPU/WarpReduction.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

/// Blocks that fill a large device: more rows than theirs are walked in a loop.
static constexpr int64_t maxBlocks = 512;

Value RowTiles::makeSpace() {
  if (!getSpaceSizes(schedule, emitter, space))
    return nullptr;
  chooseThreads();
  rows = emitter.constant(1);
  for (unsigned dim : rowDims)
    rows = emitter.mul(rows, space.sizes[dim]);
  blocks = emitter.min(
      emitter.ceilDiv(rows, emitter.constant(out.threads / rowThreads)),
      emitter.constant(maxBlocks));
  return blocks;
}

SmallVector<Value> RowTiles::getRowIndices(Value row) {
  SmallVector<Value> sizes, indices(schedule.rank, emitter.constant(0));
  for (unsigned dim : rowDims)
    sizes.push_back(space.sizes[dim]);
  for (auto [dim, index] : llvm::zip(rowDims, emitter.delinearize(row, sizes)))
    indices[dim] = emitter.add(index, space.starts[dim]);
  return indices;
}

/// The items of this thread in a static space of `sizes`, the same values
/// whenever it is asked for.
ArrayRef<ItemGroup> RowTiles::getGroups(ArrayRef<Value> sizes) {
  for (auto &[known, list] : groups)
    if (ArrayRef<Value>(known) == sizes)
      return list;
  int64_t count = 1;
  for (Value size : sizes)
    count *= *getConstantIntValue(size);
  int64_t joined = *getConstantIntValue(sizes.back()) % width == 0 ? width : 1;
  std::vector<ItemGroup> list;
  for (int64_t begin = 0; begin < count; begin += rowThreads * joined) {
    ItemGroup group;
    Value item = emitter.add(emitter.mul(lane, emitter.constant(joined)),
                             emitter.constant(begin));
    if (begin + rowThreads * joined > count) {
      group.isInside = lessThan(item, emitter.constant(count));
      item = emitter.min(item, emitter.constant(count - joined));
    }
    group.points.assign(joined, emitter.delinearize(item, sizes));
    for (int64_t next = 1; next < joined; ++next)
      group.points[next].back() =
          emitter.add(group.points[0].back(), emitter.constant(next));
    joinLast(emitter, group.points);
    list.push_back(std::move(group));
  }
  groups.push_back({llvm::to_vector(sizes), std::move(list)});
  return groups.back().second;
}

/// Emits `emit(indices, carried)` for all items of this thread in a space of
/// `sizes`; it returns what is carried on.
LogicalResult RowTiles::forItems(
    ArrayRef<Value> sizes, ValueRange init,
    function_ref<FailureOr<SmallVector<Value>>(ArrayRef<Value>, ValueRange)>
        emit,
    SmallVectorImpl<Value> &results) {
  OpBuilder &builder = emitter.builder;
  results.assign(init.begin(), init.end());
  if (length) {
    for (const ItemGroup &group : getGroups(sizes)) {
      SmallVector<Value> before = llvm::to_vector(results);
      for (const SmallVector<Value> &point : group.points) {
        FailureOr<SmallVector<Value>> next = emit(point, results);
        if (failed(next))
          return failure();
        results = *next;
      }
      if (group.isInside)
        for (auto [value, old] : llvm::zip(results, before))
          value = arith::SelectOp::create(builder, emitter.loc, group.isInside,
                                          value, old);
    }
    return success();
  }
  Value count = emitter.constant(1);
  for (Value size : sizes)
    count = emitter.mul(count, size);
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop =
      emitter.makeLoop(lane, count, emitter.constant(rowThreads), init);
  FailureOr<SmallVector<Value>> next =
      emit(emitter.delinearize(loop.getInductionVar(), sizes),
           loop.getRegionIterArgs());
  if (failed(next))
    return failure();
  if (!init.empty()) {
    builder.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(builder, emitter.loc, *next);
  }
  results.assign(loop.result_begin(), loop.result_end());
  return success();
}

/// Emits `reduction` for the row at the indices `row` of the space; its results
/// are known from then on.
LogicalResult RowTiles::emitStatistic(const KernelReduction &reduction,
                                      ArrayRef<Value> row) {
  linalg::GenericOp op = reduction.op;
  SmallVector<Operation *> combiners = getCombiners(op);
  SmallVector<Value> loopSizes = emitter.loopSizes(op);
  if (loopSizes.empty())
    return failure();
  SmallVector<Value> loops(op.getNumLoops(), emitter.constant(0));
  for (auto [loop, dim] : llvm::enumerate(reduction.spaceDims))
    if (dim >= 0)
      loops[loop] = row[dim];
  SmallVector<unsigned> walked;
  op.getReductionDims(walked);
  llvm::erase_if(walked, [&](unsigned dim) {
    return getConstantIntValue(loopSizes[dim]) == 1;
  });
  SmallVector<Value> sizes, init, initial, partial;
  for (unsigned dim : walked)
    sizes.push_back(loopSizes[dim]);
  if (sizes.empty())
    sizes.push_back(emitter.constant(1));
  for (auto [number, operand] : llvm::enumerate(op.getDpsInits())) {
    initial.push_back(emitter.element(
        operand,
        emitter.apply(op.getIndexingMapMatchingResult(op->getResult(number)),
                      loops)));
    if (!initial.back())
      return failure();
    init.push_back(getNeutral(emitter, combiners[number]));
  }
  auto emit = [&](ArrayRef<Value> item,
                  ValueRange carried) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> at(loops);
    for (auto [dim, index] : llvm::zip(walked, item))
      at[dim] = index;
    SmallVector<Value> values = emitter.inlineBody(op, at, carried);
    if (values.empty())
      return failure();
    return values;
  };
  if (failed(forItems(sizes, init, emit, partial)))
    return failure();
  for (auto [number, value] : llvm::enumerate(partial)) {
    Value whole =
        rowThreads == warpSize
            ? reduceWarp(emitter, combiners[number], value)
            : reduceBlock(emitter, combiners[number], value, lane, rowThreads);
    whole = combine(emitter, combiners[number], initial[number], whole);
    emitter.redirect(op->getResult(number),
                     [whole](ArrayRef<Value>) { return whole; });
  }
  return success();
}

void RowTiles::guardedStore(Value condition, ArrayRef<RootElement> elements) {
  OpBuilder::InsertionGuard guard(emitter.builder);
  if (condition) {
    hasBranch = true;
    auto branch = scf::IfOp::create(emitter.builder, emitter.loc, condition,
                                    /*withElseRegion=*/false);
    emitter.builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  }
  storeElements(emitter, elements);
}

/// Emits the results of a row, whose statistics are known.
LogicalResult RowTiles::emitItems(SmallVector<Value> indices) {
  SmallVector<RootElement> elements;
  if (itemDims.empty()) {
    if (failed(computeRoots(schedule, emitter, indices, elements)))
      return failure();
    guardedStore(lessThan(lane, emitter.constant(1)), elements);
    return success();
  }
  SmallVector<unsigned> walked;
  SmallVector<Value> sizes;
  for (unsigned dim : itemDims)
    if (getConstantIntValue(space.sizes[dim]) != 1) {
      walked.push_back(dim);
      sizes.push_back(space.sizes[dim]);
    }
  if (sizes.empty()) {
    walked.push_back(itemDims.back());
    sizes.push_back(emitter.constant(1));
  }
  auto setItem = [&](ArrayRef<Value> item) {
    for (auto [dim, index] : llvm::zip(walked, item))
      indices[dim] = emitter.add(index, space.starts[dim]);
  };
  if (length) {
    for (const ItemGroup &group : getGroups(sizes)) {
      elements.clear();
      for (const SmallVector<Value> &point : group.points) {
        setItem(point);
        if (failed(computeRoots(schedule, emitter, indices, elements)))
          return failure();
      }
      guardedStore(group.isInside, elements);
    }
    return success();
  }
  auto emit = [&](ArrayRef<Value> item,
                  ValueRange) -> FailureOr<SmallVector<Value>> {
    setItem(item);
    if (failed(emitRoots(schedule, emitter, indices)))
      return failure();
    return SmallVector<Value>();
  };
  SmallVector<Value> none;
  return forItems(sizes, {}, emit, none);
}

/// Emits what there is once for the row, whose statistics are known.
LogicalResult RowTiles::emitRowResults(ArrayRef<Value> indices) {
  SmallVector<RootElement> elements;
  if (failed(computeRoots(schedule, emitter, indices, elements,
                          /*ofRows=*/true)))
    return failure();
  if (!elements.empty())
    guardedStore(lessThan(lane, emitter.constant(1)), elements);
  return success();
}

/// Emits a row on one thread: statistics are loops of it.
LogicalResult RowTiles::emitAlone(SmallVector<Value> indices) {
  if (failed(emitRoots(schedule, emitter, indices, /*ofRows=*/true)))
    return failure();
  for (unsigned dim : itemDims)
    indices[dim] =
        emitter.add(emitter
                        .makeLoop(emitter.constant(0), space.sizes[dim],
                                  emitter.constant(1))
                        .getInductionVar(),
                    space.starts[dim]);
  return emitRoots(schedule, emitter, indices);
}

/// Whether the threads of a block must meet before its next row. The statistics
/// of that row take the shared memory of this one's; of several, each is used
/// behind the barrier of another.
bool RowTiles::isRowFollowedByBarrier() {
  int64_t combined = 0;
  for (const KernelReduction &reduction : statistics)
    combined += reduction.op->getNumResults();
  std::optional<int64_t> numRows = getConstantIntValue(rows);
  bool hasNext = !numRows || *numRows > maxBlocks;
  return combined == 1 && hasNext;
}

LogicalResult RowTiles::emitBlock() {
  Value thread = getThreadNumber(emitter, out.threads);
  Value first = getBlockNumber(emitter);
  Value step = blocks;
  lane = thread;
  if (rowThreads < out.threads) {
    Value size = emitter.constant(rowThreads);
    Value together = emitter.constant(out.threads / rowThreads);
    first = emitter.add(emitter.mul(first, together),
                        emitter.floorDiv(thread, size));
    step = emitter.mul(step, together);
    lane = rowThreads == warpSize ? getLaneNumber(emitter)
                                  : emitter.rem(thread, size);
  }
  // What all rows have in common is loaded once, before the loop.
  scf::ForOp loop = emitter.makeLoop(first, rows, step);
  SmallVector<Value> indices = getRowIndices(loop.getInductionVar());
  // Not what is made of a statistic of everything, whose indices are constants.
  if (llvm::any_of(statistics,
                   [](const KernelReduction &part) { return part.dims == 0; }))
    emitter.stayInside(loop.getBody());
  if (rowThreads == 1)
    return emitAlone(indices);
  for (const KernelReduction &reduction : statistics)
    if (failed(emitStatistic(reduction, indices)))
      return failure();
  if (failed(emitRowResults(indices)) || failed(emitItems(indices)))
    return failure();
  if (rowThreads > warpSize && isRowFollowedByBarrier())
    NVVM::Barrier0Op::create(emitter.builder, emitter.loc);
  // Lanes that store nothing do not load their part of the next row alone.
  if (rowThreads == warpSize && hasBranch)
    NVVM::SyncWarpOp::create(
        emitter.builder, emitter.loc,
        arith::ConstantIntOp::create(emitter.builder, emitter.loc, -1, 32));
  return success();
}

FailureOr<DeviceSchedule> cinch::emitRows(OpBuilder &builder, ModuleOp device,
                                          const DeviceBody &body,
                                          const KernelSchedule &schedule) {
  DeviceSchedule out;
  if (failed(emitDeviceFunctions(
          builder, device, body, [&](ElementEmitter &emitter) {
            return RowTiles(body, schedule, emitter, out);
          })))
    return failure();
  return out;
}
