//===- AttentionMatrices.cpp - products of an attention on tensor cores ---===//
//
// Weights never leave the registers: the elements of a row of the first product
// that a lane holds are those that it has to hold of the left operand of the
// second (see MatrixFragments.h).
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/AttentionBlock.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t size = 16; ///< rows and depth of a fragment
static constexpr int64_t elementBytes = 2;

/// Four 8 x 8 matrices of shared memory: `address` of lane l is that of row
/// l % 8 of matrix l / 8. A lane gets two neighbours of each in a word (i32):
/// with g = lane / 4 and t = lane % 4 the elements (g, 2 t) and (g, 2 t + 1),
/// or, if `transposed`, (2 t, g) and (2 t + 1, g).
static SmallVector<Value, 4> loadMatrices(ElementEmitter &emitter,
                                          Value address, bool transposed) {
  OpBuilder &builder = emitter.builder;
  MLIRContext *context = builder.getContext();
  auto four = LLVM::LLVMStructType::getLiteral(
      context, SmallVector<Type>(4, builder.getI32Type()));
  Value words = NVVM::LdMatrixOp::create(
      builder, emitter.loc, four, address, /*num=*/4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value, 4> values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(
        LLVM::ExtractValueOp::create(builder, emitter.loc, words, i));
  return values;
}

/// Two f32 rounded to `type`, f16 or bf16, in a word: `low` first.
static Value packPair(ElementEmitter &emitter, Type type, Value low,
                      Value high) {
  OpBuilder &builder = emitter.builder;
  auto name = builder.getStringAttr(type.isF16() ? "llvm.nvvm.ff2f16x2.rn"
                                                 : "llvm.nvvm.ff2bf16x2.rn");
  auto call = LLVM::CallIntrinsicOp::create(builder, emitter.loc,
                                            VectorType::get({2}, type), name,
                                            ValueRange{high, low});
  return LLVM::BitcastOp::create(builder, emitter.loc, builder.getI32Type(),
                                 call.getResults());
}

/// Loads the fragments of all rows of the warp at depth `k` of `query`, the
/// address of this lane.
static SmallVector<SmallVector<Value, 4>>
loadLeft(ElementEmitter &emitter, const AttentionLayout &layout, Value query,
         int64_t k) {
  SmallVector<SmallVector<Value, 4>> fragments;
  for (int64_t m = 0; m < layout.warpRows; m += size)
    fragments.push_back(
        loadMatrices(emitter,
                     movePointer(emitter, query,
                                 elementBytes * (m * layout.queryStride + k)),
                     /*transposed=*/false));
  return fragments;
}

/// Where a lane reads the matrices [rows 0-7, 8-15] of columns 0-7, then 8-15.
static Value getLaneAddress(ElementEmitter &emitter, const PaddedTile &tile,
                            Value lane, Value firstRow) {
  Value half = emitter.constant(16), eight = emitter.constant(8);
  return tile.at(emitter, emitter.add(firstRow, emitter.rem(lane, half)),
                 emitter.mul(emitter.floorDiv(lane, half), eight));
}

void AttentionBlock::loadQueries() {
  queryFragments.clear();
  Value query = getLaneAddress(emitter, queryTile, lane, firstRow);
  for (int64_t k = 0; k < layout.depth; k += size)
    for (const auto &fragment : loadLeft(emitter, layout, query, k))
      queryFragments.append(fragment.begin(), fragment.end());
}

/// Adds the product of `left` and `right`, rows m and columns n of fragments,
/// to the elements of `sums`, `width` of each row of the thread.
static void accumulate(ElementEmitter &emitter, MatrixKind kind,
                       ValueRange left, ValueRange right,
                       MutableArrayRef<Value> sums, int64_t width, int64_t m,
                       int64_t n) {
  auto at = [&](int64_t i) -> Value & {
    return sums[(2 * m + i / 2) * width + 2 * n + i % 2];
  };
  SmallVector<Value> old = {at(0), at(1), at(2), at(3)};
  for (auto [i, sum] :
       llvm::enumerate(multiplyFragments(emitter, kind, left, right, old)))
    at(i) = sum;
}

void AttentionBlock::multiplyKeysByMatrices() {
  int64_t width = layout.getThreadKeys(), numFragments = layout.warpRows / size;
  scores.assign(layout.getThreadRows() * width, number(0));
  // Matrices [keys 0-7] of depth 0-7 and 8-15, then those of keys 8-15.
  Value eight = emitter.constant(8), half = emitter.constant(16);
  Value laneKey = emitter.add(emitter.mul(emitter.floorDiv(lane, half), eight),
                              emitter.rem(lane, eight));
  Value laneDepth =
      emitter.mul(emitter.floorDiv(emitter.rem(lane, half), eight), eight);
  Value key =
      keyTile.at(emitter, emitter.add(firstWarpKey, laneKey), laneDepth);
  Value query;
  if (!layout.keepsQueries())
    query = getLaneAddress(emitter, queryTile, lane, firstRow);
  for (int64_t k = 0; k < layout.depth; k += size) {
    SmallVector<SmallVector<Value, 4>> left;
    if (query)
      left = loadLeft(emitter, layout, query, k);
    else
      for (int64_t m = 0; m < numFragments; ++m)
        left.emplace_back(ArrayRef<Value>(queryFragments)
                              .slice(4 * (k / size * numFragments + m), 4));
    for (int64_t n = 0; n < layout.warpKeys; n += size) {
      SmallVector<Value, 4> right = loadMatrices(
          emitter,
          movePointer(emitter, key, elementBytes * (n * layout.keyStride + k)),
          /*transposed=*/false);
      for (int64_t m = 0; m < numFragments; ++m)
        for (int64_t part = 0; part < 2; ++part)
          accumulate(emitter, layout.getKind(), left[m],
                     ValueRange(right).slice(2 * part, 2), scores, width, m,
                     n / 8 + part);
    }
  }
}

void AttentionBlock::multiplyValuesByMatrices() {
  int64_t width = layout.getThreadColumns(),
          numThreadKeys = layout.getThreadKeys();
  Value value = getLaneAddress(emitter, valueTile, lane, firstWarpKey);
  for (int64_t k = 0; k < layout.warpKeys; k += size) {
    SmallVector<SmallVector<Value, 4>> left;
    for (int64_t m = 0; m < layout.warpRows / size; ++m) {
      SmallVector<Value, 4> fragment;
      for (int64_t part = 0; part < 4; ++part) {
        int64_t first =
            (2 * m + part % 2) * numThreadKeys + k / 4 + part / 2 * 2;
        fragment.push_back(packPair(emitter, layout.element, scores[first],
                                    scores[first + 1]));
      }
      left.push_back(fragment);
    }
    for (int64_t n = 0; n < layout.width; n += size) {
      SmallVector<Value, 4> right =
          loadMatrices(emitter,
                       movePointer(emitter, value,
                                   elementBytes * (k * layout.valueStride + n)),
                       /*transposed=*/true);
      for (auto [m, fragment] : llvm::enumerate(left))
        for (int64_t part = 0; part < 2; ++part)
          accumulate(emitter, layout.getKind(), fragment,
                     ValueRange(right).slice(2 * part, 2), sums, width, m,
                     n / 8 + part);
    }
  }
}
