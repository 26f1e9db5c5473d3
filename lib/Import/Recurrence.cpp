//===- Recurrence.cpp - rules: LSTM, GRU, RNN -----------------------------===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

namespace {
struct Recurrence {
  Ints sizes;
  int64_t hidden = 0;
  graph::Direction direction = graph::Direction::forward;
  ArrayAttr activations;
  FloatAttr clip;
  UnitAttr batchFirst;
};
} // namespace

static bool readRecurrence(Node &node, ArrayRef<StringRef> defaults,
                           Recurrence &result) {
  OpBuilder &builder = node.builder();
  std::optional<int64_t> known =
      node.rank(node.in(2)) == 3 ? node.dim(node.in(2), 2) : std::nullopt;
  result.hidden = node.getInt("hidden_size", known.value_or(0));
  StringRef direction = node.getString("direction", "forward");
  std::optional<graph::Direction> parsed = graph::symbolizeDirection(direction);
  if (!parsed) {
    (void)node.invalid("attribute direction is '" + direction + "'");
    return false;
  }
  result.direction = *parsed;
  size_t count =
      defaults.size() * (*parsed == graph::Direction::bidirectional ? 2 : 1);
  SmallVector<std::string> names;
  if (const onnx::AttributeProto *given = node.attribute("activations"))
    for (const std::string &name : given->strings())
      names.push_back(StringRef(name).lower());
  while (names.empty() || names.size() < count)
    for (StringRef name : defaults)
      names.push_back(name.str());
  if (names.size() != count) {
    (void)node.invalid("expected " + Twine(count) + " activations, but got " +
                       Twine(names.size()));
    return false;
  }
  for (StringRef name : names)
    if (!llvm::is_contained({"sigmoid", "tanh", "relu"}, name)) {
      (void)node.unsupported("activation '" + name +
                             "' (sigmoid, tanh and relu are supported)");
      return false;
    }
  SmallVector<StringRef> views(names.begin(), names.end());
  result.activations = builder.getStrArrayAttr(views);
  if (node.attribute("clip") && node.getFloat("clip", 0) > 0)
    result.clip =
        builder.getF32FloatAttr(static_cast<float>(node.getFloat("clip", 0)));
  if (node.getInt("layout", 0))
    result.batchFirst = builder.getUnitAttr();
  return true;
}

static LogicalResult importLSTM(Node &node) {
  Recurrence r;
  if (!readRecurrence(node, {"sigmoid", "tanh", "tanh"}, r))
    return failure();
  OpBuilder &builder = node.builder();
  Type element = node.elem(node.in(0));
  UnitAttr inputForget =
      node.getInt("input_forget", 0) ? builder.getUnitAttr() : UnitAttr();
  return node.result(node.makeMany<graph::LSTMOp>(
      {element, element, element}, node.in(0), node.in(1), node.in(2),
      node.in(3), node.in(4), node.in(5), node.in(6), node.in(7),
      builder.getI64IntegerAttr(r.hidden),
      graph::DirectionAttr::get(node.context(), r.direction), r.activations,
      r.clip, r.batchFirst, inputForget));
}

static LogicalResult importGRU(Node &node) {
  Recurrence r;
  if (!readRecurrence(node, {"sigmoid", "tanh"}, r))
    return failure();
  OpBuilder &builder = node.builder();
  Type element = node.elem(node.in(0));
  UnitAttr linear = node.getInt("linear_before_reset", 0)
                        ? builder.getUnitAttr()
                        : UnitAttr();
  return node.result(node.makeMany<graph::GRUOp>(
      {element, element}, node.in(0), node.in(1), node.in(2), node.in(3),
      node.in(4), node.in(5), builder.getI64IntegerAttr(r.hidden),
      graph::DirectionAttr::get(node.context(), r.direction), r.activations,
      r.clip, r.batchFirst, linear));
}

static LogicalResult importRNN(Node &node) {
  Recurrence r;
  if (!readRecurrence(node, {"tanh"}, r))
    return failure();
  OpBuilder &builder = node.builder();
  Type element = node.elem(node.in(0));
  return node.result(node.makeMany<graph::RNNOp>(
      {element, element}, node.in(0), node.in(1), node.in(2), node.in(3),
      node.in(4), node.in(5), builder.getI64IntegerAttr(r.hidden),
      graph::DirectionAttr::get(node.context(), r.direction), r.activations,
      r.clip, r.batchFirst));
}

void import::addRecurrenceRules(RuleTable &rules) {
  rules["LSTM"] = importLSTM;
  rules["GRU"] = importGRU;
  rules["RNN"] = importRNN;
}
