//===- Indexing.cpp - gathering by index ----------------------------------===//
//
// Indices count from the end if negative. One that is out of range fails the
// run; it is clamped into the axis, so that no read leaves the input.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/FormGroups.h"
#include "lib/Lowering/GraphToExec/Indices.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// True if the verifier has compared all indices with the size of the axis.
static bool isChecked(KernelBody &body, Value indices, const Expr &size) {
  return size.asConstant() && (indices.getDefiningOp<graph::ConstantOp>() ||
                               body.getShapes().constants(indices));
}

Indices::Indices(Operation *op, KernelBody &body, ArrayRef<int64_t> axes)
    : body(body) {
  Value input = op->getOperand(0), indices = op->getOperand(1);
  for (int64_t axis : axes) {
    const Expr &size = body.dims(input)[axis];
    sizes.push_back(body.size(size));
    faults.emplace_back();
    if (isChecked(body, indices, size))
      continue;
    std::string message;
    llvm::raw_string_ostream(message)
        << op->getName().stripDialect() << " '"
        << graph::getValueName(op->getResult(0)) << "': an index of '"
        << graph::getValueName(indices) << "' is outside axis " << axis
        << " of '" << graph::getValueName(input) << "', which has size "
        << size.str();
    faults.back() = body.addFault(message);
  }
}

Value Indices::getPlace(Scalars &s, unsigned number, Value index) const {
  Value size = sizes[number];
  Value signedIndex = s.toIndex(index, /*isUnsigned=*/false);
  Value wrapped = s.select(s.lt(signedIndex, s.index(0)),
                           s.add(signedIndex, size), signedIndex);
  if (faults[number])
    body.assertThat(s, s.lt(wrapped, size, /*isUnsigned=*/true),
                    *faults[number]);
  return s.max(s.min(wrapped, s.sub(size, s.index(1))), s.index(0));
}

static LogicalResult lowerGather(Operation *operation, KernelBody &body) {
  auto op = cast<graph::GatherOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         indices = body.tensor(op.getIndices());
  int64_t axis = op.getAxis();
  size_t rank = body.dims(op.getResult()).size();
  Indices range(op, body, axis);
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(rank, out, [&](Scalars &s, ValueRange position) {
                SmallVector<Value> place(position.take_front(axis));
                Value index =
                    body.read(s, indices, position.slice(axis, indices.rank()));
                place.push_back(range.getPlace(s, 0, index));
                llvm::append_range(place,
                                   position.drop_front(axis + indices.rank()));
                return body.read(s, in, place);
              }));
  return success();
}

static LogicalResult lowerGatherElements(Operation *operation,
                                         KernelBody &body) {
  auto op = cast<graph::GatherElementsOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         indices = body.tensor(op.getIndices());
  Indices range(op, body, static_cast<int64_t>(op.getAxis()));
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      body.indexed(in.rank(), out, [&](Scalars &s, ValueRange position) {
        SmallVector<Value> place(position);
        place[op.getAxis()] =
            range.getPlace(s, 0, body.read(s, indices, position));
        return body.read(s, in, place);
      }));
  return success();
}

static LogicalResult lowerGatherND(Operation *operation, KernelBody &body) {
  auto op = cast<graph::GatherNDOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         indices = body.tensor(op.getIndices());
  auto length = indices.dims.back().asConstant();
  if (!length)
    return emitUnsupported(op) << "index tuples of dynamic length";
  size_t batch = op.getBatchDims(), rank = body.dims(op.getResult()).size();
  SmallVector<int64_t> axes = llvm::to_vector(
      llvm::seq<int64_t>(batch, static_cast<int64_t>(batch) + *length));
  Indices range(op, body, axes);
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(rank, out, [&](Scalars &s, ValueRange position) {
                size_t numOuter = indices.rank() - 1;
                SmallVector<Value> tuple(position.take_front(numOuter)),
                    place(position.take_front(batch));
                tuple.emplace_back();
                for (int64_t number = 0; number < *length; ++number) {
                  tuple.back() = s.index(number);
                  place.push_back(
                      range.getPlace(s, number, body.read(s, indices, tuple)));
                }
                llvm::append_range(place, position.drop_front(numOuter));
                return body.read(s, in, place);
              }));
  return success();
}

static LogicalResult lowerOneHot(Operation *operation, KernelBody &body) {
  auto op = cast<graph::OneHotOp>(operation);
  Tensor indices = body.tensor(op.getIndices()),
         values = body.tensor(op.getValues());
  auto resultDims = body.dims(op.getResult());
  int64_t axis = op.getAxis();
  Value depth = body.size(resultDims[axis]);
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(
                  resultDims.size(), out, [&](Scalars &s, ValueRange position) {
                    SmallVector<Value> place(position);
                    place.erase(place.begin() + axis);
                    Value index = s.cast(body.read(s, indices, place),
                                         indices.element, s.b.getI64Type());
                    Value wanted = s.toIndex(index, /*isUnsigned=*/false);
                    wanted = s.select(s.lt(wanted, s.index(0)),
                                      s.add(wanted, depth), wanted);
                    Value off = body.read(s, values, s.index(0)),
                          on = body.read(s, values, s.index(1));
                    return s.select(s.eq(wanted, position[axis]), on, off);
                  }));
  return success();
}

static LogicalResult lowerExpect(Operation *operation, KernelBody &body) {
  auto op = cast<graph::ExpectOp>(operation);
  Tensor in = body.tensor(op.getInput());
  unsigned fault = body.addFault(op.getMessage().str());
  Value out = body.destination(op.getResult());
  body.define(op.getResult(),
              body.indexed(1, out, [&](Scalars &s, ValueRange position) {
                Value element = body.read(s, in, position);
                Value wanted = element;
                for (auto [at, value] : llvm::enumerate(op.getExpected()))
                  wanted = s.select(s.eq(position[0], s.index(at)),
                                    s.integer(in.element, value), wanted);
                body.assertThat(s, s.eq(element, wanted), fault);
                return element;
              }));
  return success();
}

/// The position of a loop as a clamped index.
static Value readStep(KernelBody &body, Scalars &s, Value step, Value size) {
  Value index =
      s.toIndex(body.read(s, body.tensor(step), {}), /*isUnsigned=*/false);
  return s.max(s.min(index, s.sub(size, s.index(1))), s.index(0));
}

static LogicalResult lowerStepGet(Operation *operation, KernelBody &body) {
  auto op = cast<graph::StepGetOp>(operation);
  Tensor in = body.tensor(op.getInput());
  Value size = body.size(in.dims[op.getAxis()]);
  Value out = body.destination(op.getResult());
  body.define(
      op.getResult(),
      body.indexed(in.rank() - 1, out, [&](Scalars &s, ValueRange position) {
        SmallVector<Value> place(position);
        place.insert(place.begin() + op.getAxis(),
                     readStep(body, s, op.getStep(), size));
        return body.read(s, in, place);
      }));
  return success();
}

/// Writes the one position into the input, over which the result lies.
static void lowerUpdate(graph::StepSetOp op, KernelBody &body) {
  Tensor value = body.tensor(op.getValue()), into = body.tensor(op.getInto());
  auto from = value.value ? value.value.getDefiningOp<linalg::GenericOp>()
                          : linalg::GenericOp();
  if (!from || from.getNumReductionLoops() != 0) {
    Value empty = body.empty(value.dims, value.element).value;
    value.value = body.elementwise(
        value, value.dims, empty, [](Scalars &, ValueRange x) { return x[0]; });
  }
  Value size = body.size(into.dims[op.getAxis()]);
  Scalars s = body.scalarsAtTop();
  OpBuilder &b = body.getBuilder();
  SmallVector<OpFoldResult> offsets, sizes,
      strides(into.rank(), b.getIndexAttr(1));
  for (auto [axis, dim] : llvm::enumerate(into.dims)) {
    bool isStep = axis == static_cast<size_t>(op.getAxis());
    offsets.push_back(isStep
                          ? OpFoldResult(readStep(body, s, op.getStep(), size))
                          : b.getIndexAttr(0));
    auto constant = isStep ? std::optional<int64_t>(1) : dim.asConstant();
    sizes.push_back(constant ? OpFoldResult(b.getIndexAttr(*constant))
                             : body.size(dim));
  }
  body.define(op.getResult(), tensor::InsertSliceOp::create(
                                  b, body.getLoc(), value.value, into.value,
                                  offsets, sizes, strides));
}

static LogicalResult lowerStepSet(Operation *operation, KernelBody &body) {
  auto op = cast<graph::StepSetOp>(operation);
  if (body.mayUpdate && isUpdate(op)) {
    lowerUpdate(op, body);
    return success();
  }
  Tensor value = body.tensor(op.getValue()), into = body.tensor(op.getInto());
  size_t rank = into.rank(), axis = op.getAxis();
  AffineMap identity = body.getBuilder().getMultiDimIdentityMap(rank);
  SmallVector<AffineExpr> rest;
  for (size_t at = 0; at < rank; ++at)
    if (at != axis)
      rest.push_back(getAffineDimExpr(at, op.getContext()));
  Value size = body.size(into.dims[axis]);
  Value out = body.destination(op.getResult());
  auto results = body.generic(
      {Operand{into, identity},
       Operand{value, AffineMap::get(rank, 0, rest, op.getContext())}},
      out, identity,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange x, ValueRange) -> KernelBody::Results {
        Value isHere = s.eq(s.make<linalg::IndexOp>(axis),
                            readStep(body, s, op.getStep(), size));
        return {s.select(isHere, x[1], x[0])};
      });
  body.define(op.getResult(), results[0]);
  return success();
}

void cinch::form::addIndexingLowerings(LoweringTable &table) {
  table.add<graph::GatherOp>({lowerGather, OpClass::Movement});
  table.add<graph::GatherElementsOp>({lowerGatherElements, OpClass::Movement});
  table.add<graph::GatherNDOp>({lowerGatherND, OpClass::Movement});
  table.add<graph::OneHotOp>(
      {lowerOneHot, OpClass::Movement, /*isCheap=*/true});
  table.add<graph::StepGetOp>(
      {lowerStepGet, OpClass::Movement, /*isCheap=*/true});
  table.add<graph::StepSetOp>({lowerStepSet, OpClass::Update});
  table.add<graph::ExpectOp>({lowerExpect, OpClass::Opaque});
}
