//===- Names.cpp - values that keep or get a name -------------------------===//
#include "passes/Graph/Names.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

void graph::setName(Operation *op, const Twine &name) {
  op->setAttr("names", Builder(op->getContext()).getStrArrayAttr({name.str()}));
}

void graph::setResultName(OpResult result, StringRef name) {
  Operation *op = result.getOwner();
  auto names = op->getAttrOfType<ArrayAttr>("names");
  if (!names || names.size() != op->getNumResults())
    return;
  SmallVector<Attribute> changed(names.getValue());
  changed[result.getResultNumber()] = StringAttr::get(op->getContext(), name);
  op->setAttr("names", ArrayAttr::get(op->getContext(), changed));
}

ConstantOp graph::makeNamedConstant(OpBuilder &builder, Location loc,
                                    const Twine &name, TypedAttr value) {
  auto constant = ConstantOp::create(builder, loc, value);
  setName(constant, name);
  return constant;
}

bool graph::isReturned(Value value) {
  return llvm::any_of(value.getUsers(), llvm::IsaPred<func::ReturnOp>);
}
