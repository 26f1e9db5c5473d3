//===- AttentionBlocks.cpp - one block of queries and one of keys ---------===//
//
// Scores are computed as keys times transposed queries, [key, row]: keys and
// values are then read where they are, and the softmax along the keys is a
// loop over rows, which vectorizes without reductions.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/AttentionEmitter.h"
#include "lib/Lowering/KernelToLLVM/MicrokernelCalls.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace cinch;

LogicalResult AttentionEmitter::forRows(bool isParallel,
                                        SmallVector<Value> &loops,
                                        function_ref<LogicalResult()> body) {
  OpBuilder::InsertionGuard guard(builder);
  Value zero = emitter.constant(0), one = emitter.constant(1);
  Value heads = emitter.constant(plan.groupSize), line = zero;
  Value inner = headsInside ? heads : headRows;
  if (plan.groupSize != 1)
    line = emitter.makeLoop(zero, headsInside ? headRows : heads, one)
               .getInductionVar();
  scf::ForOp loop = emitter.makeLoop(zero, inner, one);
  // Short loops are unrolled otherwise, and do not become vectors.
  if (isParallel)
    emitter.markParallel(loop, plan.groupSize != 1 && !headsInside);
  Value column = loop.getInductionVar();
  localRow = emitter.add(emitter.mul(line, inner), column);
  if (plan.groupSize != 1)
    loops[row - 1] = emitter.add(firstHead, headsInside ? column : line);
  loops[row] = emitter.add(firstRow, headsInside ? line : column);
  return body();
}

void AttentionEmitter::fill(Value buffer, int64_t count, double value) {
  (void)emitter.forRange(emitter.constant(count), /*isParallel=*/true,
                         [&](Value at) {
                           emitter.store(number(value), buffer, at);
                           return success();
                         });
}

void AttentionEmitter::call(int64_t m, int64_t n, int64_t k, int64_t lda,
                            int64_t ldb, int64_t ldc, bool accumulate,
                            bool transposed, Value a, Value b, Value c) {
  MicrokernelTable::Shape shape = {};
  for (auto [to, from] :
       llvm::zip(shape, std::array<int64_t, 8>{m, n, k, lda, ldb, ldc,
                                               accumulate, transposed}))
    to = static_cast<int32_t>(from);
  Value position = arith::ConstantIntOp::create(
      builder, emitter.loc, microkernels.getPosition(shape), 64);
  callMicrokernel(emitter, position, a, b, c);
}

LogicalResult AttentionEmitter::packQueries() {
  fill(queries, plan.headSize * blockRows, 0); // rows beyond the last
  SmallVector<Value> loops(scoreLoops);
  return forRows(/*isParallel=*/false, loops, [&]() {
    return emitter.forRange(
        emitter.constant(plan.headSize), /*isParallel=*/true,
        [&](Value depth) -> LogicalResult {
          loops[last] = depth;
          Value value = emitter.read(plan.scores, plan.getQueries(), loops);
          if (!value)
            return failure();
          emitter.store(value, queries, at(depth, blockRows, localRow));
          return success();
        });
  });
}

LogicalResult AttentionEmitter::packRows(OpOperand *operand,
                                         linalg::GenericOp op,
                                         SmallVector<Value> &loops,
                                         unsigned along, unsigned inner,
                                         int64_t width, Value panel) {
  return emitter.forRange(keys, /*isParallel=*/false, [&](Value local) {
    loops[along] = emitter.add(firstKey, local);
    return emitter.forRange(emitter.constant(width), /*isParallel=*/true,
                            [&](Value column) -> LogicalResult {
                              loops[inner] = column;
                              Value value = emitter.read(op, operand, loops);
                              if (!value)
                                return failure();
                              emitter.store(value, panel,
                                            at(local, width, column));
                              return success();
                            });
  });
}

LogicalResult AttentionEmitter::multiplyKeys() {
  Value a = keyPanel;
  int64_t stride = plan.keyStride.value_or(plan.headSize);
  scoreLoops[middle] = firstKey;
  if (!plan.keyStride) {
    if (failed(packRows(plan.getKeys(), plan.scores, scoreLoops, middle, last,
                        plan.headSize, keyPanel)))
      return failure();
  } else {
    scoreLoops[last] = emitter.constant(0);
    a = emitter.addressOf(plan.scores, plan.getKeys(), scoreLoops);
  }
  forDigits(emitter, keys, plan.blockKeys, [&](int64_t count, Value done) {
    call(count, blockRows, plan.headSize, stride, blockRows, blockRows,
         /*accumulate=*/false, /*transposed=*/false,
         advance(emitter, a, done, stride), queries,
         advance(emitter, weights, done, blockRows));
  });
  return success();
}

LogicalResult AttentionEmitter::computeLogits() {
  int64_t most = blockRows / plan.groupSize;
  if (plan.groupSize == 1 || headsInside || getConstantIntValue(headRows))
    return computeLogitsOfRows();
  // The innermost loop is short: vectors need the number of its iterations.
  Value isFull =
      arith::CmpIOp::create(builder, emitter.loc, arith::CmpIPredicate::eq,
                            headRows, emitter.constant(most));
  auto choice =
      scf::IfOp::create(builder, emitter.loc, isFull, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(choice.elseBlock());
  if (failed(computeLogitsOfRows()))
    return failure();
  llvm::SaveAndRestore known(headRows, emitter.constant(most));
  builder.setInsertionPointToStart(choice.thenBlock());
  return computeLogitsOfRows();
}

LogicalResult AttentionEmitter::computeLogitsOfRows() {
  Value place;
  emitter.redirect(plan.scores->getResult(0),
                   [&](ArrayRef<Value>) { return load(weights, place); });
  (void)emitter.forRange(rows, /*isParallel=*/true, [&](Value local) {
    emitter.store(load(largest, local), next, local);
    return success();
  });
  SmallVector<Value> indices(ArrayRef<Value>(scoreLoops).drop_back());
  LogicalResult result =
      emitter.forRange(keys, /*isParallel=*/false, [&](Value key) {
        indices[middle] = emitter.add(firstKey, key);
        return forRows(
            /*isParallel=*/true, indices, [&]() -> LogicalResult {
              place = at(key, blockRows, localRow);
              Value logit = emitter.element(plan.logits, indices);
              if (!logit)
                return failure();
              if (!logit.getType().isF32())
                logit = arith::ExtFOp::create(builder, emitter.loc,
                                              builder.getF32Type(), logit);
              emitter.store(logit, weights, place);
              Value old = load(next, localRow);
              emitter.store(
                  select(arith::CmpFPredicate::OGT, logit, old, logit, old),
                  next, localRow);
              return success();
            });
      });
  emitter.endRedirect(plan.scores->getResult(0));
  return result;
}

LogicalResult AttentionEmitter::correct() {
  double infinity = std::numeric_limits<double>::infinity();
  return emitter.forRange(rows, /*isParallel=*/false, [&](Value local) {
    Value grown = load(next, local);
    // A row that is masked so far: its exponentials are all 0.
    Value shift = select(arith::CmpFPredicate::OEQ, grown, number(-infinity),
                         number(0), grown);
    Value factor = math::ExpOp::create(
        builder, emitter.loc, make<arith::SubFOp>(load(largest, local), shift));
    emitter.store(grown, largest, local);
    emitter.store(shift, next, local);
    emitter.store(make<arith::MulFOp>(load(total, local), factor), total,
                  local);
    return emitter.forRange(
        emitter.constant(plan.valueSize), /*isParallel=*/true,
        [&](Value column) {
          Value place = at(local, plan.valueSize, column);
          emitter.store(make<arith::MulFOp>(load(sums, place), factor), sums,
                        place);
          return success();
        });
  });
}

LogicalResult AttentionEmitter::exponentiate() {
  return emitter.forRange(keys, /*isParallel=*/false, [&](Value key) {
    return emitter.forRange(rows, /*isParallel=*/true, [&](Value local) {
      Value place = at(key, blockRows, local);
      Value power = math::ExpOp::create(
          builder, emitter.loc,
          make<arith::SubFOp>(load(weights, place), load(next, local)));
      emitter.store(power, weights, place);
      emitter.store(make<arith::AddFOp>(load(total, local), power), total,
                    local);
      return success();
    });
  });
}

LogicalResult AttentionEmitter::multiplyValues() {
  Value b = valuePanel;
  int64_t stride = plan.valueStride.value_or(plan.valueSize);
  productLoops[last] = firstKey;
  if (!plan.valueStride) {
    if (failed(packRows(plan.getValues(), plan.product, productLoops, last,
                        middle, plan.valueSize, valuePanel)))
      return failure();
  } else {
    productLoops[middle] = emitter.constant(0);
    b = emitter.addressOf(plan.product, plan.getValues(), productLoops);
  }
  forDigits(emitter, keys, plan.blockKeys, [&](int64_t count, Value done) {
    call(blockRows, plan.valueSize, count, blockRows, stride, plan.valueSize,
         /*accumulate=*/true, /*transposed=*/true,
         advance(emitter, weights, done, blockRows),
         advance(emitter, b, done, stride), sums);
  });
  return success();
}

LogicalResult AttentionEmitter::emitBlock() {
  return success(succeeded(multiplyKeys()) && succeeded(computeLogits()) &&
                 succeeded(correct()) && succeeded(exponentiate()) &&
                 succeeded(multiplyValues()));
}
