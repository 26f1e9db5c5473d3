//===- ContractionIntegers.cpp - contractions of 8-bit integers -----------===//
//
// As contractions of f32, with sums in i32 and panels of bytes in the order of
// DotProducts.h. Where both operands are signed and the instruction wants one
// unsigned, A is packed with 128 added, and one more row of 128s gives what
// that adds to each column of the result, in the same pass over B.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ContractionEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

void cinch::chooseIntegerBlocks(ContractionPlan &plan) {
  // The panels of a block stay in the first level cache. Few blocks of columns
  // share what is packed of A, so that there are tiles for all threads.
  constexpr int64_t maxDepth = 384, maxPackedDepth = 256, maxGroupBlocks = 4,
                    maxCallRows = 64;
  if (!plan.packedArgument)
    plan.blockColumns = getDotColumns(plan.numColumns.value_or(64));
  plan.blockDepth = maxPackedDepth;
  if (plan.depth) {
    int64_t most = plan.packedArgument ? maxDepth : maxPackedDepth;
    int64_t parts = std::max<int64_t>(llvm::divideCeil(*plan.depth, most), 1);
    plan.blockDepth =
        std::max<int64_t>(llvm::divideCeil(*plan.depth, parts), 1);
    plan.blockDepth = llvm::alignTo(plan.blockDepth, dotDepth);
  }
  // What is packed of B serves all rows of a tile.
  plan.tileRows = plan.packedArgument ? maxCallRows : 2 * maxCallRows;
  if (plan.numRows)
    plan.tileRows =
        std::min(plan.tileRows, std::max<int64_t>(*plan.numRows, 1));
  plan.callRows = plan.tileRows;
  if (plan.packedArgument && plan.numColumns)
    plan.groupBlocks = std::clamp<int64_t>(
        llvm::divideCeil(*plan.numColumns, plan.blockColumns), 1,
        maxGroupBlocks);
}

DotProduct ContractionEmitter::makeDotProduct() const {
  DotProduct product =
      DotProduct::get(microkernels.getDotProducts(), plan.integers->isLhsSigned,
                      plan.integers->isRhsSigned);
  product.columns = plan.blockColumns;
  product.rowDepth = plan.blockDepth;
  return product;
}

/// The element of A at the current indices, as its panel has it.
Value ContractionEmitter::readLhsUnit() {
  Value value = read(plan.lhs);
  if (!value)
    return nullptr;
  if (dot->isWide) {
    Type i16 = builder.getI16Type();
    if (dot->isLhsSigned)
      return arith::ExtSIOp::create(builder, emitter.loc, i16, value);
    return arith::ExtUIOp::create(builder, emitter.loc, i16, value);
  }
  if (!dot->isShifted())
    return value;
  Value shift = arith::ConstantIntOp::create(builder, emitter.loc, -128, 8);
  return arith::XOrIOp::create(builder, emitter.loc, value, shift);
}

/// A[firstRow + r, firstDepth + d] -> lhsPanel[r, d], zeros up to a whole step;
/// the row of 128s behind the last one.
LogicalResult ContractionEmitter::packIntegerLhs(Value firstRow, Value count,
                                                 Value firstDepth,
                                                 Value depth) {
  Value width = emitter.constant(plan.blockDepth);
  Value padded = emitter.mul(emitter.ceilDiv(depth, emitter.constant(dotDepth)),
                             emitter.constant(dotDepth));
  auto fill = [&](Value begin, Value number, int64_t value) {
    Value element = arith::ConstantIntOp::create(builder, emitter.loc, value,
                                                 dot->isWide ? 16 : 8);
    return emitter.forRange(number, /*isParallel=*/true, [&](Value local) {
      emitter.store(element, lhsPanel, emitter.add(begin, local));
      return success();
    });
  };
  LogicalResult packed =
      emitter.forRange(count, /*isParallel=*/false, [&](Value row) {
        setRow(emitter.add(firstRow, row));
        Value start = emitter.mul(row, width);
        LogicalResult done = forDepth(firstDepth, depth, [&](Value local) {
          Value value = readLhsUnit();
          if (value)
            emitter.store(value, lhsPanel, emitter.add(start, local));
          return success(value != nullptr);
        });
        if (failed(done) || (plan.depth && *plan.depth % dotDepth == 0))
          return done;
        return fill(emitter.add(start, depth), emitter.sub(padded, depth), 0);
      });
  if (failed(packed) || !dot->isShifted())
    return packed;
  return fill(emitter.mul(count, width), padded, -128);
}

/// B[firstDepth + 4 q + i, firstColumn + c] -> byte i of rhsPanel[q, c], zeros
/// behind the depth. Columns behind the last one are not used.
LogicalResult ContractionEmitter::packIntegerRhs(Value firstDepth, Value depth,
                                                 Value firstColumn,
                                                 Value count) {
  Location loc = emitter.loc;
  Value width = emitter.constant(plan.blockColumns);
  Value four = emitter.constant(dotDepth);
  Value last = emitter.sub(numDepth, emitter.constant(1));
  bool isWhole = plan.depth && *plan.depth % dotDepth == 0;
  auto packStep = [&](Value step) -> LogicalResult {
    // Where the four bytes are along the depth, and whether they exist.
    Value first = emitter.add(firstDepth, emitter.mul(step, four));
    SmallVector<SmallVector<Value>> places;
    SmallVector<Value> exist;
    for (int64_t part = 0; part < dotDepth; ++part) {
      Value at = emitter.add(first, emitter.constant(part));
      if (!isWhole)
        exist.push_back(arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::sle, at, last));
      decode(isWhole ? at : emitter.min(at, last), depthLoops, loopSizes,
             loops);
      places.push_back(loops);
    }
    Value start = emitter.mul(step, width);
    return forColumns(firstColumn, count, [&](Value local) -> LogicalResult {
      Value bytes;
      for (int64_t part = 0; part < dotDepth; ++part) {
        for (unsigned loop : depthLoops)
          loops[loop] = places[part][loop];
        Value byte = read(plan.rhs);
        if (!byte)
          return failure();
        Value zero = arith::ConstantIntOp::create(builder, loc, 0, 8);
        if (!isWhole)
          byte = arith::SelectOp::create(builder, loc, exist[part], byte, zero);
        Type i32 = builder.getI32Type();
        byte = arith::ExtUIOp::create(builder, loc, i32, byte);
        Value shift = arith::ConstantIntOp::create(builder, loc, 8 * part, 32);
        byte = arith::ShLIOp::create(builder, loc, byte, shift);
        bytes = bytes ? Value(arith::OrIOp::create(builder, loc, bytes, byte))
                      : byte;
      }
      emitter.store(bytes, rhsPanel, emitter.add(start, local));
      return success();
    });
  };
  return emitter.forRange(emitter.ceilDiv(depth, four), /*isParallel=*/false,
                          packStep);
}

/// Adds the product of the panel of A and the block at `b` to the sums at `c`.
void ContractionEmitter::callDot(Value rows, Value depth, Value b, Value c) {
  auto module =
      builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  func::FuncOp function =
      getDotFunction(module, microkernels.getDotProducts(), *dot);
  Value steps = emitter.ceilDiv(depth, emitter.constant(dotDepth));
  if (dot->isShifted())
    rows = emitter.add(rows, emitter.constant(1));
  func::CallOp::create(builder, emitter.loc, function,
                       ValueRange{lhsPanel, b, c, rows, steps});
}

/// `sum` of the accumulator at `base`, at the current column, less what the
/// shift of A added to it.
Value ContractionEmitter::unshift(Value sum, Value base) {
  Value row = emitter.mul(tileRows, emitter.constant(plan.blockColumns));
  Value place = emitter.add(blockStart, emitter.add(row, localColumn));
  Value shift = emitter.load(builder.getI32Type(), base, place);
  return arith::SubIOp::create(builder, emitter.loc, sum, shift);
}
