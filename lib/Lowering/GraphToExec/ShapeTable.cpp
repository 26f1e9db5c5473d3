//===- ShapeTable.cpp - what is known of the values of a function ---------===//
#include "lib/Lowering/GraphToExec/ShapeTable.h"
#include "lib/Lowering/GraphToExec/Scalars.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

std::optional<ArrayRef<plan::Expr>> ShapeTable::contents(Value value) const {
  const graph::ValueShape *shape = analysis.get(value);
  if (!shape || !shape->contents)
    return std::nullopt;
  return ArrayRef<plan::Expr>(*shape->contents);
}

std::optional<SmallVector<int64_t>> ShapeTable::constants(Value value) const {
  auto elements = contents(value);
  if (!elements)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const plan::Expr &element : *elements) {
    auto number = element.asConstant();
    if (!number)
      return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

DenseElementsAttr ShapeTable::dense(Value value) {
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  return constant ? dyn_cast<DenseElementsAttr>(constant.getValue())
                  : DenseElementsAttr();
}

TypedAttr ShapeTable::splat(Value value) {
  DenseElementsAttr elements = dense(value);
  if (!elements || elements.getNumElements() == 0 ||
      !(elements.isSplat() || elements.getNumElements() == 1))
    return {};
  Attribute element = *elements.value_begin<Attribute>();
  return isa<IntegerAttr, FloatAttr>(element)
             ? dropSign(cast<TypedAttr>(element))
             : TypedAttr();
}
