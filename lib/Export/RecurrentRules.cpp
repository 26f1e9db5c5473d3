//===- RecurrentRules.cpp - recurrent cells in ONNX -----------------------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

/// ONNX spells activations in camel case; the dialect in lower case.
static StringRef getActivationName(StringRef name) {
  return llvm::StringSwitch<StringRef>(name)
      .Case("relu", "Relu")
      .Case("tanh", "Tanh")
      .Case("sigmoid", "Sigmoid")
      .Case("affine", "Affine")
      .Case("leakyrelu", "LeakyRelu")
      .Case("thresholdedrelu", "ThresholdedRelu")
      .Case("scaledtanh", "ScaledTanh")
      .Case("hardsigmoid", "HardSigmoid")
      .Case("elu", "Elu")
      .Case("softsign", "Softsign")
      .Case("softplus", "Softplus")
      .Default("");
}

template <typename OpTy>
static FailureOr<onnx::NodeProto *>
emitCell(OpTy op, Emitter &emitter, StringRef type,
         SmallVector<std::string> extraInputs = {}) {
  static const StringRef directions[] = {"forward", "reverse", "bidirectional"};
  auto name = [&](Value value) {
    return value ? emitter.getName(value) : std::string();
  };
  SmallVector<std::string> inputs = {
      name(op.getInput()), name(op.getWeight()),  name(op.getRecurrence()),
      name(op.getBias()),  name(op.getLengths()), name(op.getInitialH())};
  llvm::append_range(inputs, extraInputs);
  while (!inputs.empty() && inputs.back().empty())
    inputs.pop_back();
  SmallVector<StringRef> activations;
  for (StringRef activation :
       op.getActivations().template getAsValueRange<StringAttr>()) {
    activations.push_back(getActivationName(activation));
    if (activations.back().empty())
      return markUnsupported(op.emitOpError())
             << "has no ONNX form: activation '" << activation << "'";
  }
  onnx::NodeProto &node = emitter.addNode(type, op, inputs);
  setAttribute(node, "hidden_size", static_cast<int64_t>(op.getHiddenSize()));
  setAttribute(node, "direction",
               directions[static_cast<unsigned>(op.getDirection())]);
  setAttribute(node, "activations", ArrayRef<StringRef>(activations));
  setAttribute(node, "layout", static_cast<int64_t>(op.getBatchFirst()));
  if (op.getClip())
    setAttribute(node, "clip", op.getClip()->convertToFloat());
  return &node;
}

static LogicalResult emitLSTM(graph::LSTMOp op, Emitter &emitter) {
  auto name = [&](Value value) {
    return value ? emitter.getName(value) : std::string();
  };
  auto node = emitCell(op, emitter, "LSTM",
                       {name(op.getInitialC()), name(op.getPeephole())});
  if (failed(node))
    return failure();
  setAttribute(**node, "input_forget",
               static_cast<int64_t>(op.getInputForget()));
  return success();
}

static LogicalResult emitGRU(graph::GRUOp op, Emitter &emitter) {
  auto node = emitCell(op, emitter, "GRU");
  if (failed(node))
    return failure();
  setAttribute(**node, "linear_before_reset",
               static_cast<int64_t>(op.getLinearBeforeReset()));
  return success();
}

void onnx_export::addRecurrentRules(RuleTable &table) {
  table.add<graph::LSTMOp>(emitLSTM);
  table.add<graph::GRUOp>(emitGRU);
  table.add<graph::RNNOp>(
      [](graph::RNNOp op, Emitter &emitter) -> LogicalResult {
        return success(succeeded(emitCell(op, emitter, "RNN")));
      });
}
