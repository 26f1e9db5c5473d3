//===- MatrixProduct.cpp - products of tiles by matrix instructions -------===//
#include "lib/Lowering/KernelToGPU/BlockProduct.h"
#include "lib/Lowering/KernelToGPU/CodedFragments.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t fragmentRows = 16, fragmentColumns = 8;

namespace {
class MatrixProduct : public BlockProduct {
public:
  MatrixProduct(ElementEmitter &emitter, const ContractionRoles &roles,
                const ContractionSchedule &schedule, Value warpRow,
                Value warpColumn, Value lane)
      : emitter(emitter), schedule(schedule), kind(*schedule.kind),
        rowFragments(schedule.getWarpRows() / fragmentRows),
        columnFragments(schedule.getWarpColumns() / fragmentColumns),
        firstRow(
            emitter.mul(warpRow, emitter.constant(schedule.getWarpRows()))),
        firstColumn(emitter.mul(warpColumn,
                                emitter.constant(schedule.getWarpColumns()))),
        lane(lane),
        lhs(emitter, schedule.lhs.tile, schedule.lhs.depthIsInner,
            /*isRight=*/false, firstRow, schedule.getWarpRows(), lane) {
    int64_t columns = schedule.getWarpColumns();
    const SharedTile &tile = schedule.rhs.tile;
    if (schedule.decodesColumns())
      decoded.emplace(emitter, tile, *roles.rhs.coded, roles.lhs.element,
                      firstColumn, lane);
    else if (tile.elementBits < schedule.lhs.tile.elementBits)
      widened.emplace(emitter, tile, roles.rhs.coded->isSigned(), firstColumn,
                      columns, lane);
    else
      rhs.emplace(emitter, tile, schedule.rhs.depthIsInner, /*isRight=*/true,
                  firstColumn, columns, lane);
    // Floats of 8 bits that are multiplied as f16.
    if (schedule.lhs.isCoded && kind == MatrixKind::F16) {
      lhsDecoder.emplace(emitter, *roles.lhs.coded);
      rhsDecoder.emplace(emitter, *roles.rhs.coded);
    }
  }

  int64_t getCount() const override {
    return rowFragments * columnFragments * 4;
  }
  void accumulate(const StepTiles &tiles,
                  SmallVectorImpl<Value> &sums) override;
  void store(ValueRange sums, Value base) override;

private:
  using Fragments = SmallVector<SmallVector<Value, 4>>;
  SmallVector<Value, 4> read(FragmentReader &reader, Value base, int64_t number,
                             int64_t step);
  Fragments readRight(Value base, int64_t step);
  Fragments decode(CodeDecoder &decoder, const Fragments &fragments,
                   int64_t half);
  SmallVector<Fragments> readColumns(const StepTiles &tiles, int64_t step);
  void multiply(const StepTiles &tiles, int64_t step, int64_t row,
                ArrayRef<Fragments> b, MutableArrayRef<Value> sums);
  void accumulateGroup(const StepTiles &tiles, int64_t begin, int64_t end,
                       MutableArrayRef<Value> sums);
  Value loadScale(const GroupCopy &groups, Value slot, int64_t depth,
                  Value first, int64_t place);
  void addScaled(ValueRange part, ArrayRef<Value> rows, ArrayRef<Value> columns,
                 MutableArrayRef<Value> sums);
  /// Whether column c of fragment f is column 4 c + f of the warp.
  bool isInterleaved() const { return decoded.has_value(); }
  /// From the columns of one lane to those of the next.
  int64_t getLaneColumns() const { return isInterleaved() ? 8 : 2; }
  /// The column of element `element`, 0 or 1, of a fragment, from that of the
  /// lane.
  int64_t getColumn(int64_t fragment, int64_t element) const {
    return isInterleaved() ? 4 * element + fragment
                           : fragment * fragmentColumns + element;
  }
  Value getLaneColumn() {
    return emitter.add(firstColumn,
                       emitter.mul(emitter.rem(lane, emitter.constant(4)),
                                   emitter.constant(getLaneColumns())));
  }

  ElementEmitter &emitter;
  const ContractionSchedule &schedule;
  MatrixKind kind;
  int64_t rowFragments, columnFragments;
  Value firstRow, firstColumn, lane;
  FragmentReader lhs;
  std::optional<FragmentReader> rhs;
  std::optional<CodedColumns> decoded;
  std::optional<WidenedColumns> widened;
  std::optional<CodeDecoder> lhsDecoder, rhsDecoder;
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

/// Two words of each fragment of columns.
MatrixProduct::Fragments MatrixProduct::readRight(Value base, int64_t step) {
  if (decoded)
    return decoded->read(base, step);
  if (widened)
    return widened->read(base, step);
  Fragments fragments;
  for (int64_t pair = 0; pair < columnFragments / 2; ++pair) {
    SmallVector<Value, 4> words = read(*rhs, base, pair, step);
    fragments.emplace_back(ArrayRef<Value>(words).take_front(2));
    fragments.emplace_back(ArrayRef<Value>(words).drop_front(2));
  }
  return fragments;
}

/// The fragments of f16 that half `half` of the depth of `fragments`, of bytes,
/// makes: the first two bytes of a word are neighbours there, and so are the
/// last two. Both operands take the places along the depth in that order.
MatrixProduct::Fragments MatrixProduct::decode(CodeDecoder &decoder,
                                               const Fragments &fragments,
                                               int64_t half) {
  OpBuilder &builder = emitter.builder;
  Value eight = LLVM::ConstantOp::create(builder, emitter.loc,
                                         builder.getI32IntegerAttr(8));
  Fragments result;
  for (const SmallVector<Value, 4> &fragment : fragments) {
    ArrayRef<Value> words = ArrayRef<Value>(fragment).slice(
        half * fragment.size() / 2, fragment.size() / 2);
    SmallVector<Value, 4> floats;
    for (int64_t first : {0, 2})
      for (Value word : words)
        floats.push_back(decoder.decodePair(
            word, LLVM::LShrOp::create(builder, emitter.loc, word, eight),
            first, builder.getF16Type()));
    result.push_back(floats);
  }
  return result;
}

/// What is read of B for piece `step` of the depth, by instruction.
SmallVector<MatrixProduct::Fragments>
MatrixProduct::readColumns(const StepTiles &tiles, int64_t step) {
  Fragments b = readRight(tiles.rhs, step);
  if (!rhsDecoder)
    return {b};
  return {decode(*rhsDecoder, b, 0), decode(*rhsDecoder, b, 1)};
}

/// Adds the products of piece `step` and of the rows of fragment `row` to
/// `sums`, those of the row; `b`: what readColumns gives.
void MatrixProduct::multiply(const StepTiles &tiles, int64_t step, int64_t row,
                             ArrayRef<Fragments> b,
                             MutableArrayRef<Value> sums) {
  Fragments a = {read(lhs, tiles.lhs, row, step)};
  for (auto [half, columns] : llvm::enumerate(b)) {
    Fragments own = lhsDecoder ? decode(*lhsDecoder, a, int64_t(half)) : a;
    for (int64_t column = 0; column < columnFragments; ++column) {
      MutableArrayRef<Value> part = sums.slice(4 * column, 4);
      llvm::copy(multiplyFragments(emitter, kind, own[0], columns[column],
                                   ArrayRef<Value>(part)),
                 part.begin());
    }
  }
}

/// The scale, an f32, of a row or column: that at `first`, an index, and
/// `place` behind it, of the group at `depth` of the step.
Value MatrixProduct::loadScale(const GroupCopy &groups, Value slot,
                               int64_t depth, Value first, int64_t place) {
  Value at =
      movePointer(emitter, slot,
                  emitter.mul(first, emitter.constant(groups.getScaleBytes())));
  int64_t offset =
      depth / groups.size % groups.getGroupsPerStep() * groups.getRowBytes() +
      place * groups.getScaleBytes();
  Value scale = loadTogether(emitter, groups.type,
                             movePointer(emitter, at, offset), 1)[0];
  return groups.type.isF32()
             ? scale
             : LLVM::FPExtOp::create(emitter.builder, emitter.loc,
                                     emitter.builder.getF32Type(), scale)
                   .getResult();
}

/// Adds the sums `part` of the rows of a fragment, scaled, to `sums`; `rows`
/// and `columns`: the scales of its two rows and of each fragment's two
/// columns, or nothing.
void MatrixProduct::addScaled(ValueRange part, ArrayRef<Value> rows,
                              ArrayRef<Value> columns,
                              MutableArrayRef<Value> sums) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  Type f32 = builder.getF32Type();
  for (auto [index, sum] : llvm::enumerate(sums)) {
    int64_t row = index % 4 / 2, column = index / 4 * 2 + index % 2;
    Value scale = rows.empty() ? columns[column] : rows[row];
    if (!rows.empty() && !columns.empty())
      scale = LLVM::FMulOp::create(builder, loc, scale, columns[column]);
    Value number = part[index];
    if (number.getType().isInteger())
      number = LLVM::SIToFPOp::create(builder, loc, f32, number);
    sum = LLVM::FMAOp::create(builder, loc, f32, number, scale, sum);
  }
}

/// Adds what the places `begin` to `end - 1` of the step, which share their
/// scales, give: the rows of one fragment after the other, so that few sums of
/// products of codes are there at once.
void MatrixProduct::accumulateGroup(const StepTiles &tiles, int64_t begin,
                                    int64_t end, MutableArrayRef<Value> sums) {
  Type type = getAccumulatorType(kind, emitter.builder.getContext());
  Value zero = arith::ConstantOp::create(emitter.builder, emitter.loc,
                                         emitter.builder.getZeroAttr(type));
  int64_t depth = schedule.getPieceDepth(), perRow = 4 * columnFragments;
  SmallVector<Value> columns;
  if (schedule.rhsGroups)
    for (int64_t index = 0; index < 2 * columnFragments; ++index)
      columns.push_back(loadScale(*schedule.rhsGroups, tiles.rhsScales, begin,
                                  getLaneColumn(),
                                  getColumn(index / 2, index % 2)));
  SmallVector<SmallVector<Fragments>> b;
  for (int64_t at = begin; at < end; at += depth)
    b.push_back(readColumns(tiles, at / depth));
  Value firstOwn =
      emitter.add(firstRow, emitter.floorDiv(lane, emitter.constant(4)));
  for (int64_t row = 0; row < rowFragments; ++row) {
    SmallVector<Value> part(perRow, zero), rows;
    for (int64_t at = begin; at < end; at += depth)
      multiply(tiles, at / depth, row, b[(at - begin) / depth], part);
    if (schedule.lhsGroups)
      for (int64_t half = 0; half < 2; ++half)
        rows.push_back(loadScale(*schedule.lhsGroups, tiles.lhsScales, begin,
                                 firstOwn, fragmentRows * row + 8 * half));
    addScaled(part, rows, columns, sums.slice(row * perRow, perRow));
  }
}

void MatrixProduct::accumulate(const StepTiles &tiles,
                               SmallVectorImpl<Value> &sums) {
  MutableArrayRef<Value> all(sums);
  int64_t depth = schedule.getPieceDepth(), perRow = 4 * columnFragments;
  if (!schedule.hasGroups()) {
    for (int64_t at = 0; at < schedule.depth; at += depth) {
      SmallVector<Fragments> b = readColumns(tiles, at / depth);
      for (int64_t row = 0; row < rowFragments; ++row)
        multiply(tiles, at / depth, row, b, all.slice(row * perRow, perRow));
    }
    return;
  }
  int64_t perGroup = schedule.depth;
  for (const auto *groups : {&schedule.lhsGroups, &schedule.rhsGroups})
    if (*groups)
      perGroup = std::min(perGroup, (*groups)->size);
  for (int64_t begin = 0; begin < schedule.depth; begin += perGroup)
    accumulateGroup(tiles, begin, begin + perGroup, all);
}

void MatrixProduct::store(ValueRange sums, Value base) {
  Value four = emitter.constant(4);
  Value row = emitter.floorDiv(lane, four);
  int64_t pitch = schedule.getSumPitch() * 4;
  base = movePointer(emitter, base,
                     emitter.add(emitter.mul(row, emitter.constant(pitch)),
                                 emitter.mul(getLaneColumn(), four)));
  // By row, column from that of the lane, and sum: neighbours together.
  SmallVector<std::tuple<int64_t, int64_t, int64_t>> places;
  for (int64_t index = 0; index < getCount(); ++index) {
    int64_t fragment = index / 4;
    places.push_back(
        {fragment / columnFragments * fragmentRows + index % 4 / 2 * 8,
         getColumn(fragment % columnFragments, index % 2), index});
  }
  llvm::sort(places);
  int64_t together = isInterleaved() ? 4 : 2;
  for (size_t first = 0; first < places.size(); first += together) {
    SmallVector<Value> values;
    for (int64_t number = 0; number < together; ++number)
      values.push_back(sums[std::get<2>(places[first + number])]);
    auto [atRow, atColumn, index] = places[first];
    storeTogether(emitter, values,
                  movePointer(emitter, base, atRow * pitch + atColumn * 4));
  }
}

std::unique_ptr<BlockProduct>
BlockProduct::makeMatrix(ElementEmitter &emitter, const ContractionRoles &roles,
                         const ContractionSchedule &schedule, Value warpRow,
                         Value warpColumn, Value lane) {
  return std::make_unique<MatrixProduct>(emitter, roles, schedule, warpRow,
                                         warpColumn, lane);
}
