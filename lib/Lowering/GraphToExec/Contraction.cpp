//===- Contraction.cpp - matmul, convolution and einsum -------------------===//
//
// f32 and integer contractions accumulate in the destination; 16-bit floats
// accumulate in f32 and are rounded once, element by element, behind the sum.
// All of them are kernels of kind `contraction`.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/Contractions.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

LogicalResult cinch::form::contract(KernelBody &body, Operation *op,
                                    ArrayRef<Operand> ins, AffineMap outMap,
                                    ArrayRef<utils::IteratorType> iterators) {
  Value result = op->getResult(0);
  Type element = getElementTypeOrSelf(result.getType());
  Type compute = getComputeType(element);
  bool isDirect = compute == dropSign(element);
  Value out = isDirect ? body.destination(result)
                       : body.empty(body.dims(result), compute).value;
  TypedAttr zero = isa<FloatType>(compute)
                       ? TypedAttr(FloatAttr::get(compute, 0.0))
                       : IntegerAttr::get(compute, 0);
  bool isPlain = compute.isF32() || compute.isInteger(32);
  for (const Operand &in : ins)
    isPlain &= in.tensor.value &&
               (!isa<FloatType>(compute) || in.tensor.element == element);
  auto results = body.generic(
      ins, body.fill(out, zero), outMap, iterators,
      [&](Scalars &s, ValueRange x, ValueRange sum) -> KernelBody::Results {
        Value product;
        for (auto [in, scalar] : llvm::zip(ins, x)) {
          Type from = in.tensor.element;
          Value wide = isa<FloatType>(from) ? s.toFloat(scalar, compute)
                                            : s.cast(scalar, from, compute);
          product = product ? s.mul(product, wide) : wide;
        }
        return {s.add(sum[0], product)};
      });
  if (isPlain && ins.size() == 2)
    body.kind = KernelKind::Contraction;
  Value value = results[0];
  if (!isDirect) {
    Tensor wide{value, {}, Dims(body.dims(result)), compute};
    value = body.elementwise(
        wide, wide.dims, body.destination(result),
        [&](Scalars &s, ValueRange x) { return s.toFloat(x[0], element); });
  }
  body.define(result, value);
  return success();
}

static LogicalResult lowerMatmul(Operation *operation, KernelBody &body) {
  auto op = cast<graph::MatmulOp>(operation);
  auto resultDims = body.dims(op.getResult());
  Dims lhsDims(body.dims(op.getLhs())), rhsDims(body.dims(op.getRhs()));
  bool hasRows = lhsDims.size() > 1, hasColumns = rhsDims.size() > 1;
  unsigned numBatch = resultDims.size() - hasRows - hasColumns;
  unsigned row = numBatch, column = numBatch + hasRows,
           inner = column + hasColumns;
  MLIRContext *context = op.getContext();
  auto loop = [&](unsigned position) {
    return getAffineDimExpr(position, context);
  };

  // The axes of each operand as loops.
  auto getAxes =
      [&](ArrayRef<Expr> dims, bool isLhs,
          bool transposed) -> std::optional<SmallVector<AffineExpr>> {
    if (dims.size() == 1)
      return SmallVector<AffineExpr>{loop(inner)};
    SmallVector<AffineExpr> axes;
    unsigned batch = dims.size() - 2;
    for (unsigned axis = 0; axis < batch; ++axis) {
      unsigned position = numBatch - batch + axis;
      if (dims[axis] == resultDims[position])
        axes.push_back(loop(position));
      else if (dims[axis] == Expr(1))
        axes.push_back(getAffineConstantExpr(0, context));
      else
        return std::nullopt;
    }
    axes.push_back(isLhs ? loop(row) : loop(inner));
    axes.push_back(isLhs ? loop(inner) : loop(column));
    if (transposed)
      std::swap(axes[batch], axes[batch + 1]);
    return axes;
  };
  auto lhsAxes = getAxes(lhsDims, true, op.getTransposeLhs());
  auto rhsAxes = getAxes(rhsDims, false, op.getTransposeRhs());
  if (!lhsAxes || !rhsAxes)
    return emitUnsupported(op)
           << "batch dimensions that may or may not be 1 at run time: "
           << graph::toString(lhsDims) << " and " << graph::toString(rhsDims);
  // Movement in front that is part of the kernel is in the indexing.
  auto getOperand = [&](Value value, SmallVector<AffineExpr> axes) {
    while (!body.isDefined(value) && !ShapeTable::splat(value)) {
      Operation *movement = value.getDefiningOp();
      axes = *getReadAxes(movement, axes, body.getShapes());
      value = movement->getOperand(0);
    }
    return Operand{body.tensor(value),
                   AffineMap::get(inner + 1, 0, axes, context)};
  };
  Operand lhs = getOperand(op.getLhs(), *lhsAxes),
          rhs = getOperand(op.getRhs(), *rhsAxes);
  SmallVector<AffineExpr> outAxes;
  for (unsigned position = 0; position < inner; ++position)
    outAxes.push_back(loop(position));
  SmallVector<utils::IteratorType> iterators(inner,
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  for (Operand *operand : {&lhs, &rhs})
    if (!operand->tensor.value) // the loop bounds need both operands
      operand->tensor = materializeSplat(body, operand->tensor);
  return contract(body, op, {lhs, rhs},
                  AffineMap::get(inner + 1, 0, outAxes, context), iterators);
}

Tensor cinch::form::materializeSplat(KernelBody &body, const Tensor &splat) {
  Tensor full = body.empty(splat.dims, splat.element);
  full.value = body.elementwise(splat, splat.dims, full.value,
                                [](Scalars &, ValueRange x) { return x[0]; });
  return full;
}

Tensor cinch::form::padWindows(KernelBody &body, const Tensor &in,
                               ArrayRef<int64_t> begins, ArrayRef<Expr> extents,
                               function_ref<Value(Scalars &)> filler) {
  Dims dims(in.dims.begin(), in.dims.begin() + 2);
  dims.append(extents.begin(), extents.end());
  if (Dims(in.dims) == dims &&
      llvm::all_of(begins, [](int64_t begin) { return begin == 0; }) &&
      in.value)
    return in;
  Tensor padded = body.empty(dims, in.element);
  SmallVector<Value> sizes;
  for (const Expr &dim : in.dims)
    sizes.push_back(body.size(dim));
  padded.value = body.indexed(
      dims.size(), padded.value, [&](Scalars &s, ValueRange indices) {
        SmallVector<Value> place(indices);
        Value isInside;
        for (auto [axis, begin] : llvm::enumerate(begins)) {
          unsigned at = axis + 2;
          if (begin == 0 && in.dims[at] == dims[at])
            continue;
          Value index = s.sub(indices[at], s.index(begin));
          auto size = in.dims[at].asConstant(), count = dims[at].asConstant();
          if (size && count && begin <= 0 && *count - begin <= *size) {
            place[at] = index; // a part of it
            continue;
          }
          // One unsigned comparison covers both ends.
          Value fits = s.lt(index, sizes[at], /*isUnsigned=*/true);
          isInside = isInside ? s.both(isInside, fits) : fits;
          place[at] =
              s.max(s.min(index, s.sub(sizes[at], s.index(1))), s.index(0));
        }
        Value element = body.read(s, in, place);
        return isInside ? s.select(isInside, element, filler(s)) : element;
      });
  return padded;
}

static LogicalResult lowerConv(Operation *operation, KernelBody &body) {
  auto op = cast<graph::ConvOp>(operation);
  SmallVector<int64_t> begins(op.getPads().take_front(op.getStrides().size()));
  Value source = op.getInput();
  // A slice in front that is part of the kernel is padding that crops.
  bool isPart = !body.isDefined(source) && !ShapeTable::splat(source);
  if (isPart) {
    auto slice = source.getDefiningOp<graph::SliceOp>();
    auto part = getStaticSlice(slice, body.getShapes());
    begins[part->axis - 2] -= part->start;
    source = slice.getInput();
  }
  Tensor in = body.tensor(source), filter = body.tensor(op.getFilter());
  auto resultDims = body.dims(op.getResult());
  MLIRContext *context = op.getContext();
  unsigned rank = in.rank(), spatial = rank - 2;
  if (!filter.value)
    filter = materializeSplat(body, filter);
  auto filterChannels = filter.dims[1].asConstant(),
       filters = filter.dims[0].asConstant();
  if (op.getGroup() > 1 && (!filterChannels || !filters))
    return emitUnsupported(op) << "groups of a filter with dynamic channels";

  // The extents that the windows read.
  Dims extents;
  for (unsigned axis = 0; axis < spatial; ++axis)
    extents.push_back(
        (resultDims[axis + 2] - Expr(1)) * Expr(op.getStrides()[axis]) +
        (filter.dims[axis + 2] - Expr(1)) * Expr(op.getDilations()[axis]) +
        Expr(1));
  bool isPadded =
      llvm::any_of(op.getPads(), [](int64_t pad) { return pad != 0; });
  if (isPadded || isPart || !in.value)
    in = padWindows(body, in, begins, extents,
                    [&](Scalars &s) { return s.integer(in.signless(), 0); });

  // Loops: batch, filter, output positions, [channel,] kernel positions.
  bool hasChannels = filter.dims[1] != Expr(1) || op.getGroup() == 1;
  auto loop = [&](unsigned position) {
    return getAffineDimExpr(position, context);
  };
  unsigned numLoops = rank + hasChannels + spatial;
  unsigned kernel = rank + hasChannels;
  AffineExpr channel =
      hasChannels ? loop(rank) : getAffineConstantExpr(0, context);
  AffineExpr inChannel = channel;
  if (op.getGroup() > 1)
    inChannel =
        loop(1).floorDiv(*filters / op.getGroup()) * *filterChannels + channel;
  SmallVector<AffineExpr> inAxes = {loop(0), inChannel},
                          filterAxes = {loop(1), channel}, outAxes;
  for (unsigned axis = 0; axis < spatial; ++axis) {
    inAxes.push_back(loop(axis + 2) * op.getStrides()[axis] +
                     loop(kernel + axis) * op.getDilations()[axis]);
    filterAxes.push_back(loop(kernel + axis));
  }
  for (unsigned axis = 0; axis < rank; ++axis)
    outAxes.push_back(loop(axis));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.resize(numLoops, utils::IteratorType::reduction);
  auto map = [&](ArrayRef<AffineExpr> axes) {
    return AffineMap::get(numLoops, 0, axes, context);
  };
  return contract(body, op,
                  {Operand{in, map(inAxes)}, Operand{filter, map(filterAxes)}},
                  map(outAxes), iterators);
}

static LogicalResult lowerEinsum(Operation *operation, KernelBody &body) {
  auto op = cast<graph::EinsumOp>(operation);
  auto [terms, output] = op.getEquation().split("->");
  MLIRContext *context = op.getContext();
  std::string letters = output.str();
  for (char letter : terms)
    if (letter != ',' && letters.find(letter) == std::string::npos)
      letters += letter;
  auto getMap = [&](StringRef term) {
    SmallVector<AffineExpr> axes;
    for (char letter : term)
      axes.push_back(getAffineDimExpr(letters.find(letter), context));
    return AffineMap::get(letters.size(), 0, axes, context);
  };
  SmallVector<StringRef> inputTerms;
  terms.split(inputTerms, ',');
  SmallVector<Operand> operands;
  for (auto [term, input] : llvm::zip(inputTerms, op.getInputs())) {
    Tensor tensor = body.tensor(input);
    operands.push_back(
        {tensor.value ? tensor : materializeSplat(body, tensor), getMap(term)});
  }
  SmallVector<utils::IteratorType> iterators(output.size(),
                                             utils::IteratorType::parallel);
  iterators.resize(letters.size(), utils::IteratorType::reduction);
  LogicalResult done = contract(body, op, operands, getMap(output), iterators);
  // A term with a repeated letter is a diagonal: not a matrix product.
  for (StringRef term : inputTerms)
    for (char letter : term)
      if (term.count(letter) > 1)
        body.kind = KernelKind::Generic;
  if (letters.size() == output.size())
    body.kind = KernelKind::Generic;
  return done;
}

void cinch::form::addContractionLowerings(LoweringTable &table) {
  table.add<graph::MatmulOp>({lowerMatmul, OpClass::Contraction});
  table.add<graph::ConvOp>({lowerConv, OpClass::Contraction});
  table.add<graph::EinsumOp>({lowerEinsum, OpClass::Contraction});
}
