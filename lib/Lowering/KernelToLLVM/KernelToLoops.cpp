//===- KernelToLoops.cpp - loops of a generated kernel --------------------===//
//
// Tiles are runs of rows (all dimensions of the tile space but the last), or
// blocks of the last dimension where rows are long. Inside a row, producers are
// inlined per element and row statistics are hoisted by the element emitter, so
// that the innermost loop is a simple loop that LLVM vectorizes. Reductions
// that run across the last dimension accumulate a block of columns on the
// stack.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/TileFunctions.h"

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"
#include "lib/Lowering/KernelToLLVM/PackedLoops.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace cinch;

/// Elements of work per tile, and per block of columns.
static constexpr int64_t tileWork = 8192, columnBlock = 256;

namespace {

/// The tile space of a schedule as values of one function, merged.
struct TileSpace : SpaceSizes {
  Value rows, rowsPerTile, rowTiles, blockSize, blocks, tiles;
};

class LoopEmitter {
public:
  LoopEmitter(const KernelSchedule &schedule, ElementEmitter &emitter,
              bool reference)
      : schedule(schedule), emitter(emitter), reference(reference) {}

  /// The number of tiles; null after an error.
  Value makeSpace();
  LogicalResult emitTiles();

private:
  Value workPerElement();
  Value makeFlatSpace();
  LogicalResult emitRow(SmallVector<Value> &indices, Value begin, Value end);
  LogicalResult emitColumns(const KernelReduction &reduction,
                            SmallVector<Value> indices, Value begin, Value end);
  const KernelSchedule &schedule;
  ElementEmitter &emitter;
  const bool reference;
  TileSpace space;
  PackedWalk walk;
  Value flatSize, flatTile; ///< elements in all and of a tile, if walk.isFlat
};

} // namespace

/// The number of inner iterations behind one element of the results.
Value LoopEmitter::workPerElement() {
  Value work = emitter.constant(1);
  for (KernelReduction reduction : schedule.reductions) {
    SmallVector<Value> sizes = emitter.loopSizes(reduction.op);
    if (sizes.empty())
      continue;
    bool perElement = reduction.dims == (uint64_t(1) << schedule.rank) - 1;
    if (!perElement)
      continue; // a statistic of the row: as much work as the row itself
    SmallVector<unsigned> dims;
    reduction.op.getReductionDims(dims);
    Value own = emitter.constant(1);
    for (unsigned dim : dims)
      own = emitter.mul(own, sizes[dim]);
    work = emitter.add(work, own);
  }
  return work;
}

/// The tiles of one run of elements.
Value LoopEmitter::makeFlatSpace() {
  flatSize = getFlatSize(schedule, emitter);
  if (!flatSize)
    return nullptr;
  Value step = emitter.constant(flatStep), one = emitter.constant(1);
  Value steps = emitter.ceilDiv(flatSize, step);
  if (!reference) {
    Value work = emitter.max(workPerElement(), one);
    steps = emitter.max(
        emitter.floorDiv(emitter.constant(tileWork / flatStep), work), one);
  }
  flatTile = emitter.mul(steps, step);
  return reference ? one : emitter.ceilDiv(flatSize, flatTile);
}

Value LoopEmitter::makeSpace() {
  if (!getSpaceSizes(schedule, emitter, space))
    return nullptr;
  walk = PackedWalk::choose(schedule, emitter.frame.body,
                            getRunLength(schedule, space));
  if (walk.isFlat)
    return makeFlatSpace();
  mergeSizes(schedule, emitter, space);
  Value one = emitter.constant(1);
  space.rows = one;
  for (unsigned dim : schedule.tileDims)
    space.rows = emitter.mul(space.rows, space.sizes[dim]);
  Value last = schedule.rank ? space.sizes.back() : one;
  if (reference) {
    space.rowsPerTile = space.rows;
    space.blockSize = last;
    space.rowTiles = space.blocks = space.tiles = one;
    return space.tiles;
  }
  Value work = workPerElement();
  for (unsigned dim : schedule.innerDims)
    work = emitter.mul(work, space.sizes[dim]);
  bool byColumns = llvm::any_of(
      schedule.reductions, [](auto &reduction) { return reduction.byColumns; });
  space.blockSize = last;
  if (schedule.splitLast) {
    Value limit = emitter.max(emitter.floorDiv(emitter.constant(2 * tileWork),
                                               emitter.max(work, one)),
                              emitter.constant(64));
    if (byColumns)
      limit = emitter.constant(columnBlock);
    Value unit = emitter.constant(walk.unit);
    limit = emitter.mul(emitter.floorDiv(limit, unit), unit);
    space.blockSize = emitter.max(emitter.min(last, limit), one);
  }
  space.blocks =
      schedule.splitLast ? emitter.ceilDiv(last, space.blockSize) : one;
  Value rowWork = emitter.max(emitter.mul(work, space.blockSize), one);
  space.rowsPerTile =
      emitter.max(emitter.floorDiv(emitter.constant(tileWork), rowWork), one);
  space.rowTiles = emitter.ceilDiv(space.rows, space.rowsPerTile);
  space.tiles = emitter.mul(space.rowTiles, space.blocks);
  return space.tiles;
}

LogicalResult LoopEmitter::emitTiles() {
  Value zero = emitter.constant(0), one = emitter.constant(1);
  scf::ForOp tiles =
      emitter.makeLoop(emitter.frame.begin, emitter.frame.end, one);
  Value tile = tiles.getInductionVar();
  if (walk.isFlat) {
    Value first = emitter.mul(tile, flatTile);
    return emitFlat(schedule, emitter, first, emitter.add(first, flatTile),
                    flatSize);
  }
  Value rowTile = emitter.floorDiv(tile, space.blocks);
  Value block = emitter.rem(tile, space.blocks);
  Value begin = emitter.mul(block, space.blockSize);
  Value last = schedule.rank ? space.sizes.back() : one;
  Value end = emitter.min(emitter.add(begin, space.blockSize), last);
  if (schedule.rank) {
    begin = emitter.add(begin, space.starts.back());
    end = emitter.add(end, space.starts.back());
  }
  Value rowBegin = emitter.mul(rowTile, space.rowsPerTile);
  Value rowEnd =
      emitter.min(emitter.add(rowBegin, space.rowsPerTile), space.rows);

  SmallVector<Value> indices(schedule.rank, zero);
  if (!schedule.tileDims.empty()) {
    scf::ForOp rows = emitter.makeLoop(rowBegin, rowEnd, one);
    SmallVector<unsigned> walked;
    SmallVector<Value> sizes;
    for (unsigned dim : schedule.tileDims)
      if (!schedule.merged[dim]) {
        walked.push_back(dim);
        sizes.push_back(space.sizes[dim]);
      }
    for (auto [dim, index] : llvm::zip_equal(
             walked, emitter.delinearize(rows.getInductionVar(), sizes)))
      indices[dim] = emitter.add(index, space.starts[dim]);
  }
  return emitRow(indices, begin, end);
}

LogicalResult LoopEmitter::emitRow(SmallVector<Value> &indices, Value begin,
                                   Value end) {
  Value zero = emitter.constant(0), one = emitter.constant(1);
  bool nested = false;
  if (!reference)
    for (const KernelReduction &reduction : schedule.reductions)
      if (reduction.byColumns &&
          failed(emitColumns(reduction, indices, begin, end)))
        return failure();
  for (const KernelReduction &reduction : schedule.reductions)
    nested |= (reference || !reduction.byColumns) && schedule.rank &&
              (reduction.dims >> (schedule.rank - 1) & 1);
  if (failed(emitRoots(schedule, emitter, indices, /*ofRows=*/true)))
    return failure();
  for (unsigned dim : schedule.innerDims)
    if (!schedule.merged[dim])
      indices[dim] = emitter.add(
          emitter.makeLoop(zero, space.sizes[dim], one).getInductionVar(),
          space.starts[dim]);
  if (schedule.rank) {
    Value unit = emitter.constant(walk.unit);
    scf::ForOp loop = emitter.makeLoop(emitter.floorDiv(begin, unit),
                                       emitter.floorDiv(end, unit), one);
    indices.back() = loop.getInductionVar();
    if (!reference && !nested)
      emitter.markParallel(loop);
  }
  if (walk.unit > 1)
    return emitUnit(schedule, emitter, indices, indices.back(), walk.unit);
  return emitRoots(schedule, emitter, indices);
}

/// reduction at (…, begin .. end) -> a buffer of accumulators on the stack.
LogicalResult LoopEmitter::emitColumns(const KernelReduction &reduction,
                                       SmallVector<Value> indices, Value begin,
                                       Value end) {
  linalg::GenericOp op = reduction.op;
  OpBuilder &builder = emitter.builder;
  OpBuilder::InsertionGuard guard(builder);
  Value zero = emitter.constant(0), one = emitter.constant(1);
  SmallVector<Value> sizes = emitter.loopSizes(op);
  if (sizes.empty())
    return failure();

  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  SmallVector<Value> loops(op.getNumLoops(), zero);
  unsigned lastLoop = 0;
  for (auto [loop, dim] : llvm::enumerate(reduction.spaceDims)) {
    if (dim < 0)
      continue;
    loops[loop] = indices[dim];
    if (dim + 1 == static_cast<int>(schedule.rank))
      lastLoop = loop;
  }
  if (reduction.splitLoop >= 0)
    lastLoop = reduction.splitLoop;

  SmallVector<Value> buffers;
  for (Value result : op->getResults())
    buffers.push_back(emitter.allocateStack(
        cast<RankedTensorType>(result.getType()).getElementType(),
        columnBlock));
  auto columnLoop = [&](function_ref<LogicalResult(Value)> emit) {
    OpBuilder::InsertionGuard guard(builder);
    scf::ForOp loop = emitter.makeLoop(begin, end, one);
    emitter.markParallel(loop);
    loops[lastLoop] = loop.getInductionVar();
    if (reduction.splitLoop >= 0)
      loops[lastLoop] =
          emitter.joinChannel(indices[schedule.split->outer],
                              loop.getInductionVar(), schedule.split->block);
    return emit(emitter.sub(loop.getInductionVar(), begin));
  };
  auto resultIndices = [&](unsigned number) {
    return emitter.apply(op.getIndexingMapMatchingResult(op->getResult(number)),
                         loops);
  };
  if (failed(columnLoop([&](Value column) -> LogicalResult {
        for (auto [number, init] : llvm::enumerate(op.getDpsInits())) {
          Value value = emitter.element(init, resultIndices(number));
          if (!value)
            return failure();
          emitter.store(value, buffers[number], column);
        }
        return success();
      })))
    return failure();
  {
    OpBuilder::InsertionGuard guard(builder);
    for (unsigned dim : reduced)
      loops[dim] = emitter.makeLoop(zero, sizes[dim], one).getInductionVar();
    if (failed(columnLoop([&](Value column) -> LogicalResult {
          SmallVector<Value> values;
          for (auto [number, buffer] : llvm::enumerate(buffers))
            values.push_back(emitter.load(
                cast<RankedTensorType>(op->getResult(number).getType())
                    .getElementType(),
                buffer, column));
          values = emitter.inlineBody(op, loops, values);
          if (values.empty())
            return failure();
          for (auto [value, buffer] : llvm::zip(values, buffers))
            emitter.store(value, buffer, column);
          return success();
        })))
      return failure();
  }
  for (auto [number, buffer] : llvm::enumerate(buffers)) {
    Value result = op->getResult(number);
    AffineMap map = op.getIndexingMapMatchingResult(cast<OpResult>(result));
    unsigned position = 0;
    for (auto [axis, expr] : llvm::enumerate(map.getResults()))
      if (expr == getAffineDimExpr(lastLoop, map.getContext()))
        position = axis;
    Type type = cast<RankedTensorType>(result.getType()).getElementType();
    bool isSplit = reduction.splitLoop >= 0;
    emitter.redirect(result, [this, buffer = buffer, begin, position, isSplit,
                              type](ArrayRef<Value> at) {
      Value column = at[position];
      if (isSplit)
        column = emitter.splitChannel(column, schedule.split->block).second;
      return emitter.load(type, buffer, emitter.sub(column, begin));
    });
  }
  return success();
}

LogicalResult cinch::computeRoots(const KernelSchedule &schedule,
                                  ElementEmitter &emitter,
                                  ArrayRef<Value> indices,
                                  SmallVectorImpl<RootElement> &elements,
                                  bool ofRows) {
  for (KernelRoot root : schedule.roots) {
    if (root.isOfRow != ofRows)
      continue;
    SmallVector<Value> loops(root.op.getNumLoops(), emitter.constant(0));
    for (auto [position, loop] : llvm::enumerate(getSpaceLoops(schedule, root)))
      loops[loop] = indices[position];
    if (const std::optional<ChannelSplit> &split = schedule.split)
      loops[getSpaceLoops(schedule, root)[split->inner]] = emitter.joinChannel(
          indices[split->outer], indices[split->inner], split->block);
    Value result = root.op->getResult(root.result);
    SmallVector<Value> at = emitter.apply(
        root.op.getIndexingMapMatchingResult(cast<OpResult>(result)), loops);
    Value value = emitter.element(result, at);
    Value offset = root.offset ? emitter.scalar(root.offset) : Value();
    if (!value || (root.offset && !offset))
      return failure();
    if (root.hasAxis)
      at[root.axis] = emitter.add(at[root.axis], offset);
    else if (offset)
      at.insert(at.begin() + root.axis, offset);
    elements.push_back({value, root.argument, at});
  }
  return success();
}

LogicalResult cinch::emitRoots(const KernelSchedule &schedule,
                               ElementEmitter &emitter, ArrayRef<Value> indices,
                               bool ofRows) {
  SmallVector<RootElement> elements;
  if (failed(computeRoots(schedule, emitter, indices, elements, ofRows)))
    return failure();
  storeRoots(emitter, elements);
  return success();
}

/// Few tiles are worth a thread where elements are expensive.
static int64_t getTileGrain(func::FuncOp body, const KernelSchedule &schedule) {
  bool expensive = !schedule.reductions.empty();
  body.walk([&](Operation *op) {
    expensive |= isa_and_nonnull<math::MathDialect>(op->getDialect());
  });
  return expensive ? 1 : 4;
}

FailureOr<int64_t> cinch::emitKernelLoops(OpBuilder &builder, func::FuncOp body,
                                          ArrayRef<bool> shared,
                                          bool reference) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  if (failed(emitTileFunctions(
          builder, body, shared, !reference, [&](ElementEmitter &emitter) {
            return LoopEmitter(*schedule, emitter, reference);
          })))
    return failure();
  return getTileGrain(body, *schedule);
}
