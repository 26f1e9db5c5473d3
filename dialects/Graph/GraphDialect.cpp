//===- GraphDialect.cpp - registration of the graph dialect ---------------===//
#include "dialects/Graph/Graph.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cinch::graph;

#include "dialects/Graph/GraphDialect.cpp.inc"
#include "dialects/Graph/GraphEnums.cpp.inc"
#include "dialects/Graph/GraphInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Graph/GraphAttrs.cpp.inc"

std::string cinch::graph::getValueName(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (auto function =
            dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
      if (auto name = function.getArgAttrOfType<StringAttr>(
              argument.getArgNumber(), "graph.name"))
        return name.str();
    return "";
  }
  auto names = value.getDefiningOp()->getAttrOfType<ArrayAttr>("names");
  unsigned number = cast<OpResult>(value).getResultNumber();
  auto name = names && number < names.size()
                  ? dyn_cast<StringAttr>(names[number])
                  : StringAttr();
  return name ? name.str() : "";
}

void GraphDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Graph/GraphAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Graph/GraphOps.cpp.inc"
      >();
}
