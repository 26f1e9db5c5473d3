//===- NamedBuilder.cpp - building named graph operations -----------------===//
#include "passes/Graph/NamedBuilder.h"
#include "dialects/Graph/Constants.h"
#include "passes/Graph/Names.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

std::string NamedBuilder::makeName(StringRef piece) {
  std::string name = base + "/" + piece.str(), unique = name;
  for (unsigned i = 1; !names.insert(unique).second; ++i)
    unique = name + "_" + std::to_string(i);
  return unique;
}

Value NamedBuilder::finish(Operation *op, StringRef piece) {
  std::string name = makeName(piece);
  setName(op, name);
  op->setLoc(NameLoc::get(builder.getStringAttr(name), loc));
  if (!failedToInfer && failed(inference.infer(op)))
    failedToInfer = true;
  return op->getResult(0);
}

Value NamedBuilder::matmulTransposed(StringRef piece, Value lhs, Value rhs) {
  return make<MatmulOp>(piece, getElementType(lhs), lhs, rhs,
                        /*transpose_lhs=*/false, /*transpose_rhs=*/true);
}

Value NamedBuilder::constant(StringRef piece, TypedAttr value) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(constantPoint);
  return finish(ConstantOp::create(builder, loc, value), piece);
}

Value NamedBuilder::integers(StringRef piece, ArrayRef<int64_t> elements) {
  auto type = RankedTensorType::get(static_cast<int64_t>(elements.size()),
                                    builder.getI64Type());
  return constant(piece, getIntegerConstant(type, elements));
}

Value NamedBuilder::scalar(double value, Type elementType) {
  APFloat element(value);
  bool losesInfo;
  element.convert(cast<FloatType>(elementType).getFloatSemantics(),
                  APFloat::rmNearestTiesToEven, &losesInfo);
  return constant(
      "scalar",
      DenseElementsAttr::get(RankedTensorType::get({}, elementType), element));
}

Value NamedBuilder::slice(StringRef piece, Value input, int64_t axis,
                          int64_t begin, int64_t end) {
  return make<SliceOp>(piece, getElementType(input), input,
                       integers("begin", begin), integers("end", end),
                       ArrayRef<int64_t>(axis), ArrayRef<int64_t>(1));
}

/// The attribute of rows [begin, end) of `constant[index]`; null if its bytes
/// cannot be split.
static TypedAttr takeConstantRows(TypedAttr constant, int64_t index,
                                  int64_t begin, int64_t end) {
  auto type = constant ? dyn_cast<RankedTensorType>(constant.getType())
                       : RankedTensorType();
  if (!type || type.getElementTypeBitWidth() % 8 != 0)
    return {};
  SmallVector<int64_t> shape(type.getShape().drop_front());
  int64_t rowElements = 1;
  for (int64_t dim : ArrayRef(shape).drop_front())
    rowElements *= dim;
  int64_t rowBytes = rowElements * (type.getElementTypeBitWidth() / 8);
  int64_t offset = (index * shape[0] + begin) * rowBytes,
          length = (end - begin) * rowBytes;
  shape[0] = end - begin;
  auto partType = RankedTensorType::get(shape, type.getElementType());
  if (auto weight = dyn_cast<WeightAttr>(constant))
    return WeightAttr::get(constant.getContext(), weight.getFile(),
                           weight.getOffset() + offset, length,
                           /*checksum=*/0, partType);
  auto dense = dyn_cast<DenseElementsAttr>(constant);
  if (!dense)
    return {};
  if (dense.isSplat())
    return dense.resizeSplat(partType);
  return DenseElementsAttr::getFromRawBuffer(
      partType, dense.getRawData().slice(offset, length));
}

Value NamedBuilder::takeRows(StringRef piece, Value input, int64_t index,
                             int64_t begin, int64_t end) {
  if (TypedAttr part =
          takeConstantRows(getConstantValue(input), index, begin, end))
    return constant(piece, part);
  Value rows = make<SliceOp>(
      piece, getElementType(input), input, integers("begin", {index, begin}),
      integers("end", {index + 1, end}), ArrayRef<int64_t>({0, 1}),
      ArrayRef<int64_t>({1, 1}));
  return make<SqueezeOp>(piece, getElementType(input), rows,
                         ArrayRef<int64_t>(0));
}

Value NamedBuilder::zeros(StringRef piece, Type elementType,
                          ArrayRef<Value> sizes,
                          ArrayRef<int64_t> staticSizes) {
  if (llvm::none_of(staticSizes, ShapedType::isDynamic)) {
    auto type = RankedTensorType::get(staticSizes, elementType);
    return constant(piece, cast<TypedAttr>(Attribute(DenseElementsAttr::get(
                               type, builder.getZeroAttr(elementType)))));
  }
  SmallVector<Value> parts;
  for (auto [size, staticSize] : llvm::zip(sizes, staticSizes))
    parts.push_back(ShapedType::isDynamic(staticSize)
                        ? size
                        : integers("size", staticSize));
  Value shape =
      make<ConcatOp>("shape", builder.getI64Type(), ValueRange(parts), 0);
  return make<BroadcastOp>(piece, elementType, scalar(0.0, elementType), shape);
}
