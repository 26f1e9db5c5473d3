//===- Report.cpp - what a pass tells of its run --------------------------===//
#include "passes/Common/Report.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;

DictionaryAttr
cinch::getNumbersAttr(MLIRContext *context,
                      ArrayRef<std::pair<StringRef, int64_t>> numbers) {
  Builder builder(context);
  SmallVector<NamedAttribute> fields;
  for (auto [name, number] : numbers)
    fields.push_back(
        builder.getNamedAttr(name, builder.getI64IntegerAttr(number)));
  return builder.getDictionaryAttr(fields);
}

int64_t cinch::getRootPpm(double part, double whole) {
  return static_cast<int64_t>(whole > 0 ? std::sqrt(part / whole) * 1e6 : 0);
}

LogicalResult cinch::runOnFunction(func::FuncOp function, StringRef flag,
                                   llvm::function_ref<llvm::Error()> run) {
  if (function.isExternal())
    return success();
  llvm::Error error = run();
  if (!error)
    return success();
  return function.emitError()
         << flag << ": " << llvm::toString(std::move(error));
}
