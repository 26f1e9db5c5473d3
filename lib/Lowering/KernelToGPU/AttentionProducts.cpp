//===- AttentionProducts.cpp - products of an attention in f32 ------------===//
#include "lib/Lowering/KernelToGPU/AttentionBlock.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

/// Elements that are read of shared memory at once.
static constexpr int64_t chunk = 4;

/// `count` iterations of `body(index, sums)`, which returns the new sums.
static SmallVector<Value>
makeSumLoop(ElementEmitter &emitter, int64_t count, ValueRange init,
            function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  OpBuilder::InsertionGuard guard(emitter.builder);
  scf::ForOp loop =
      emitter.makeLoop(emitter.constant(0), emitter.constant(count),
                       emitter.constant(chunk), init);
  SmallVector<Value> sums =
      body(loop.getInductionVar(), ValueRange(loop.getRegionIterArgs()));
  scf::YieldOp::create(emitter.builder, emitter.loc, sums);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void AttentionBlock::multiplyKeys() {
  if (layout.usesMatrices) {
    multiplyKeysByMatrices();
    return;
  }
  Type f32 = builder.getF32Type();
  int64_t numRows = layout.getThreadRows(),
          numThreadKeys = layout.getThreadKeys();
  Value firstQuery = emitter.add(firstRow, group);
  Value firstKey = emitter.add(firstWarpKey, member);
  scores = makeSumLoop(
      emitter, layout.depth, Values(numRows * numThreadKeys, number(0)),
      [&](Value depth, ValueRange old) {
        Values result(old);
        Value query = queryTile.at(emitter, firstQuery, depth);
        Value key = keyTile.at(emitter, firstKey, depth);
        SmallVector<Values> keyLines;
        for (int64_t j = 0; j < numThreadKeys; ++j)
          keyLines.push_back(loadTogether(
              emitter, f32,
              movePointer(emitter, key, 4 * 8 * j * layout.keyStride), chunk));
        for (int64_t i = 0; i < numRows; ++i) {
          Values line = loadTogether(
              emitter, f32,
              movePointer(emitter, query, 4 * 4 * i * layout.queryStride),
              chunk);
          for (int64_t j = 0; j < numThreadKeys; ++j)
            for (int64_t k = 0; k < chunk; ++k) {
              Value &sum = result[i * numThreadKeys + j];
              sum = multiplyAdd(line[k], keyLines[j][k], sum);
            }
        }
        return result;
      });
}

void AttentionBlock::multiplyValues() {
  if (layout.usesMatrices) {
    multiplyValuesByMatrices();
    return;
  }
  Type f32 = builder.getF32Type();
  int64_t numRows = layout.getThreadRows(),
          numThreadKeys = layout.getThreadKeys(),
          numColumns = layout.getThreadColumns();
  // Each thread needs the weights of its rows for all keys of the warp.
  Value warpRow = emitter.add(
      firstRow, emitter.mul(keyWarp, emitter.constant(layout.getRows())));
  warpRow = emitter.add(warpRow, group);
  Value own = weightTile.at(emitter, warpRow, member);
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t j = 0; j < numThreadKeys; ++j)
      storeTogether(
          emitter, scores[i * numThreadKeys + j],
          movePointer(emitter, own, 4 * (4 * i * layout.weightStride + 8 * j)));
  NVVM::SyncWarpOp::create(
      builder, emitter.loc,
      arith::ConstantIntOp::create(builder, emitter.loc, -1, 32));
  Value firstColumn = emitter.mul(member, emitter.constant(chunk));
  sums = makeSumLoop(
      emitter, layout.warpKeys, sums, [&](Value key, ValueRange old) {
        Values result(old);
        Value weight = weightTile.at(emitter, warpRow, key);
        Value value =
            valueTile.at(emitter, emitter.add(firstWarpKey, key), firstColumn);
        SmallVector<Values> weights;
        for (int64_t i = 0; i < numRows; ++i)
          weights.push_back(loadTogether(
              emitter, f32,
              movePointer(emitter, weight, 4 * 4 * i * layout.weightStride),
              chunk));
        for (int64_t k = 0; k < chunk; ++k)
          for (int64_t c = 0; c < numColumns; c += chunk) {
            Values line = loadTogether(
                emitter, f32,
                movePointer(emitter, value,
                            4 * (k * layout.valueStride + columnOf(c))),
                chunk);
            for (int64_t i = 0; i < numRows; ++i)
              for (int64_t n = 0; n < chunk; ++n) {
                Value &sum = result[i * numColumns + c + n];
                sum = multiplyAdd(weights[i][k], line[n], sum);
              }
          }
        return result;
      });
}
