//===- ConvTranspose.cpp - transposed convolution, gathered
//------------------===//
//
// Each output element sums over the kernel positions that reach it: those where
// (output + pad - kernel * dilation) is a multiple of the stride. No element is
// written twice, so it runs in parallel like any reduction.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

static LogicalResult lowerConvTranspose(Operation *operation,
                                        KernelBody &body) {
  auto op = cast<graph::ConvTransposeOp>(operation);
  Tensor in = body.tensor(op.getInput()), filter = body.tensor(op.getFilter());
  MLIRContext *context = op.getContext();
  unsigned rank = in.rank(), spatial = rank - 2;
  auto channels = filter.dims[0].asConstant(),
       groupFilters = filter.dims[1].asConstant();
  if (!channels || !groupFilters)
    return emitUnsupported(op) << "a filter with dynamic channels";
  int64_t groupChannels = *channels / op.getGroup();
  Type element = in.element, compute = getComputeType(element);

  // Loops: batch, filter, output positions, channel, kernel positions. The
  // extents of the last come from an operand that is never read.
  Dims kernelDims = {Expr(groupChannels)};
  kernelDims.append(filter.dims.begin() + 2, filter.dims.end());
  Tensor shape = body.empty(kernelDims, Float32Type::get(context));
  unsigned numLoops = rank + 1 + spatial;
  SmallVector<AffineExpr> shapeAxes, outAxes;
  for (unsigned loop = 0; loop < numLoops; ++loop)
    (loop < rank ? outAxes : shapeAxes)
        .push_back(getAffineDimExpr(loop, context));
  AffineMap shapeMap = AffineMap::get(numLoops, 0, shapeAxes, context);
  AffineMap outMap = AffineMap::get(numLoops, 0, outAxes, context);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.resize(numLoops, utils::IteratorType::reduction);

  SmallVector<Value> sizes;
  for (unsigned axis = 0; axis < spatial; ++axis)
    sizes.push_back(body.size(in.dims[axis + 2]));
  bool isDirect = compute == dropSign(element);
  Value out = isDirect ? body.destination(op.getResult())
                       : body.empty(body.dims(op.getResult()), compute).value;
  Value sum = body.generic(
      {Operand{shape, shapeMap}}, body.fill(out, FloatAttr::get(compute, 0.0)),
      outMap, iterators,
      [&](Scalars &s, ValueRange, ValueRange current) -> KernelBody::Results {
        Value filterNumber = s.make<linalg::IndexOp>(1),
              channel = s.make<linalg::IndexOp>(rank);
        Value group =
            s.make<arith::DivUIOp>(filterNumber, s.index(*groupFilters));
        Value inChannel = s.add(s.mul(group, s.index(groupChannels)), channel);
        SmallVector<Value> place = {s.make<linalg::IndexOp>(0), inChannel};
        SmallVector<Value> weight = {
            inChannel,
            s.make<arith::RemUIOp>(filterNumber, s.index(*groupFilters))};
        Value reaches;
        for (unsigned axis = 0; axis < spatial; ++axis) {
          Value kernel = s.make<linalg::IndexOp>(rank + 1 + axis);
          Value offset = s.sub(s.add(s.make<linalg::IndexOp>(axis + 2),
                                     s.index(op.getPads()[axis])),
                               s.mul(kernel, s.index(op.getDilations()[axis])));
          Value stride = s.index(op.getStrides()[axis]);
          Value source = s.floorDiv(offset, stride);
          Value fits = s.both(s.eq(s.mul(source, stride), offset),
                              s.lt(source, sizes[axis], /*isUnsigned=*/true));
          reaches = reaches ? s.both(reaches, fits) : fits;
          place.push_back(
              s.max(s.min(source, s.sub(sizes[axis], s.index(1))), s.index(0)));
          weight.push_back(kernel);
        }
        Value product = s.mul(s.toFloat(body.read(s, in, place), compute),
                              s.toFloat(body.read(s, filter, weight), compute));
        if (reaches)
          product = s.select(reaches, product, s.number(compute, 0));
        return {s.add(current[0], product)};
      })[0];
  if (!isDirect) {
    Tensor wide{sum, {}, Dims(body.dims(op.getResult())), compute};
    sum = body.elementwise(
        wide, wide.dims, body.destination(op.getResult()),
        [&](Scalars &s, ValueRange x) { return s.toFloat(x[0], element); });
  }
  body.define(op.getResult(), sum);
  return success();
}

void cinch::form::addConvTransposeLowerings(LoweringTable &table) {
  table.add<graph::ConvTransposeOp>({lowerConvTranspose, OpClass::Opaque});
}
