//===- Observers.cpp - the largest magnitudes of values -------------------===//
#include "passes/Precision/Observers.h"
#include "passes/Common/EntryResults.h"
#include "passes/Graph/Names.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

static constexpr StringLiteral magnitudesName = "graph.magnitudes";

static bool isObserved(Value value) {
  return getElementTypeOrSelf(value.getType()).isF32() &&
         isa<RankedTensorType>(value.getType()) &&
         !value.getDefiningOp<ConstantOp>() && !getValueName(value).empty();
}

std::vector<std::string> precision::addObservers(ModuleOp module) {
  std::vector<std::string> names;
  func::FuncOp entry = getEntry(module);
  if (!entry)
    return names;
  SmallVector<Value> values;
  for (BlockArgument argument : entry.getArguments())
    values.push_back(argument);
  for (Operation &op : entry.front())
    values.append(op.result_begin(), op.result_end());
  llvm::erase_if(values, [](Value value) { return !isObserved(value); });
  std::vector<NamedResult> results;
  for (Value value : values) {
    std::string name = getValueName(value);
    names.push_back(name);
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    auto magnitudes =
        AbsOp::create(builder, value.getLoc(), value.getType(), value);
    setName(magnitudes, name + "/magnitudes");
    auto type = cast<RankedTensorType>(value.getType());
    auto scalar = RankedTensorType::get({}, type.getElementType());
    auto largest = ReduceMaxOp::create(
        builder, value.getLoc(), scalar, magnitudes,
        llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())),
        /*keep_dims=*/false);
    setName(largest, name + "/largest");
    results.push_back({largest, name + "/largest"});
  }
  addResults(entry, results);
  return names;
}

void precision::setMagnitudes(ModuleOp module, ArrayRef<std::string> names,
                              ArrayRef<double> magnitudes) {
  func::FuncOp entry = getEntry(module);
  if (!entry)
    return;
  Builder builder(module.getContext());
  SmallVector<NamedAttribute> entries;
  for (auto [name, magnitude] : llvm::zip_equal(names, magnitudes))
    entries.push_back(
        builder.getNamedAttr(name, builder.getF64FloatAttr(magnitude)));
  entry->setAttr(magnitudesName, builder.getDictionaryAttr(entries));
}

llvm::DenseMap<Value, double> precision::getMagnitudes(func::FuncOp function) {
  llvm::DenseMap<Value, double> result;
  auto known = function->getAttrOfType<DictionaryAttr>(magnitudesName);
  if (!known)
    return result;
  auto add = [&](Value value) {
    std::string name = getValueName(value);
    auto magnitude = known.getAs<FloatAttr>(name.empty() ? "?" : name);
    if (!name.empty() && magnitude)
      result[value] = magnitude.getValueAsDouble();
  };
  llvm::for_each(function.getArguments(), add);
  function.walk([&](Operation *op) { llvm::for_each(op->getResults(), add); });
  return result;
}
