//===- ContractionPanels.cpp - panels of operands on the stack ------------===//
//
// Walks the rows, columns and depth of a contraction, and fills panels element
// by element where microkernels cannot read an operand in place.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ContractionEmitter.h"

using namespace mlir;
using namespace cinch;

void ContractionEmitter::decode(Value linear, ArrayRef<unsigned> dims,
                                ArrayRef<Value> sizes,
                                MutableArrayRef<Value> into) {
  for (unsigned dim : llvm::reverse(dims)) {
    if (dim == dims.front()) {
      into[dim] = linear;
      break;
    }
    into[dim] = emitter.rem(linear, sizes[dim]);
    linear = emitter.floorDiv(linear, sizes[dim]);
  }
}

LogicalResult
ContractionEmitter::forDepth(Value first, Value count,
                             function_ref<LogicalResult(Value)> emit) {
  if (depthLoops.size() <= 1 || plan.hasLinearDepth) {
    for (unsigned loop : depthLoops)
      loops[loop] = emitter.constant(0);
    return emitter.forRange(
        count, /*isParallel=*/!depthLoops.empty(), [&](Value local) {
          if (!depthLoops.empty())
            loops[depthLoops.back()] = emitter.add(first, local);
          return emit(local);
        });
  }
  // Runs of the innermost loop; of all of it, where blocks are whole windows.
  OpBuilder::InsertionGuard guard(builder);
  Value end = emitter.add(first, count), zero = emitter.constant(0);
  unsigned last = depthLoops.back();
  Value width = loopSizes[last];
  Value begin = emitter.floorDiv(first, width);
  scf::ForOp runs =
      emitter.makeLoop(begin, emitter.ceilDiv(end, width), emitter.constant(1));
  Value run = runs.getInductionVar();
  decode(run, ArrayRef<unsigned>(depthLoops).drop_back(), loopSizes, loops);
  Value start = emitter.mul(run, width), low = zero, high = width;
  std::optional<int64_t> size = getConstantIntValue(width);
  if (!plan.depth || !size || plan.blockDepth % *size != 0) {
    low = emitter.max(emitter.sub(first, start), zero);
    high = emitter.min(emitter.sub(end, start), width);
  }
  scf::ForOp loop = emitter.makeLoop(low, high, emitter.constant(1));
  emitter.markParallel(loop);
  loops[last] = loop.getInductionVar();
  return emit(emitter.add(loop.getInductionVar(), emitter.sub(start, first)));
}

LogicalResult
ContractionEmitter::forBlocks(function_ref<LogicalResult()> emit) {
  if (plan.groupBlocks == 1) {
    block = firstBlock;
    blockStart = emitter.constant(0);
    return emit();
  }
  return emitter.forRange(blocks, /*isParallel=*/false, [&](Value number) {
    block = emitter.add(firstBlock, number);
    blockStart = emitter.mul(
        number, emitter.constant(getAccumulatorRows() * plan.blockColumns));
    return emit();
  });
}

Value ContractionEmitter::getFirstColumn() {
  return emitter.mul(block, emitter.constant(plan.blockColumns));
}

Value ContractionEmitter::getColumns() {
  return emitter.min(emitter.sub(numColumns, getFirstColumn()),
                     emitter.constant(plan.blockColumns));
}

void ContractionEmitter::setRow(Value linear) {
  // Rows of several dimensions are merged: the last one takes the linear index.
  if (plan.rows.empty())
    return;
  indices[plan.rows.back()] = linear;
  loops[plan.loopOfDim[plan.rows.back()]] = linear;
}

LogicalResult
ContractionEmitter::forColumns(Value first, Value count,
                               function_ref<LogicalResult(Value)> emit) {
  OpBuilder::InsertionGuard guard(builder);
  Value one = emitter.constant(1), end = emitter.add(first, count);
  auto set = [&](unsigned dim, Value value) {
    indices[dim] = value;
    loops[plan.loopOfDim[dim]] = value;
  };
  unsigned last = plan.columns.back();
  if (plan.linearColumns) {
    scf::ForOp loop = emitter.makeLoop(first, end, one);
    emitter.markParallel(loop);
    set(last, loop.getInductionVar());
    return emit(emitter.sub(loop.getInductionVar(), first));
  }
  // Runs of the last dimension, one for each value of the others.
  Value width = dimSizes[last];
  Value begin = emitter.floorDiv(first, width);
  scf::ForOp runs = emitter.makeLoop(begin, emitter.ceilDiv(end, width), one);
  Value run = runs.getInductionVar();
  decode(run, ArrayRef<unsigned>(plan.columns).drop_back(), dimSizes, indices);
  for (unsigned dim : plan.columns)
    loops[plan.loopOfDim[dim]] = indices[dim];
  Value start = emitter.mul(run, width);
  Value low = emitter.max(emitter.sub(first, start), emitter.constant(0));
  Value high = emitter.min(emitter.sub(end, start), width);
  scf::ForOp loop = emitter.makeLoop(low, high, one);
  emitter.markParallel(loop);
  set(last, loop.getInductionVar());
  return emit(emitter.add(loop.getInductionVar(), emitter.sub(start, first)));
}

Value ContractionEmitter::read(OpOperand *operand) {
  return emitter.read(plan.op, operand, loops);
}

LogicalResult ContractionEmitter::copy(OpOperand *operand, Value panel,
                                       Value at) {
  Value value = read(operand);
  if (value)
    emitter.store(value, panel, at);
  return success(value != nullptr);
}

Value ContractionEmitter::addressOf(OpOperand *operand) {
  return emitter.addressOf(plan.op, operand, loops);
}

/// A[firstRow + r, firstDepth + d] -> lhsPanel[r, d], zeros behind the depth.
LogicalResult ContractionEmitter::packLhs(Value firstRow, Value count,
                                          Value firstDepth, Value depth) {
  if (dot)
    return packIntegerLhs(firstRow, count, firstDepth, depth);
  Value width = emitter.constant(plan.blockDepth);
  return emitter.forRange(count, /*isParallel=*/false, [&](Value row) {
    setRow(emitter.add(firstRow, row));
    Value start = emitter.mul(row, width);
    LogicalResult packed = forDepth(firstDepth, depth, [&](Value local) {
      return copy(plan.lhs, lhsPanel, emitter.add(start, local));
    });
    if (!plan.depth)
      emitter.fillZeros(lhsPanel, emitter.add(start, depth),
                        emitter.add(start, width));
    return packed;
  });
}

/// B[depth, c] for the `count` columns of the current block -> rhsPanel[start
/// ..], where B is computed from elements that share bytes or are packed in
/// blocks of columns.
LogicalResult ContractionEmitter::packUnits(Value depth, Value count,
                                            Value start) {
  int64_t size = plan.columnUnit;
  unsigned column = plan.columns.back();
  if (*plan.numColumns % plan.blockColumns == 0)
    count = emitter.constant(plan.blockColumns);
  Value firstUnit =
      emitter.mul(block, emitter.constant(plan.blockColumns / size));
  Value matrix = plan.unpack ? plan.unpack->getResult(0) : Value();
  LogicalResult packed = emitter.forRange(
      emitter.floorDiv(count, emitter.constant(size)), /*isParallel=*/true,
      [&](Value unit) {
        for (int64_t number = 0; number < size; ++number) {
          Value local = emitter.joinUnit(unit, number, size);
          Value index =
              emitter.joinUnit(emitter.add(firstUnit, unit), number, size);
          indices[column] = loops[plan.loopOfDim[column]] = index;
          if (plan.unpack)
            emitter.redirect(matrix, [&, local](ArrayRef<Value>) {
              return emitter.element(emitter.frame.body.getArgument(
                                         getPackedArgument(plan.unpack)),
                                     {block, depth, local});
            });
          if (failed(copy(plan.rhs, rhsPanel, emitter.add(start, local))))
            return failure();
        }
        return success();
      });
  if (plan.unpack)
    emitter.endRedirect(matrix);
  return packed;
}

/// B[firstDepth + d, firstColumn + c] -> rhsPanel[d, c], zeros behind both.
LogicalResult ContractionEmitter::packRhs(Value firstDepth, Value depth,
                                          Value firstColumn, Value count) {
  if (dot)
    return packIntegerRhs(firstDepth, depth, firstColumn, count);
  Value width = emitter.constant(plan.blockColumns);
  LogicalResult packed =
      emitter.forRange(depth, /*isParallel=*/false, [&](Value row) {
        Value at = emitter.add(firstDepth, row);
        decode(at, depthLoops, loopSizes, loops);
        Value start = emitter.mul(row, width);
        LogicalResult packed =
            plan.unpack || plan.columnUnit > 1
                ? packUnits(at, count, start)
                : forColumns(firstColumn, count, [&](Value local) {
                    return copy(plan.rhs, rhsPanel, emitter.add(start, local));
                  });
        emitter.fillZeros(rhsPanel, emitter.add(start, count),
                          emitter.add(start, width));
        return packed;
      });
  if (!plan.depth)
    emitter.fillZeros(rhsPanel, emitter.mul(depth, width),
                      emitter.constant(plan.blockDepth * plan.blockColumns));
  return packed;
}
