//===- MatrixProduct.cpp - products of tiles by matrix instructions -------===//
#include "lib/Lowering/KernelToGPU/BlockProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t fragmentRows = 16, fragmentColumns = 8;

namespace {
class MatrixProduct : public BlockProduct {
public:
  MatrixProduct(ElementEmitter &emitter, const ContractionSchedule &schedule,
                Value warpRow, Value warpColumn, Value lane)
      : emitter(emitter), schedule(schedule), kind(*schedule.kind),
        rowFragments(schedule.getWarpRows() / fragmentRows),
        columnFragments(schedule.getWarpColumns() / fragmentColumns),
        firstColumn(emitter.mul(warpColumn,
                                emitter.constant(schedule.getWarpColumns()))),
        lane(lane),
        lhs(emitter, schedule.lhs.tile, schedule.lhs.depthIsInner,
            /*isRight=*/false,
            emitter.mul(warpRow, emitter.constant(schedule.getWarpRows())),
            schedule.getWarpRows(), lane),
        rhs(emitter, schedule.rhs.tile, schedule.rhs.depthIsInner,
            /*isRight=*/true, firstColumn, schedule.getWarpColumns(), lane) {}

  int64_t getCount() const override {
    return rowFragments * columnFragments * 4;
  }
  void accumulate(Value lhsBase, Value rhsBase,
                  SmallVectorImpl<Value> &sums) override;
  void store(ValueRange sums, Value base) override;

private:
  SmallVector<Value, 4> read(FragmentReader &reader, Value base, int64_t number,
                             int64_t step);

  ElementEmitter &emitter;
  const ContractionSchedule &schedule;
  MatrixKind kind;
  int64_t rowFragments, columnFragments;
  Value firstColumn, lane;
  FragmentReader lhs, rhs;
};
} // namespace

SmallVector<Value, 4> MatrixProduct::read(FragmentReader &reader, Value base,
                                          int64_t number, int64_t step) {
  SmallVector<Value, 4> words = reader.read(base, number, step);
  if (kind != MatrixKind::TF32)
    return words;
  OpBuilder &builder = emitter.builder;
  for (Value &word : words) {
    Value number = LLVM::BitcastOp::create(builder, emitter.loc,
                                           builder.getF32Type(), word);
    word = NVVM::ConvertFloatToTF32Op::create(builder, emitter.loc,
                                              builder.getI32Type(), number,
                                              NVVM::FPRoundingMode::RNA);
  }
  return words;
}

void MatrixProduct::accumulate(Value lhsBase, Value rhsBase,
                               SmallVectorImpl<Value> &sums) {
  for (int64_t step = 0; step < schedule.depth / getMatrixDepth(kind); ++step) {
    SmallVector<SmallVector<Value, 4>> a, b;
    for (int64_t row = 0; row < rowFragments; ++row)
      a.push_back(read(lhs, lhsBase, row, step));
    for (int64_t pair = 0; pair < columnFragments / 2; ++pair)
      b.push_back(read(rhs, rhsBase, pair, step));
    for (int64_t row = 0; row < rowFragments; ++row)
      for (int64_t column = 0; column < columnFragments; ++column) {
        int64_t first = (row * columnFragments + column) * 4;
        ArrayRef<Value> old = ArrayRef<Value>(sums).slice(first, 4);
        ArrayRef<Value> words =
            ArrayRef<Value>(b[column / 2]).slice(column % 2 * 2, 2);
        SmallVector<Value, 4> next =
            multiplyFragments(emitter, kind, a[row], words, old);
        llvm::copy(next, sums.begin() + first);
      }
  }
}

void MatrixProduct::store(ValueRange sums, Value base) {
  Value four = emitter.constant(4);
  Value row = emitter.floorDiv(lane, four);
  Value column = emitter.add(
      firstColumn, emitter.mul(emitter.rem(lane, four), emitter.constant(2)));
  int64_t pitch = schedule.getSumPitch() * 4;
  base = movePointer(emitter, base,
                     emitter.add(emitter.mul(row, emitter.constant(pitch)),
                                 emitter.mul(column, four)));
  for (int64_t index = 0; index < getCount(); index += 2) {
    int64_t fragment = index / 4;
    int64_t atRow =
        fragment / columnFragments * fragmentRows + index % 4 / 2 * 8;
    int64_t atColumn = fragment % columnFragments * fragmentColumns;
    storeTogether(emitter, sums.slice(index, 2),
                  movePointer(emitter, base, atRow * pitch + atColumn * 4));
  }
}

std::unique_ptr<BlockProduct>
BlockProduct::makeMatrix(ElementEmitter &emitter,
                         const ContractionSchedule &schedule, Value warpRow,
                         Value warpColumn, Value lane) {
  return std::make_unique<MatrixProduct>(emitter, schedule, warpRow, warpColumn,
                                         lane);
}
