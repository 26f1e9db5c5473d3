//===- Generators.cpp - operations that compute elements from positions
//------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// The element of a tensor that has only one.
static Value readOnly(KernelBody &body, Scalars &s, const Tensor &tensor) {
  return body.read(s, tensor, SmallVector<Value>(tensor.rank(), s.index(0)));
}

static LogicalResult lowerRange(Operation *operation, KernelBody &body) {
  auto op = cast<graph::RangeOp>(operation);
  Tensor start = body.tensor(op.getStart()), delta = body.tensor(op.getDelta());
  Type compute = getComputeType(start.element);
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(), body.indexed(1, out, [&](Scalars &s, ValueRange indices) {
        Type counter =
            isa<FloatType>(compute) ? Type(s.b.getI64Type()) : compute;
        Value step = s.fromIndex(indices[0], counter);
        if (isa<FloatType>(compute))
          step = s.make<arith::SIToFPOp>(compute, step);
        Value value = s.add(s.widen(readOnly(body, s, start)),
                            s.mul(step, s.widen(readOnly(body, s, delta))));
        return isa<FloatType>(compute) ? s.toFloat(value, start.element)
                                       : value;
      }));
  return success();
}

static LogicalResult lowerEye(Operation *operation, KernelBody &body) {
  auto op = cast<graph::EyeOp>(operation);
  Type element = dropSign(getElementTypeOrSelf(op.getResult().getType()));
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(), body.indexed(2, out, [&](Scalars &s, ValueRange indices) {
        Value isOn =
            s.eq(s.sub(indices[1], indices[0]), s.index(op.getDiagonal()));
        return s.select(isOn, s.integer(element, 1), s.integer(element, 0));
      }));
  return success();
}

static LogicalResult lowerTrilu(Operation *operation, KernelBody &body) {
  auto op = cast<graph::TriluOp>(operation);
  Tensor in = body.tensor(op.getInput());
  size_t rank = in.rank();
  AffineMap identity = body.getBuilder().getMultiDimIdentityMap(rank);
  Value out = body.destination(op.getResult());
  auto results = body.generic(
      {Operand{in, identity}}, out, identity,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange x, ValueRange) -> KernelBody::Results {
        Value row = s.make<linalg::IndexOp>(rank - 2),
              column = s.make<linalg::IndexOp>(rank - 1);
        Value above = s.sub(column, row), limit = s.index(op.getDiagonal());
        Value isKept = op.getUpper() ? s.le(limit, above) : s.le(above, limit);
        return {s.select(isKept, x[0], s.integer(in.signless(), 0))};
      });
  body.define(op.getResult(), results[0]);
  return success();
}

void cinch::form::addGeneratorLowerings(LoweringTable &table) {
  table.add<graph::RangeOp>({lowerRange, OpClass::Movement, /*isCheap=*/true});
  table.add<graph::EyeOp>({lowerEye, OpClass::Movement, /*isCheap=*/true});
  table.add<graph::TriluOp>(
      {lowerTrilu, OpClass::Elementwise, /*isCheap=*/true});
}
