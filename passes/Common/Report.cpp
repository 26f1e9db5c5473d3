//===- Report.cpp - numbers that a pass leaves behind ---------------------===//
#include "passes/Common/Report.h"
#include "mlir/IR/Builders.h"

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
