//===- FormState.cpp - inputs that an output continues --------------------===//
//
// A decoder hands its cache from call to call: an input with the rows so far,
// and an output with these rows and the new ones. Where the two are known to
// belong together, they can be one buffer, and a call writes the new rows only.
// This pass finds the pairs; it changes no operation.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Graph.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Passes.h"

namespace cinch::graph {
#define GEN_PASS_DEF_FORMSTATEPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {
struct FormState : public graph::impl::FormStatePassBase<FormState> {
  using FormStatePassBase::FormStatePassBase;
  void runOnOperation() override;

private:
  LogicalResult addNamed(StringRef pair);
  void add(BlockArgument past, OpOperand &present);

  SmallVector<Attribute> records;
};
} // namespace

static ConcatOp getConcat(OpOperand &present) {
  return present.get().getDefiningOp<ConcatOp>();
}

/// What keeps `past` and `present` (an operand of the return) from being a
/// pair; empty if they are one.
static std::string getObstacle(BlockArgument past, OpOperand &present) {
  ConcatOp concat = getConcat(present);
  if (!concat)
    return "the output is no concatenation";
  if (concat.getInputs().size() < 2 || concat.getInputs()[0] != past)
    return "the output is no concatenation of the input and new rows behind it";
  // Its shape may be read anywhere.
  auto isRead = [](Operation *user) { return !isa<ShapeOp, SizeOp>(user); };
  if (llvm::count_if(past.getUsers(), isRead) != 1)
    return "the input is used elsewhere, too";
  if (llvm::count(present.getOwner()->getOperands(), present.get()) != 1)
    return "the output is returned twice";
  auto type = dyn_cast<RankedTensorType>(past.getType());
  if (!type || !type.isDynamicDim(concat.getAxis()))
    return ("the input has a fixed number of rows along axis " +
            Twine(concat.getAxis()))
        .str();
  return "";
}

void FormState::add(BlockArgument past, OpOperand &present) {
  NamedAttrList fields(
      getNumbersAttr(&getContext(), {{"axis", getConcat(present).getAxis()},
                                     {"input", past.getArgNumber()},
                                     {"output", present.getOperandNumber()}}));
  if (!pairs.empty())
    fields.set("named", UnitAttr::get(&getContext()));
  records.push_back(fields.getDictionary(&getContext()));
}

LogicalResult FormState::addNamed(StringRef pair) {
  func::FuncOp function = getOperation();
  auto [input, output] = pair.split('=');
  BlockArgument past;
  for (BlockArgument argument : function.getArguments())
    if (getValueName(argument) == input)
      past = argument;
  if (!past)
    return function.emitError("form-state: the model has no input '")
           << input << "'";
  OpOperand *present = nullptr;
  for (OpOperand &operand : function.front().getTerminator()->getOpOperands())
    if (auto name = function.getResultAttrOfType<StringAttr>(
            operand.getOperandNumber(), "graph.name");
        name && name.getValue() == output)
      present = &operand;
  if (!present)
    return function.emitError("form-state: the model has no output '")
           << output << "'";
  std::string obstacle = getObstacle(past, *present);
  if (!obstacle.empty())
    return function.emitError("form-state: expected '")
           << output << "' to be '" << input << "' with new rows, but "
           << obstacle;
  for (Attribute record : records)
    if (cast<DictionaryAttr>(record).getAs<IntegerAttr>("input").getInt() ==
        past.getArgNumber())
      return function.emitError("form-state: '") << pair << "' is given twice";
  add(past, *present);
  return success();
}

void FormState::runOnOperation() {
  func::FuncOp function = getOperation();
  if (!function->hasAttr("graph.entry") || !function.getBody().hasOneBlock())
    return;
  records.clear();
  for (StringRef pair : pairs)
    if (failed(addNamed(pair)))
      return signalPassFailure();
  int64_t left = 0;
  for (OpOperand &output : function.front().getTerminator()->getOpOperands()) {
    ConcatOp concat = getConcat(output);
    if (!concat || !pairs.empty())
      continue;
    auto past = dyn_cast<BlockArgument>(concat.getInputs().front());
    if (!past || past.getOwner() != &function.front())
      continue;
    if (getObstacle(past, output).empty())
      add(past, output);
    else
      ++left;
  }
  function->removeAttr("graph.states");
  if (!records.empty())
    function->setAttr("graph.states", ArrayAttr::get(&getContext(), records));
  if (left || !records.empty())
    function->setAttr("graph.state_report",
                      getNumbersAttr(&getContext(), {{"found", records.size()},
                                                     {"left", left}}));
}
