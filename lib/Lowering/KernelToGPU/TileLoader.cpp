//===- TileLoader.cpp - operands of contractions to shared memory ---------===//
#include "lib/Lowering/KernelToGPU/TileLoader.h"

#include "lib/Lowering/KernelToGPU/AsyncCopy.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

TileLoader::TileLoader(const ContractionRoles &roles,
                       const ContractionSizes &sizes, bool isRight,
                       TileCopy plan, ElementEmitter &emitter, Value thread,
                       int64_t threads, Value first, ArrayRef<Value> at)
    : copy(plan), emitter(emitter),
      reader(roles, sizes, plan.getOperand(roles, isRight), emitter, at),
      endsInside(!roles.getSize(Role::Depth) ||
                 *roles.getSize(Role::Depth) % copy.getDepth() != 0) {
  // Pieces in the order of threads: lines along the fast direction.
  int64_t elements = 8 * copy.width / copy.tile.elementBits;
  int64_t fast = copy.depthIsFast ? copy.getDepth() : copy.getMajor();
  int64_t slow = copy.depthIsFast ? copy.getMajor() : copy.getDepth();
  int64_t line = fast / elements;
  Value threadFast = thread, threadSlow = emitter.constant(0);
  if (threads > line) {
    threadFast = emitter.rem(thread, emitter.constant(line));
    threadSlow = emitter.floorDiv(thread, emitter.constant(line));
  }
  threadFast = emitter.mul(threadFast, emitter.constant(elements));
  int64_t total = line * slow;
  if (total < threads)
    takesPart = arith::CmpIOp::create(emitter.builder, emitter.loc,
                                      arith::CmpIPredicate::slt, threadSlow,
                                      emitter.constant(slow));
  Value threadMajor = copy.depthIsFast ? threadSlow : threadFast;
  threadDepth = copy.depthIsFast ? threadFast : threadSlow;
  Role role = isRight ? Role::Column : Role::Row;
  std::optional<int64_t> size = roles.getSize(role);
  for (int64_t begin = 0; begin < total; begin += threads) {
    int64_t atFast = begin % line * elements, atSlow = begin / line;
    Piece piece;
    piece.major = copy.depthIsFast ? atSlow : atFast;
    piece.depth = copy.depthIsFast ? atFast : atSlow;
    Value major = emitter.add(threadMajor, emitter.constant(piece.major));
    Value depth = emitter.add(threadDepth, emitter.constant(piece.depth));
    piece.place =
        copy.tile.getElementOffset(emitter, copy.depthIsInner ? major : depth,
                                   copy.depthIsInner ? depth : major);
    if (!majors.count(piece.major))
      majors[piece.major] = reader.makePoint(
          role, emitter.add(first, major),
          !size || *size % copy.getMajor() != 0,
          /*needsIndices=*/!copy.isAsync, copy.depthIsFast ? 1 : elements);
    pieces.push_back(piece);
  }
}

/// Calls `take` for each piece of this thread with its two points.
bool TileLoader::forPieces(
    Value step, function_ref<bool(const Piece &, const OperandReader::Point &,
                                  const OperandReader::Point &)>
                    take) {
  DenseMap<int64_t, OperandReader::Point> depths;
  for (const Piece &piece : pieces) {
    auto [known, isNew] = depths.try_emplace(piece.depth);
    if (isNew) {
      Value linear =
          emitter.add(emitter.mul(step, emitter.constant(copy.getDepth())),
                      emitter.add(threadDepth, emitter.constant(piece.depth)));
      int64_t elements = 8 * copy.width / copy.tile.elementBits;
      known->second = reader.makePoint(Role::Depth, linear, endsInside,
                                       /*needsIndices=*/!copy.isAsync,
                                       copy.depthIsFast ? elements : 1);
    }
    if (!take(piece, majors[piece.major], known->second))
      return false;
  }
  return true;
}

/// Begins what only threads with a part of the tile do, until `guard` ends.
void TileLoader::beginPart() {
  OpBuilder &builder = emitter.builder;
  if (!takesPart)
    return;
  auto branch = scf::IfOp::create(builder, emitter.loc, takesPart,
                                  /*withElseRegion=*/false);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
}

void TileLoader::startCopies(Value step, Value base) {
  OpBuilder::InsertionGuard guard(emitter.builder);
  beginPart();
  forPieces(step, [&](const Piece &piece, const OperandReader::Point &major,
                      const OperandReader::Point &depth) {
    copyAsync(emitter, movePointer(emitter, base, piece.place),
              reader.getAddress(major, depth), copy.width,
              reader.isInside(major, depth));
    return true;
  });
}

bool TileLoader::load(Value step, SmallVectorImpl<Value> &values) {
  OpBuilder &builder = emitter.builder;
  return forPieces(step, [&](const Piece &, const OperandReader::Point &major,
                             const OperandReader::Point &depth) {
    Value value = reader.read(major, depth);
    if (!value)
      return false;
    value = reader.widen(value, copy.element);
    if (Value inside = reader.isInside(major, depth)) {
      Value zero = arith::ConstantOp::create(builder, emitter.loc,
                                             builder.getZeroAttr(copy.element));
      value =
          arith::SelectOp::create(builder, emitter.loc, inside, value, zero);
    }
    values.push_back(value);
    return true;
  });
}

void TileLoader::store(ValueRange values, Value base) {
  OpBuilder::InsertionGuard guard(emitter.builder);
  beginPart();
  for (auto [piece, value] : llvm::zip(pieces, values))
    storeTogether(emitter, value, movePointer(emitter, base, piece.place));
}
