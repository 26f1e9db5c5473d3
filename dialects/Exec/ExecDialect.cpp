//===- ExecDialect.cpp - registration of the exec dialect -----------------===//
#include "dialects/Exec/Exec.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cinch::exec;

#include "dialects/Exec/ExecDialect.cpp.inc"
#include "dialects/Exec/ExecEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Exec/ExecAttrs.cpp.inc"

SlotAttr cinch::exec::getSlot(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    return function ? function.getArgAttrOfType<SlotAttr>(
                          argument.getArgNumber(), "exec.slot")
                    : SlotAttr();
  }
  Operation *op = value.getDefiningOp();
  auto slots = op->getAttrOfType<ArrayAttr>(op->getNumRegions() ? "exec.slots"
                                                                : "slots");
  return slots ? dyn_cast<SlotAttr>(
                     slots[cast<OpResult>(value).getResultNumber()])
               : SlotAttr();
}

StringRef cinch::exec::getKernelKind(Operation *body) {
  auto kind = body->getAttrOfType<StringAttr>(kindAttrName);
  return kind ? kind.getValue() : "";
}

void ExecDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Exec/ExecAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Exec/ExecOps.cpp.inc"
      >();
}
