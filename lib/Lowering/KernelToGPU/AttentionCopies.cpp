//===- AttentionCopies.cpp - operands of an attention to shared memory ----===//
#include "lib/Lowering/KernelToGPU/AsyncCopy.h"
#include "lib/Lowering/KernelToGPU/AttentionBlock.h"

using namespace mlir;
using namespace cinch;

/// True if 16 bytes of `operand` along loop `inner`, from any multiple of them
/// on, are neighbours in memory and aligned, and `columns` are a multiple.
static bool canCopyAsync(const AttentionOperand &operand, Type element,
                         const DeviceBody &body) {
  auto argument = dyn_cast<BlockArgument>(operand.operand->get());
  auto type = cast<RankedTensorType>(operand.operand->get().getType());
  if (!argument || type.getElementType() != element || type.getEncoding() ||
      type.getRank() == 0)
    return false;
  unsigned number = argument.getArgNumber();
  int64_t count = 128 / element.getIntOrFloatBitWidth();
  linalg::GenericOp op = operand.op;
  AffineMap map = op.getMatchingIndexingMap(operand.operand);
  AffineExpr inner = getAffineDimExpr(operand.inner, op.getContext());
  AffineExpr rest =
      simplifyAffineExpr(map.getResults().back() - inner, map.getNumDims(), 0);
  bool isPlain =
      !rest.isFunctionOfDim(operand.inner) && rest.isMultipleOf(count) &&
      llvm::none_of(map.getResults().drop_back(), [&](AffineExpr expr) {
        return expr.isFunctionOfDim(operand.inner);
      });
  int64_t width = type.getShape().back();
  return isPlain && !ShapedType::isDynamic(width) && width % count == 0 &&
         operand.columns % count == 0 && body.alignments[number] % 16 == 0 &&
         getRowAxis(body.body, number) != type.getRank() - 1;
}

AttentionOperand AttentionBlock::makeOperand(linalg::GenericOp op,
                                             OpOperand *operand, unsigned along,
                                             unsigned inner, int64_t columns,
                                             const DeviceBody &body) {
  AttentionOperand result;
  result.op = op;
  result.operand = operand;
  result.along = along;
  result.inner = inner;
  result.columns = columns;
  result.isAsync = canCopyAsync(result, layouts.many.element, body);
  AffineMap map = op.getMatchingIndexingMap(operand);
  result.isTransposed = map.getNumResults() != 0 &&
                        map.getResults().back().isFunctionOfDim(along) &&
                        !map.getResults().back().isFunctionOfDim(inner);
  return result;
}

LogicalResult AttentionBlock::copyPiece(const AttentionOperand &operand,
                                        const PaddedTile &tile, Value row,
                                        Value column, bool isRagged,
                                        Value numValid, Values &loops,
                                        function_ref<void(Value)> setRow) {
  linalg::GenericOp op = operand.op;
  setRow(row);
  loops[operand.inner] = column;
  Value isValid;
  if (numValid)
    isValid = isLess(row, numValid);
  if (isRagged) {
    Value inside = isLess(column, emitter.constant(operand.columns));
    isValid = isValid ? make<arith::AndIOp>(isValid, inside) : inside;
  }
  if (operand.isAsync) {
    Value source = emitter.addressOf(op, operand.operand, loops);
    copyAsync(emitter, tile.at(emitter, row, column), source, 16, isValid);
    return success();
  }
  auto read = [&]() -> Value {
    AffineMap map = op.getMatchingIndexingMap(operand.operand);
    Value value =
        emitter.element(operand.operand->get(), emitter.apply(map, loops));
    if (value && value.getType() != tile.element)
      value = arith::ExtFOp::create(builder, emitter.loc, tile.element, value);
    return value;
  };
  Value value;
  if (!isValid) {
    value = read();
  } else {
    auto choice = scf::IfOp::create(builder, emitter.loc, tile.element, isValid,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(
        builder, emitter.loc,
        arith::ConstantOp::create(builder, emitter.loc,
                                  builder.getFloatAttr(tile.element, 0))
            .getResult());
    builder.setInsertionPointToStart(choice.thenBlock());
    if (Value inside = read())
      scf::YieldOp::create(builder, emitter.loc, inside);
    else
      return failure();
    value = choice.getResult(0);
  }
  if (!value)
    return failure();
  storeTogether(emitter, value, tile.at(emitter, row, column));
  return success();
}

LogicalResult AttentionBlock::copyTile(const AttentionOperand &operand,
                                       const PaddedTile &tile, int64_t rows,
                                       int64_t paddedColumns, Value numValid,
                                       Values &loops,
                                       function_ref<void(Value)> setRow) {
  int64_t count =
      operand.isAsync ? 128 / tile.element.getIntOrFloatBitWidth() : 1;
  int64_t pieces = paddedColumns / count, total = rows * pieces;
  int64_t threads = layout.getThreads();
  auto copy = [&](Value piece) {
    Value row, column;
    if (operand.isTransposed) {
      row = emitter.rem(piece, emitter.constant(rows));
      column = emitter.floorDiv(piece, emitter.constant(rows));
    } else {
      row = emitter.floorDiv(piece, emitter.constant(pieces));
      column = emitter.mul(emitter.rem(piece, emitter.constant(pieces)),
                           emitter.constant(count));
    }
    return copyPiece(operand, tile, row, column,
                     paddedColumns != operand.columns, numValid, loops, setRow);
  };
  int64_t rounds = total / threads;
  if (rounds != 0 &&
      failed(emitter.forRange(
          emitter.constant(rounds), /*isParallel=*/false, [&](Value round) {
            return copy(emitter.add(
                emitter.mul(round, emitter.constant(threads)), thread));
          })))
    return failure();
  if (total % threads == 0)
    return success();
  OpBuilder::InsertionGuard guard(builder);
  Value rest = emitter.constant(total % threads);
  scf::IfOp isThere = makeIf(isLess(thread, rest));
  builder.setInsertionPoint(isThere.thenBlock()->getTerminator());
  return copy(emitter.add(emitter.constant(rounds * threads), thread));
}

LogicalResult AttentionBlock::copyQueries() {
  Values loops(scoreLoops);
  Value numValid;
  bool isFull =
      plan.numRows && *plan.numRows * plan.groupSize % layout.getRows() == 0;
  if (!isFull)
    numValid = emitter.sub(numFlat, firstFlat);
  return copyTile(
      queries, queryTile, layout.getRows(), layout.depth, numValid, loops,
      [&](Value local) { setRow(loops, emitter.add(firstFlat, local)); });
}

LogicalResult AttentionBlock::copyAlongKeys(const AttentionOperand &operand,
                                            const PaddedTile &tile,
                                            int64_t paddedColumns,
                                            Value firstKey, Values loops) {
  Value numValid;
  if (!plan.numKeys || *plan.numKeys % layout.getKeys() != 0)
    numValid = emitter.sub(numKeys, firstKey);
  return copyTile(operand, tile, layout.getKeys(), paddedColumns, numValid,
                  loops, [&](Value local) {
                    loops[operand.along] = emitter.add(firstKey, local);
                  });
}

LogicalResult AttentionBlock::copyKeys(Value firstKey) {
  return copyAlongKeys(keys, keyTile, layout.depth, firstKey, scoreLoops);
}

LogicalResult AttentionBlock::copyValues(Value firstKey) {
  return copyAlongKeys(values, valueTile, layout.width, firstKey, productLoops);
}
