//===- SymbolBounds.cpp - bounds of the symbols of a program --------------===//
#include "lib/Pipeline/SymbolBounds.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace cinch;

bool cinch::boundSymbol(ModuleOp module, const DimBound &bound) {
  Builder builder(module.getContext());
  bool isFound = false;
  module->walk([&](func::FuncOp function) {
    auto list = function->getAttrOfType<ArrayAttr>("graph.symbols");
    if (!function->hasAttr("graph.entry") || !list)
      return;
    SmallVector<Attribute> symbols;
    for (auto symbol : list.getAsRange<DictionaryAttr>()) {
      NamedAttrList fields(symbol);
      if (symbol.getAs<StringAttr>("name") == bound.name) {
        isFound = true;
        fields.set("min", builder.getI64IntegerAttr(bound.min));
        if (bound.max)
          fields.set("max", builder.getI64IntegerAttr(*bound.max));
      }
      symbols.push_back(fields.getDictionary(module.getContext()));
    }
    function->setAttr("graph.symbols", builder.getArrayAttr(symbols));
  });
  return isFound;
}
