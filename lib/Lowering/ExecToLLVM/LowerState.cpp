//===- LowerState.cpp - values that lie in a state ------------------------===//
#include "lib/Lowering/ExecToLLVM/EntryLowering.h"

using namespace mlir;
using namespace cinch;

/// Finds the values that lie in a state, whose buffer may have gaps.
void EntryLowering::collectStates() {
  func::FuncOp entry = program.getEntry();
  auto records = entry->getParentOfType<ModuleOp>()->getAttrOfType<ArrayAttr>(
      "exec.states");
  if (!records)
    return;
  for (auto [index, record] :
       llvm::enumerate(records.getAsRange<DictionaryAttr>())) {
    int64_t input = record.getAs<IntegerAttr>("input").getInt();
    int64_t output = record.getAs<IntegerAttr>("output").getInt();
    rows[entry.getArgument(input)] = 2 * index;
    rows[entry.front().getTerminator()->getOperand(output)] = 2 * index + 1;
  }
  entry.walk([&](exec::ViewOp view) {
    auto found = rows.find(view.getInput());
    if (found != rows.end())
      rows[view.getResult()] = int64_t(found->second);
  });
}

/// 0, or the rows of the operand if they are in their place in the result.
Value EntryLowering::getFirstRow(exec::KernelOp kernel, unsigned past,
                                 int64_t axis) {
  Value operand = kernel.getInputs()[past];
  if (!rows.contains(operand) || !rows.contains(kernel.getResult(0)))
    return code.constant(0);
  Value isThere =
      LLVM::ICmpOp::create(builder, kernel.getLoc(), LLVM::ICmpPredicate::eq,
                           address(operand), address(kernel.getResult(0)));
  return LLVM::SelectOp::create(builder, kernel.getLoc(), isThere,
                                code.evaluate(program.getDims(operand)[axis]),
                                code.constant(0));
}
