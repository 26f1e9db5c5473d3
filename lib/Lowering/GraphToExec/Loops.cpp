//===- Loops.cpp - operations that update their result in order -----------===//
//
// Kernels of kind `loops`: the destination is carried through loops that
// extract from and insert into it, which bufferizes in place.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/Indices.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

using State = SmallVector<Value>;
using LoopFn = function_ref<State(Scalars &, Value index, ValueRange state)>;
using NestFn =
    function_ref<State(Scalars &, ArrayRef<Value> indices, ValueRange state)>;

/// for index in [0, end): state = fn(index, state)
static State makeLoop(Scalars &s, Value end, ValueRange state, LoopFn fn) {
  auto loop = scf::ForOp::create(
      s.b, s.loc, s.index(0), end, s.index(1), state,
      [&](OpBuilder &b, Location loc, Value index, ValueRange current) {
        Scalars t(b, loc);
        scf::YieldOp::create(b, loc, fn(t, index, current));
      });
  return State(loop.getResults());
}

/// A nest of loops over `sizes`.
static State makeNest(Scalars &s, ArrayRef<Value> sizes, ValueRange state,
                      NestFn fn, SmallVector<Value> indices = {}) {
  if (indices.size() == sizes.size())
    return fn(s, indices, state);
  return makeLoop(s, sizes[indices.size()], state,
                  [&](Scalars &t, Value index, ValueRange current) {
                    SmallVector<Value> inner(indices);
                    inner.push_back(index);
                    return makeNest(t, sizes, current, fn, inner);
                  });
}

static SmallVector<Value> getSizes(KernelBody &body, ArrayRef<Expr> dims) {
  SmallVector<Value> sizes;
  for (const Expr &dim : dims)
    sizes.push_back(body.size(dim));
  return sizes;
}

static Value insert(Scalars &s, Value element, Value into,
                    ArrayRef<Value> place) {
  return s.make<tensor::InsertOp>(element, into, place);
}
static Value extract(Scalars &s, Value from, ArrayRef<Value> place) {
  return s.make<tensor::ExtractOp>(from, place);
}

static LogicalResult lowerCumSum(Operation *operation, KernelBody &body) {
  auto op = cast<graph::CumSumOp>(operation);
  Tensor in = body.tensor(op.getInput());
  int64_t axis = op.getAxis();
  SmallVector<Value> sizes = getSizes(body, in.dims);
  Value length = sizes[axis];
  sizes.erase(sizes.begin() + axis);
  Type compute = getComputeType(in.element);
  Scalars top = body.scalarsAtTop();
  State result = makeNest(
      top, sizes, body.destination(op.getResult()),
      [&](Scalars &s, ArrayRef<Value> outer, ValueRange state) {
        State row = makeLoop(
            s, length, {state[0], s.integer(compute, 0)},
            [&](Scalars &t, Value step, ValueRange current) -> State {
              Value position = op.getReverse()
                                   ? t.sub(t.sub(length, t.index(1)), step)
                                   : step;
              SmallVector<Value> place(outer);
              place.insert(place.begin() + axis, position);
              Value sum = t.add(current[1], t.widen(body.read(t, in, place)));
              Value stored = op.getExclusive() ? Value(current[1]) : sum;
              if (isa<FloatType>(compute))
                stored = t.toFloat(stored, in.element);
              return {insert(t, stored, current[0], place), sum};
            });
        return State{row[0]};
      });
  body.define(op.getResult(), result[0]);
  body.kind = KernelKind::Loops;
  return success();
}

/// Each element is inserted into sorted lists of the best so far.
static LogicalResult lowerTopK(Operation *operation, KernelBody &body) {
  auto op = cast<graph::TopKOp>(operation);
  Tensor in = body.tensor(op.getInput());
  int64_t axis = op.getAxis();
  SmallVector<Value> sizes = getSizes(body, in.dims);
  Value length = sizes[axis],
        count = body.size(body.dims(op.getValues())[axis]);
  sizes.erase(sizes.begin() + axis);
  Type i64 = IntegerType::get(op.getContext(), 64);
  SmallVector<Value> lists = {body.destination(op.getValues()),
                              body.destination(op.getIndices())};
  Scalars top = body.scalarsAtTop();
  State result = makeNest(
      top, sizes, lists,
      [&](Scalars &s, ArrayRef<Value> outer, ValueRange state) {
        auto at = [&](Value position) {
          SmallVector<Value> place(outer);
          place.insert(place.begin() + axis, position);
          return place;
        };
        return makeLoop(
            s, length, state,
            [&](Scalars &t, Value candidate, ValueRange current) {
              Value x = body.read(t, in, at(candidate)),
                    number = t.fromIndex(candidate, i64);
              Value filled = t.min(candidate, count);
              // Moves past the better ones, then shifts the rest down.
              State shifted = makeLoop(
                  t, filled,
                  {current[0], current[1], x, number,
                   t.integer(t.b.getI1Type(), 0)},
                  [&](Scalars &u, Value slot, ValueRange list) -> State {
                    Value oldX = extract(u, list[0], at(slot)),
                          oldNumber = extract(u, list[1], at(slot));
                    Value better = op.getLargest()
                                       ? u.lt(oldX, list[2], in.isUnsigned())
                                       : u.lt(list[2], oldX, in.isUnsigned());
                    Value moves = u.either(list[4], better);
                    Value values = insert(u, u.select(moves, list[2], oldX),
                                          list[0], at(slot));
                    Value numbers =
                        insert(u, u.select(moves, list[3], oldNumber), list[1],
                               at(slot));
                    return {values, numbers, u.select(moves, oldX, list[2]),
                            u.select(moves, oldNumber, list[3]), moves};
                  });
              // What is left goes behind, while the lists grow.
              auto grows = scf::IfOp::create(
                  t.b, t.loc, t.lt(candidate, count),
                  [&](OpBuilder &b, Location loc) {
                    Scalars u(b, loc);
                    scf::YieldOp::create(
                        b, loc,
                        ValueRange{
                            insert(u, shifted[2], shifted[0], at(candidate)),
                            insert(u, shifted[3], shifted[1], at(candidate))});
                  },
                  [&](OpBuilder &b, Location loc) {
                    scf::YieldOp::create(b, loc,
                                         ValueRange{shifted[0], shifted[1]});
                  });
              return State(grows.getResults());
            });
      });
  body.define(op.getValues(), result[0]);
  body.define(op.getIndices(), result[1]);
  body.kind = KernelKind::Loops;
  return success();
}

/// bins / (2 r), a power of two, where r is the one above `largest`: the next
/// exponent.
static Value getBinScale(Scalars &s, Value largest, int64_t bins) {
  Type i32 = s.b.getI32Type(), f32 = s.b.getF32Type();
  auto number = [&](int64_t value) { return s.integer(i32, value); };
  Value bits = s.make<arith::BitcastOp>(i32, largest);
  Value exponent =
      s.add(s.make<arith::ShRUIOp>(bits, number(23)), number(1)); // plus 127
  exponent = s.clamp(exponent, number(127 - 100), number(127 + 120));
  Value inverse = s.sub(number(254 + llvm::Log2_64(bins / 2)), exponent);
  return s.make<arith::BitcastOp>(f32,
                                  s.make<arith::ShLIOp>(inverse, number(23)));
}

static LogicalResult lowerHistogram(Operation *operation, KernelBody &body) {
  auto op = cast<graph::HistogramOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         largest = body.tensor(op.getLargest());
  int64_t bins = op.getBins();
  Type i64 = IntegerType::get(op.getContext(), 64);
  SmallVector<Value> sizes = getSizes(body, in.dims);
  Scalars top = body.scalarsAtTop();
  Value scale = getBinScale(top, body.read(top, largest, {}), bins);
  State zeros =
      makeLoop(top, top.index(bins), body.destination(op.getResult()),
               [&](Scalars &s, Value bin, ValueRange state) {
                 return State{insert(s, s.integer(i64, 0), state[0], bin)};
               });
  State counts = makeNest(
      top, sizes, zeros,
      [&](Scalars &s, ArrayRef<Value> place, ValueRange state) {
        Value x = s.toFloat(s.widen(body.read(s, in, place)), s.b.getF32Type());
        auto number = [&](double value) {
          return s.number(x.getType(), value);
        };
        Value scaled = s.make<math::FloorOp>(s.mul(x, scale));
        // Comparisons with NaN are false.
        Value low = s.select(s.lt(scaled, number(-bins / 2.)),
                             number(-bins / 2.), scaled);
        Value inside =
            s.select(s.lt(low, number(bins / 2.)), low, number(bins / 2. - 1));
        Value offset = s.make<arith::FPToSIOp>(i64, inside);
        Value bin = s.toIndex(s.add(offset, s.integer(i64, bins / 2)),
                              /*isUnsigned=*/false);
        Value count = s.add(extract(s, state[0], bin), s.integer(i64, 1));
        return State{insert(s, count, state[0], bin)};
      });
  body.define(op.getResult(), counts[0]);
  body.kind = KernelKind::Loops;
  return success();
}

/// The element that an update leaves.
static Value combine(Scalars &s, graph::ScatterMode mode, Value old,
                     Value update, Type element) {
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  Value a = s.widen(old), b = s.widen(update), result;
  switch (mode) {
  case graph::ScatterMode::none:
    return update;
  case graph::ScatterMode::add:
    result = s.add(a, b);
    break;
  case graph::ScatterMode::mul:
    result = s.mul(a, b);
    break;
  case graph::ScatterMode::max:
    result = s.max(a, b, isUnsigned);
    break;
  case graph::ScatterMode::min:
    result = s.min(a, b, isUnsigned);
    break;
  }
  return isa<FloatType>(element) ? s.toFloat(result, element) : result;
}

/// The destination with the elements of the input in it.
static Value copyInput(KernelBody &body, const Tensor &in, Value result) {
  return body.elementwise(in, in.dims, body.destination(result),
                          [](Scalars &, ValueRange x) { return x[0]; });
}

/// `into` with `update` at `place`, combined with the old element by `mode`.
static Value applyUpdate(Scalars &s, graph::ScatterMode mode, const Tensor &in,
                         Value into, ArrayRef<Value> place, Value update) {
  if (mode != graph::ScatterMode::none)
    update = combine(s, mode, extract(s, into, place), update, in.element);
  return insert(s, update, into, place);
}

static LogicalResult lowerScatterElements(Operation *operation,
                                          KernelBody &body) {
  auto op = cast<graph::ScatterElementsOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         indices = body.tensor(op.getIndices()),
         updates = body.tensor(op.getUpdates());
  SmallVector<Value> sizes = getSizes(body, indices.dims);
  Indices range(op, body, static_cast<int64_t>(op.getAxis()));
  Value start = copyInput(body, in, op.getResult());
  Scalars top = body.scalarsAtTop();
  State result = makeNest(
      top, sizes, start,
      [&](Scalars &s, ArrayRef<Value> position, ValueRange state) {
        SmallVector<Value> place(position);
        place[op.getAxis()] =
            range.getPlace(s, 0, body.read(s, indices, position));
        Value update = body.read(s, updates, position);
        return State{applyUpdate(s, op.getMode(), in, state[0], place, update)};
      });
  body.define(op.getResult(), result[0]);
  body.kind = KernelKind::Loops;
  return success();
}

static LogicalResult lowerScatterND(Operation *operation, KernelBody &body) {
  auto op = cast<graph::ScatterNDOp>(operation);
  Tensor in = body.tensor(op.getInput()),
         indices = body.tensor(op.getIndices()),
         updates = body.tensor(op.getUpdates());
  auto length = indices.dims.back().asConstant();
  if (!length)
    return emitUnsupported(op) << "index tuples of dynamic length";
  SmallVector<Value> sizes = getSizes(body, updates.dims);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, *length));
  Indices range(op, body, axes);
  size_t numOuter = indices.rank() - 1;
  Value start = copyInput(body, in, op.getResult());
  Scalars top = body.scalarsAtTop();
  State result = makeNest(
      top, sizes, start,
      [&](Scalars &s, ArrayRef<Value> position, ValueRange state) {
        SmallVector<Value> tuple(position.take_front(numOuter)), place;
        tuple.emplace_back();
        for (int64_t number = 0; number < *length; ++number) {
          tuple.back() = s.index(number);
          place.push_back(
              range.getPlace(s, number, body.read(s, indices, tuple)));
        }
        llvm::append_range(place, position.drop_front(numOuter));
        Value update = body.read(s, updates, position);
        return State{applyUpdate(s, op.getMode(), in, state[0], place, update)};
      });
  body.define(op.getResult(), result[0]);
  body.kind = KernelKind::Loops;
  return success();
}

void cinch::form::addLoopsLowerings(LoweringTable &table) {
  table.add<graph::CumSumOp>({lowerCumSum, OpClass::Opaque});
  table.add<graph::TopKOp>({lowerTopK, OpClass::Opaque});
  table.add<graph::HistogramOp>({lowerHistogram, OpClass::Opaque});
  table.add<graph::ScatterElementsOp>({lowerScatterElements, OpClass::Opaque});
  table.add<graph::ScatterNDOp>({lowerScatterND, OpClass::Opaque});
}
