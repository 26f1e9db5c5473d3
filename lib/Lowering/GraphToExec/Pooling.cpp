//===- Pooling.cpp - windows over spatial axes
//-------------------------------===//
#include "lib/Lowering/GraphToExec/Contractions.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

namespace {

/// The loops of a pool: batch, channel, output positions, kernel positions. The
/// kernel's extent comes from an operand that is never read.
struct Windows {
  template <typename OpTy> Windows(OpTy op, KernelBody &body);

  unsigned rank, spatial;
  Dims extents; ///< what the windows cover of the padded input
  SmallVector<int64_t> begins;
  Tensor shape;
  AffineMap inMap, shapeMap, outMap;
  SmallVector<utils::IteratorType> iterators;
};

} // namespace

template <typename OpTy> Windows::Windows(OpTy op, KernelBody &body) {
  MLIRContext *context = op.getContext();
  auto resultDims = body.dims(op.getResult());
  rank = resultDims.size();
  spatial = rank - 2;
  begins = llvm::to_vector(op.getPads().take_front(spatial));
  Dims kernel;
  SmallVector<AffineExpr> inAxes, shapeAxes, outAxes;
  for (unsigned axis = 0; axis < rank; ++axis)
    outAxes.push_back(getAffineDimExpr(axis, context));
  inAxes.append(outAxes.begin(), outAxes.begin() + 2);
  for (unsigned axis = 0; axis < spatial; ++axis) {
    kernel.push_back(Expr(op.getKernel()[axis]));
    extents.push_back(
        (resultDims[axis + 2] - Expr(1)) * Expr(op.getStrides()[axis]) +
        Expr((op.getKernel()[axis] - 1) * op.getDilations()[axis] + 1));
    AffineExpr position = getAffineDimExpr(rank + axis, context);
    shapeAxes.push_back(position);
    inAxes.push_back(outAxes[axis + 2] * op.getStrides()[axis] +
                     position * op.getDilations()[axis]);
  }
  auto map = [&](ArrayRef<AffineExpr> axes) {
    return AffineMap::get(rank + spatial, 0, axes, context);
  };
  inMap = map(inAxes);
  shapeMap = map(shapeAxes);
  outMap = map(outAxes);
  shape = body.empty(kernel, Float32Type::get(context));
  iterators.assign(rank, utils::IteratorType::parallel);
  iterators.resize(rank + spatial, utils::IteratorType::reduction);
}

static TypedAttr getLowest(Type signless, bool isUnsigned) {
  if (auto floating = dyn_cast<FloatType>(signless))
    return FloatAttr::get(
        floating,
        APFloat::getInf(floating.getFloatSemantics(), /*Negative=*/true));
  unsigned width = signless.getIntOrFloatBitWidth();
  return IntegerAttr::get(signless, isUnsigned
                                        ? APInt::getMinValue(width)
                                        : APInt::getSignedMinValue(width));
}

/// True if the windows read nothing but elements of the input.
template <typename OpTy> static bool isUnpadded(OpTy op) {
  return !op.getCeilMode() &&
         llvm::all_of(op.getPads(), [](int64_t pad) { return pad == 0; });
}

static LogicalResult lowerMaxPool(Operation *operation, KernelBody &body) {
  auto op = cast<graph::MaxPoolOp>(operation);
  Tensor in = body.tensor(op.getInput());
  Windows windows(op, body);
  bool isUnsigned = in.isUnsigned();
  TypedAttr lowest = getLowest(in.signless(), isUnsigned);
  Tensor padded = in;
  if (!isUnpadded(op) || !in.value)
    padded = padWindows(body, in, windows.begins, windows.extents,
                        [&](Scalars &s) { return s.constant(lowest); });
  Value out = body.fill(body.destination(op.getResult()), lowest);
  auto results = body.generic(
      {Operand{padded, windows.inMap},
       Operand{windows.shape, windows.shapeMap}},
      out, windows.outMap, windows.iterators,
      [&](Scalars &s, ValueRange x, ValueRange current) -> KernelBody::Results {
        return {s.max(current[0], x[0], isUnsigned)};
      });
  body.define(op.getResult(), results[0]);
  return success();
}

static LogicalResult lowerAveragePool(Operation *operation, KernelBody &body) {
  auto op = cast<graph::AveragePoolOp>(operation);
  Tensor in = body.tensor(op.getInput());
  if (!isa<FloatType>(in.element))
    return emitUnsupported(op) << "only floats are averaged";
  Windows windows(op, body);
  Type type = getComputeType(in.element);
  auto zero = FloatAttr::get(type, 0.0);
  Tensor padded = in;
  if (!isUnpadded(op) || !in.value)
    padded = padWindows(body, in, windows.begins, windows.extents,
                        [&](Scalars &s) { return s.number(in.element, 0); });
  auto resultDims = body.dims(op.getResult());
  Tensor sum = body.empty(resultDims, type);
  sum.value = body.generic(
      {Operand{padded, windows.inMap},
       Operand{windows.shape, windows.shapeMap}},
      body.fill(sum.value, zero), windows.outMap, windows.iterators,
      [&](Scalars &s, ValueRange x, ValueRange current) -> KernelBody::Results {
        return {s.add(current[0], s.widen(x[0]))};
      })[0];
  // Positions that count: inside the input, or inside the padded input.
  SmallVector<Value> sizes;
  for (unsigned axis = 0; axis < windows.spatial; ++axis)
    sizes.push_back(body.size(in.dims[axis + 2]));
  AffineMap identity = body.getBuilder().getMultiDimIdentityMap(windows.rank);
  auto results = body.generic(
      {Operand{sum, identity}}, body.destination(op.getResult()), identity,
      SmallVector<utils::IteratorType>(windows.rank,
                                       utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange x, ValueRange) -> KernelBody::Results {
        Value count = s.index(1);
        for (unsigned axis = 0; axis < windows.spatial; ++axis) {
          int64_t stride = op.getStrides()[axis],
                  dilation = op.getDilations()[axis],
                  kernel = op.getKernel()[axis];
          int64_t begin = op.getPads()[axis],
                  end = op.getPads()[windows.spatial + axis];
          bool countsAll = op.getCountIncludePad() && !op.getCeilMode();
          if (countsAll || isUnpadded(op)) {
            count = s.mul(count, s.index(kernel));
            continue;
          }
          // Kernel positions k with low <= first + k * dilation < high.
          Value first =
              s.sub(s.mul(s.make<linalg::IndexOp>(axis + 2), s.index(stride)),
                    s.index(begin));
          Value low = s.index(op.getCountIncludePad() ? -begin : 0);
          Value high = op.getCountIncludePad()
                           ? s.add(sizes[axis], s.index(end))
                           : sizes[axis];
          auto ceilDiv = [&](Value distance) { // to a position, not negative
            Value rounded = s.floorDiv(s.add(distance, s.index(dilation - 1)),
                                       s.index(dilation));
            return s.clamp(rounded, s.index(0), s.index(kernel));
          };
          Value valid =
              s.sub(ceilDiv(s.sub(high, first)), ceilDiv(s.sub(low, first)));
          count = s.mul(count, valid);
        }
        Value divisor =
            s.make<arith::SIToFPOp>(type, s.fromIndex(count, s.b.getI64Type()));
        return {s.toFloat(s.make<arith::DivFOp>(x[0], divisor), in.element)};
      });
  body.define(op.getResult(), results[0]);
  return success();
}

static LogicalResult lowerMaxPoolIndices(Operation *operation,
                                         KernelBody &body) {
  auto op = cast<graph::MaxPoolIndicesOp>(operation);
  Tensor in = body.tensor(op.getInput());
  Windows windows(op, body);
  bool isUnsigned = in.isUnsigned();
  Type i64 = IntegerType::get(op.getContext(), 64);
  SmallVector<Value> sizes;
  for (const Expr &dim : in.dims)
    sizes.push_back(body.size(dim));
  Value best =
      body.fill(body.empty(body.dims(op.getResult()), in.element).value,
                getLowest(in.signless(), isUnsigned));
  Value place =
      body.fill(body.destination(op.getResult()), IntegerAttr::get(i64, -1));
  auto results = body.generic(
      {Operand{windows.shape, windows.shapeMap}}, {best, place},
      {windows.outMap, windows.outMap}, windows.iterators,
      [&](Scalars &s, ValueRange, ValueRange current) -> KernelBody::Results {
        SmallVector<Value> position = {s.make<linalg::IndexOp>(0),
                                       s.make<linalg::IndexOp>(1)};
        Value isInside = s.integer(s.b.getI1Type(), 1);
        for (unsigned axis = 0; axis < windows.spatial; ++axis) {
          Value start = s.mul(s.make<linalg::IndexOp>(axis + 2),
                              s.index(op.getStrides()[axis]));
          Value step = s.mul(s.make<linalg::IndexOp>(windows.rank + axis),
                             s.index(op.getDilations()[axis]));
          Value at = s.sub(s.add(start, step), s.index(op.getPads()[axis]));
          Value size = sizes[axis + 2];
          isInside = s.both(isInside, s.lt(at, size, /*isUnsigned=*/true));
          position.push_back(
              s.max(s.min(at, s.sub(size, s.index(1))), s.index(0)));
        }
        Value x = body.read(s, in, position);
        Value flat = s.add(s.mul(position[0], sizes[1]), position[1]);
        for (unsigned axis = 0; axis < windows.spatial; ++axis)
          flat = s.mul(flat, sizes[axis + 2]);
        Value inner = s.index(0);
        for (unsigned axis = 0; axis < windows.spatial; ++axis) {
          unsigned at = op.getColumnMajor() ? windows.spatial - 1 - axis : axis;
          inner = s.add(s.mul(inner, sizes[at + 2]), position[at + 2]);
        }
        Value isFirst = s.eq(current[1], s.integer(i64, -1));
        Value better = s.both(
            isInside, s.either(isFirst, s.lt(current[0], x, isUnsigned)));
        return {
            s.select(better, x, current[0]),
            s.select(better, s.fromIndex(s.add(flat, inner), i64), current[1])};
      });
  body.define(op.getResult(), results[1]);
  return success();
}

void cinch::form::addPoolingLowerings(LoweringTable &table) {
  table.add<graph::MaxPoolOp>({lowerMaxPool, OpClass::Opaque});
  table.add<graph::AveragePoolOp>({lowerAveragePool, OpClass::Opaque});
  table.add<graph::MaxPoolIndicesOp>({lowerMaxPoolIndices, OpClass::Opaque});
}
