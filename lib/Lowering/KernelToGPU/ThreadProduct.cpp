//===- ThreadProduct.cpp - products of tiles by multiply-adds of threads --===//
//
// The lanes of a warp are 4 rows of 8 columns. Of an operand with the depth
// along the rows of its tile, a lane has every 4th row (8th column), and reads
// 4 neighbours along the depth at once; of another one, groups of 4 rows
// (columns), which it reads at once for every place along the depth. Either
// way, the lanes that read together read different banks, or the same word.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/BlockProduct.h"
#include "lib/Lowering/KernelToGPU/CodedFragments.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t laneRows = 4, laneColumns = 8, group = 4;

namespace {
/// What a thread reads of one operand: `count` rows (columns) of its tile.
class ThreadOperand {
public:
  /// `lanes`: of a warp along this side, `lane`: this one of them.
  ThreadOperand(ElementEmitter &emitter, const TileCopy &copy, int64_t count,
                int64_t lanes, Value first, Value lane);
  /// From now on the tile holds the codes of `coded`; `groups`: the copy of its
  /// scales, if there are groups.
  void decodeAs(const CodedOperand &coded, const GroupCopy *groups);

  /// The elements [number][depth] of a group of the depth. `scales`: the slot
  /// of the step.
  SmallVector<SmallVector<Value>> read(Value base, Value scales, int64_t part);
  /// Where number `number` of this thread is among the rows of the warp,
  /// without the part of the lane; it is in `laneOffset`.
  int64_t getPlace(int64_t number) const {
    return copy.depthIsInner ? number * lanes
                             : number / group * group * lanes + number % group;
  }
  /// True if four neighbours of a thread are neighbours in the tile.
  bool isGrouped() const { return !copy.depthIsInner; }
  Value laneOffset;

private:
  SmallVector<Value> readAcross(Value from);
  SmallVector<Value> readScales(Value slot, int64_t part, int64_t number);

  ElementEmitter &emitter;
  const TileCopy &copy;
  int64_t count, lanes;
  Value first;
  std::optional<CodeDecoder> decoder;
  const GroupCopy *groups = nullptr;
  /// Of what this thread reads: one, or with the depth along the rows one by
  /// the place of the row in a period and by the group of the depth.
  SmallVector<Value> offsets;
};

class ThreadProduct : public BlockProduct {
public:
  ThreadProduct(ElementEmitter &emitter, const ContractionRoles &roles,
                const ContractionSchedule &schedule, Value warpRow,
                Value warpColumn, Value lane)
      : emitter(emitter), schedule(schedule), type(roles.accumulator),
        rows(schedule.getWarpRows() / laneRows),
        columns(schedule.getWarpColumns() / laneColumns),
        firstColumn(emitter.mul(warpColumn,
                                emitter.constant(schedule.getWarpColumns()))),
        lhs(emitter, schedule.lhs, rows, laneRows,
            emitter.mul(warpRow, emitter.constant(schedule.getWarpRows())),
            emitter.floorDiv(lane, emitter.constant(laneColumns))),
        rhs(emitter, schedule.rhs, columns, laneColumns, firstColumn,
            emitter.rem(lane, emitter.constant(laneColumns))) {
    if (schedule.rhs.isCoded)
      rhs.decodeAs(*roles.rhs.coded,
                   schedule.rhsGroups ? &*schedule.rhsGroups : nullptr);
  }

  int64_t getCount() const override { return rows * columns; }
  void accumulate(const StepTiles &tiles,
                  SmallVectorImpl<Value> &sums) override;
  void store(ValueRange sums, Value base) override;

private:
  ElementEmitter &emitter;
  const ContractionSchedule &schedule;
  Type type;
  int64_t rows, columns;
  Value firstColumn;
  ThreadOperand lhs, rhs;
};
} // namespace

ThreadOperand::ThreadOperand(ElementEmitter &emitter, const TileCopy &copy,
                             int64_t count, int64_t lanes, Value first,
                             Value lane)
    : emitter(emitter), copy(copy), count(count), lanes(lanes), first(first) {
  if (!copy.depthIsInner) {
    laneOffset = emitter.mul(lane, emitter.constant(group));
    offsets.push_back(copy.tile.getElementOffset(
        emitter, emitter.constant(0), emitter.add(first, laneOffset)));
    return;
  }
  laneOffset = lane;
  for (int64_t row = 0; row < SharedTile::period; row += lanes)
    for (int64_t part = 0; part < copy.getDepth() / group; ++part)
      offsets.push_back(copy.tile.getChunkOffset(
          emitter, emitter.add(emitter.add(first, lane), emitter.constant(row)),
          emitter.constant(part)));
}

void ThreadOperand::decodeAs(const CodedOperand &coded,
                             const GroupCopy *groups) {
  decoder.emplace(emitter, coded);
  this->groups = groups;
}

/// Four neighbours across the depth.
SmallVector<Value> ThreadOperand::readAcross(Value from) {
  if (!decoder)
    return loadTogether(emitter, copy.element, from, group);
  Value codes = loadCodes(emitter, from, group * copy.tile.elementBits / 8);
  SmallVector<Value> values;
  for (int64_t number = 0; number < group; ++number)
    values.push_back(decoder->decode(codes, number));
  return values;
}

/// The scales of four neighbours from number `number` on.
SmallVector<Value> ThreadOperand::readScales(Value slot, int64_t part,
                                             int64_t number) {
  Value own = emitter.mul(emitter.add(first, laneOffset),
                          emitter.constant(groups->getScaleBytes()));
  int64_t row = part * group / groups->size % groups->getGroupsPerStep();
  int64_t offset =
      row * groups->getRowBytes() + number * lanes * groups->getScaleBytes();
  SmallVector<Value> scales = loadTogether(
      emitter, groups->type,
      movePointer(emitter, movePointer(emitter, slot, own), offset), group);
  Type f32 = emitter.builder.getF32Type();
  if (!groups->type.isF32())
    for (Value &scale : scales)
      scale = LLVM::FPExtOp::create(emitter.builder, emitter.loc, f32, scale);
  return scales;
}

SmallVector<SmallVector<Value>> ThreadOperand::read(Value base, Value scales,
                                                    int64_t part) {
  SmallVector<SmallVector<Value>> elements(count);
  int64_t rowBytes = copy.tile.getRowBytes();
  if (copy.depthIsInner) {
    for (int64_t number = 0; number < count; ++number) {
      int64_t row = number * lanes, inPeriod = row % SharedTile::period;
      Value offset =
          offsets[inPeriod / lanes * (copy.getDepth() / group) + part];
      Value from = movePointer(emitter, movePointer(emitter, base, offset),
                               (row - inPeriod) * rowBytes);
      elements[number] = loadTogether(emitter, copy.element, from, group);
    }
    return elements;
  }
  base = movePointer(emitter, base, offsets.front());
  SmallVector<SmallVector<Value>> factors;
  for (int64_t number = 0; groups && number < count; number += group)
    factors.push_back(readScales(scales, part, number));
  for (int64_t depth = part * group; depth < (part + 1) * group; ++depth)
    for (int64_t number = 0; number < count; number += group) {
      int64_t offset =
          depth * rowBytes + number * lanes * copy.tile.elementBits / 8;
      SmallVector<Value> values =
          readAcross(movePointer(emitter, base, offset));
      for (auto [i, value] : llvm::enumerate(values)) {
        if (groups)
          value = LLVM::FMulOp::create(emitter.builder, emitter.loc, value,
                                       factors[number / group][i]);
        elements[number + i].push_back(value);
      }
    }
  return elements;
}

void ThreadProduct::accumulate(const StepTiles &tiles,
                               SmallVectorImpl<Value> &sums) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  auto multiplyAdd = [&](Value a, Value b, Value sum) -> Value {
    if (type.isF32())
      return LLVM::FMAOp::create(builder, loc, type, a, b, sum);
    return arith::AddIOp::create(
        builder, loc, arith::MulIOp::create(builder, loc, a, b), sum);
  };
  for (int64_t part = 0; part < schedule.depth / group; ++part) {
    SmallVector<SmallVector<Value>> a = lhs.read(tiles.lhs, nullptr, part),
                                    b = rhs.read(tiles.rhs, tiles.rhsScales,
                                                 part);
    for (int64_t depth = 0; depth < group; ++depth)
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
          Value &sum = sums[row * columns + column];
          sum = multiplyAdd(a[row][depth], b[column][depth], sum);
        }
  }
}

void ThreadProduct::store(ValueRange sums, Value base) {
  int64_t pitch = schedule.getSumPitch() * 4;
  Value column = emitter.add(firstColumn, rhs.laneOffset);
  base = movePointer(
      emitter, base,
      emitter.add(emitter.mul(lhs.laneOffset, emitter.constant(pitch)),
                  emitter.mul(column, emitter.constant(4))));
  int64_t together = rhs.isGrouped() ? group : 1;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; column += together)
      storeTogether(
          emitter, sums.slice(row * columns + column, together),
          movePointer(emitter, base,
                      lhs.getPlace(row) * pitch + rhs.getPlace(column) * 4));
}

std::unique_ptr<BlockProduct>
BlockProduct::makeThreads(ElementEmitter &emitter,
                          const ContractionRoles &roles,
                          const ContractionSchedule &schedule, Value warpRow,
                          Value warpColumn, Value lane) {
  return std::make_unique<ThreadProduct>(emitter, roles, schedule, warpRow,
                                         warpColumn, lane);
}
