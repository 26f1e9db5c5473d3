//===- EntryResults.cpp - more results of a program -----------------------===//
#include "passes/Common/EntryResults.h"

using namespace mlir;
using namespace cinch;

func::FuncOp cinch::getEntry(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("graph.entry") && !function.isExternal())
      return function;
  return nullptr;
}

void cinch::addResults(func::FuncOp entry, ArrayRef<NamedResult> results) {
  Builder builder(entry.getContext());
  Operation *terminator = entry.front().getTerminator();
  SmallVector<Value> returned(terminator->getOperands());
  SmallVector<Type> types(entry.getResultTypes());
  SmallVector<Attribute> attributes;
  for (unsigned index = 0; index < types.size(); ++index)
    attributes.push_back(
        DictionaryAttr::get(entry.getContext(), entry.getResultAttrs(index)));
  for (const NamedResult &result : results) {
    returned.push_back(result.value);
    types.push_back(result.value.getType());
    attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
        "graph.name", builder.getStringAttr(result.name))));
  }
  terminator->setOperands(returned);
  entry.setType(builder.getFunctionType(entry.getArgumentTypes(), types));
  entry.setResAttrsAttr(builder.getArrayAttr(attributes));
}
