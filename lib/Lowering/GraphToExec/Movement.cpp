//===- Movement.cpp - data movement
//------------------------------------------===//
//
// Every element of a result is read from a computed place of the input. Places
// are clamped into the input, and the value chosen afterwards, unless the input
// may be empty.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

static Value copyElement(Scalars &, ValueRange x) { return x[0]; }

static LogicalResult lowerTranspose(Operation *operation, KernelBody &body) {
  auto op = cast<graph::TransposeOp>(operation);
  Tensor in = body.tensor(op.getInput());
  SmallVector<AffineExpr> axes(in.rank());
  for (auto [axis, source] : llvm::enumerate(op.getPermutation()))
    axes[source] = getAffineDimExpr(axis, op.getContext());
  Value out = body.destination(op.getResult());
  auto results = body.generic(
      {Operand{in, AffineMap::get(in.rank(), 0, axes, op.getContext())}}, out,
      body.getBuilder().getMultiDimIdentityMap(in.rank()),
      SmallVector<utils::IteratorType>(in.rank(),
                                       utils::IteratorType::parallel),
      [](Scalars &, ValueRange x, ValueRange) -> KernelBody::Results {
        return {x[0]};
      });
  body.define(op.getResult(), results[0]);
  return success();
}

/// Also of the pure reshapes, where a kernel has to make a copy.
static LogicalResult lowerBroadcast(Operation *operation, KernelBody &body) {
  auto op = cast<graph::BroadcastOp>(operation);
  Tensor in = body.tensor(op.getInput());
  Value out = body.destination(op.getResult());
  body.define(op.getResult(), body.elementwise(in, body.dims(op.getResult()),
                                               out, copyElement));
  return success();
}

static LogicalResult lowerTile(Operation *operation, KernelBody &body) {
  auto op = cast<graph::TileOp>(operation);
  Tensor in = body.tensor(op.getInput());
  auto resultDims = body.dims(op.getResult());
  SmallVector<Value> sizes;
  for (const Expr &dim : in.dims)
    sizes.push_back(body.size(dim));
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(in.rank(), out, [&](Scalars &s, ValueRange indices) {
                SmallVector<Value> place(indices);
                for (size_t axis = 0; axis < in.rank(); ++axis)
                  if (in.dims[axis] != resultDims[axis])
                    place[axis] =
                        s.make<arith::RemUIOp>(indices[axis], sizes[axis]);
                return body.read(s, in, place);
              }));
  return success();
}

/// The first position of a slice as ONNX clamps it.
static Value getSliceStart(Scalars &s, Value start, Value dim, int64_t step) {
  Value fromEnd = s.lt(start, s.index(0));
  Value positive = s.select(fromEnd, s.add(start, dim), start);
  return s.clamp(positive, s.index(0), step > 0 ? dim : s.sub(dim, s.index(1)));
}

static LogicalResult lowerSlice(Operation *operation, KernelBody &body) {
  auto op = cast<graph::SliceOp>(operation);
  Tensor in = body.tensor(op.getInput());
  auto starts = body.getShapes().contents(op.getStarts());
  if (!starts)
    return emitUnsupported(op) << "starts that are only known at run time";
  SmallVector<Value> startSizes, dimSizes;
  for (auto [number, axis] : llvm::enumerate(op.getAxes())) {
    startSizes.push_back(body.size((*starts)[number]));
    dimSizes.push_back(body.size(in.dims[axis]));
  }
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(in.rank(), out, [&](Scalars &s, ValueRange indices) {
                SmallVector<Value> place(indices);
                for (auto [number, axis] : llvm::enumerate(op.getAxes())) {
                  int64_t step = op.getSteps()[number];
                  Value start = getSliceStart(s, startSizes[number],
                                              dimSizes[number], step);
                  place[axis] =
                      s.add(start, s.mul(indices[axis], s.index(step)));
                }
                return body.read(s, in, place);
              }));
  return success();
}

static LogicalResult lowerPad(Operation *operation, KernelBody &body) {
  auto op = cast<graph::PadOp>(operation);
  Tensor in = body.tensor(op.getInput());
  auto pads = body.getShapes().contents(op.getPads());
  if (!pads)
    return emitUnsupported(op) << "pads that are only known at run time";
  std::optional<Tensor> filler;
  if (op.getValue())
    filler = body.tensor(op.getValue());
  SmallVector<Value> begins, sizes;
  for (auto [number, axis] : llvm::enumerate(op.getAxes())) {
    begins.push_back(body.size((*pads)[number]));
    sizes.push_back(body.size(in.dims[axis]));
  }
  bool mayBeEmpty = llvm::any_of(in.dims, [](const Expr &dim) {
    return dim.asConstant().value_or(0) == 0;
  });
  auto mode = op.getMode();
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      body.indexed(in.rank(), out, [&](Scalars &s, ValueRange indices) {
        SmallVector<Value> place(indices);
        Value isInside = s.integer(s.b.getI1Type(), 1);
        for (auto [number, axis] : llvm::enumerate(op.getAxes())) {
          if (in.dims[axis] == body.dims(op.getResult())[axis] &&
              (*pads)[number] == Expr(0))
            continue;
          Value index = s.sub(indices[axis], begins[number]),
                size = sizes[number];
          Value last = s.sub(size, s.index(1));
          if (mode == graph::PadMode::constant) {
            isInside = s.both(isInside, s.lt(index, size, /*isUnsigned=*/true));
          } else if (mode == graph::PadMode::reflect) {
            Value period = s.max(s.mul(last, s.index(2)), s.index(1));
            index = s.mod(index, period);
            index = s.select(s.lt(last, index), s.sub(period, index), index);
          } else if (mode == graph::PadMode::wrap) {
            index = s.mod(index, size);
          }
          place[axis] = s.max(s.min(index, last), s.index(0));
        }
        if (mode != graph::PadMode::constant)
          return body.read(s, in, place);
        auto getFiller = [&](Scalars &t) {
          return filler
                     ? body.read(t, *filler,
                                 SmallVector<Value>(filler->rank(), t.index(0)))
                     : t.integer(in.signless(), 0);
        };
        if (!mayBeEmpty)
          return s.select(isInside, body.read(s, in, place), getFiller(s));
        auto branch = scf::IfOp::create(
            s.b, s.loc, isInside,
            [&](OpBuilder &b, Location loc) {
              Scalars t(b, loc);
              scf::YieldOp::create(b, loc, body.read(t, in, place));
            },
            [&](OpBuilder &b, Location loc) {
              Scalars t(b, loc);
              scf::YieldOp::create(b, loc, getFiller(t));
            });
        return Value(branch.getResult(0));
      }));
  return success();
}

/// Reads operand `number` or a later one: the one that covers `indices`.
static Value readConcat(KernelBody &body, Scalars &s, ArrayRef<Tensor> ins,
                        ArrayRef<Value> offsets, size_t axis,
                        ValueRange indices, size_t number) {
  SmallVector<Value> place(indices);
  place[axis] = s.sub(indices[axis], offsets[number]);
  if (number + 1 == ins.size())
    return body.read(s, ins[number], place);
  Value isHere = s.lt(indices[axis], offsets[number + 1]);
  auto branch = scf::IfOp::create(
      s.b, s.loc, isHere,
      [&](OpBuilder &b, Location loc) {
        Scalars t(b, loc);
        scf::YieldOp::create(b, loc, body.read(t, ins[number], place));
      },
      [&](OpBuilder &b, Location loc) {
        Scalars t(b, loc);
        scf::YieldOp::create(
            b, loc,
            readConcat(body, t, ins, offsets, axis, indices, number + 1));
      });
  return branch.getResult(0);
}

static LogicalResult lowerConcat(Operation *operation, KernelBody &body) {
  auto op = cast<graph::ConcatOp>(operation);
  SmallVector<Tensor> ins;
  SmallVector<Value> offsets;
  Expr offset(0);
  for (Value input : op.getInputs()) {
    ins.push_back(body.tensor(input));
    offsets.push_back(body.size(offset));
    offset = offset + ins.back().dims[op.getAxis()];
  }
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      body.indexed(ins[0].rank(), out, [&](Scalars &s, ValueRange indices) {
        return readConcat(body, s, ins, offsets, op.getAxis(), indices, 0);
      }));
  return success();
}

static LogicalResult lowerReverseSequence(Operation *operation,
                                          KernelBody &body) {
  auto op = cast<graph::ReverseSequenceOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         lengths = body.tensor(op.getLengths());
  Value steps = body.size(in.dims[op.getTimeAxis()]);
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(in.rank(), out, [&](Scalars &s, ValueRange indices) {
                SmallVector<Value> place(indices);
                Value length =
                    s.toIndex(body.read(s, lengths, indices[op.getBatchAxis()]),
                              /*isUnsigned=*/false);
                length = s.clamp(length, s.index(0), steps);
                Value time = indices[op.getTimeAxis()];
                Value reversed = s.sub(s.sub(length, s.index(1)), time);
                place[op.getTimeAxis()] =
                    s.select(s.lt(time, length), reversed, time);
                return body.read(s, in, place);
              }));
  return success();
}

static LogicalResult lowerDepthToSpace(Operation *operation, KernelBody &body) {
  auto op = cast<graph::DepthToSpaceOp>(operation);
  Tensor in = body.tensor(op.getInput());
  int64_t block = op.getBlock();
  Value channels = body.size(body.dims(op.getResult())[1]);
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(), body.indexed(4, out, [&](Scalars &s, ValueRange indices) {
        auto split = [&](Value index) {
          return std::pair(s.make<arith::DivUIOp>(index, s.index(block)),
                           s.make<arith::RemUIOp>(index, s.index(block)));
        };
        auto [y, blockY] = split(indices[2]);
        auto [x, blockX] = split(indices[3]);
        Value inBlock = s.add(s.mul(blockY, s.index(block)), blockX);
        Value channel =
            op.getColumnRow()
                ? s.add(s.mul(indices[1], s.index(block * block)), inBlock)
                : s.add(s.mul(inBlock, channels), indices[1]);
        return body.read(s, in, {indices[0], channel, y, x});
      }));
  return success();
}

static LogicalResult lowerSpaceToDepth(Operation *operation, KernelBody &body) {
  auto op = cast<graph::SpaceToDepthOp>(operation);
  Tensor in = body.tensor(op.getInput());
  Value block, channels = body.size(in.dims[1]);
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(4, out, [&](Scalars &s, ValueRange indices) {
                block = s.index(op.getBlock());
                Value channel = s.make<arith::RemUIOp>(indices[1], channels),
                      inBlock = s.make<arith::DivUIOp>(indices[1], channels);
                Value y = s.add(s.mul(indices[2], block),
                                s.make<arith::DivUIOp>(inBlock, block));
                Value x = s.add(s.mul(indices[3], block),
                                s.make<arith::RemUIOp>(inBlock, block));
                return body.read(s, in, {indices[0], channel, y, x});
              }));
  return success();
}

void cinch::form::addMovementLowerings(LoweringTable &table) {
  constexpr bool isCheap = true;
  table.add<graph::TransposeOp>({lowerTranspose, OpClass::Movement, isCheap});
  table.add<graph::BroadcastOp>({lowerBroadcast, OpClass::Movement, isCheap});
  table.add<graph::TileOp>({lowerTile, OpClass::Movement});
  table.add<graph::SliceOp>({lowerSlice, OpClass::Movement, isCheap});
  table.add<graph::PadOp>({lowerPad, OpClass::Movement});
  table.add<graph::ConcatOp>({lowerConcat, OpClass::Movement});
  table.add<graph::ReverseSequenceOp>(
      {lowerReverseSequence, OpClass::Movement});
  table.add<graph::DepthToSpaceOp>({lowerDepthToSpace, OpClass::Movement});
  table.add<graph::SpaceToDepthOp>({lowerSpaceToDepth, OpClass::Movement});
}
