//===- Names.cpp - values that keep or get a name -------------------------===//
#include "passes/Graph/Names.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

void graph::setName(Operation *op, const Twine &name) {
  op->setAttr("names", Builder(op->getContext()).getStrArrayAttr({name.str()}));
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
