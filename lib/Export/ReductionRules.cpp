//===- ReductionRules.cpp - reductions and normalizations in ONNX ---------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

/// A mean over all axes of [N, C, ...] but the first two, which stay as 1: the
/// form that GlobalAveragePool is imported to. Engines sum it in another order.
static bool isGlobalPool(Operation *op, ArrayRef<int64_t> axes, bool keepDims) {
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  return keepDims && isa<FloatType>(type.getElementType()) &&
         type.getRank() > 2 &&
         axes == ArrayRef<int64_t>(
                     llvm::to_vector(llvm::seq<int64_t>(2, type.getRank())));
}

template <typename OpTy>
static void addReduce(RuleTable &table, StringRef type) {
  table.add<OpTy>([=](OpTy op, Emitter &emitter) -> LogicalResult {
    auto inputs = emitter.getInputs(op);
    if (type == "ReduceMean" &&
        isGlobalPool(op, op.getAxes(), op.getKeepDims())) {
      emitter.addNode("GlobalAveragePool", op, inputs);
      return success();
    }
    inputs.push_back(emitter.addConstant(op.getAxes()));
    onnx::NodeProto &node = emitter.addNode(type, op, inputs);
    setAttribute(node, "keepdims", static_cast<int64_t>(op.getKeepDims()));
    setAttribute(node, "noop_with_empty_axes", int64_t(1));
    return success();
  });
}

template <typename OpTy> static void addArg(RuleTable &table, StringRef type) {
  table.add<OpTy>([=](OpTy op, Emitter &emitter) -> LogicalResult {
    onnx::NodeProto &node = emitter.addNode(type, op, emitter.getInputs(op));
    setAttribute(node, "axis", static_cast<int64_t>(op.getAxis()));
    setAttribute(node, "keepdims", static_cast<int64_t>(op.getKeepDims()));
    setAttribute(node, "select_last_index",
                 static_cast<int64_t>(op.getSelectLast()));
    return success();
  });
}

template <typename OpTy>
static void addAxisRule(RuleTable &table, StringRef type) {
  table.add<OpTy>([=](OpTy op, Emitter &emitter) -> LogicalResult {
    setAttribute(emitter.addNode(type, op, emitter.getInputs(op)), "axis",
                 static_cast<int64_t>(op.getAxis()));
    return success();
  });
}

template <typename OpTy> static void setPool(OpTy op, onnx::NodeProto &node) {
  setAttribute(node, "kernel_shape", op.getKernel());
  setAttribute(node, "strides", op.getStrides());
  setAttribute(node, "pads", op.getPads());
  setAttribute(node, "dilations", op.getDilations());
  setAttribute(node, "ceil_mode", static_cast<int64_t>(op.getCeilMode()));
}

static LogicalResult emitMaxPool(graph::MaxPoolOp op, Emitter &emitter) {
  setPool(op, emitter.addNode("MaxPool", op, emitter.getInputs(op)));
  return success();
}

static LogicalResult emitAveragePool(graph::AveragePoolOp op,
                                     Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("AveragePool", op, emitter.getInputs(op));
  setPool(op, node);
  setAttribute(node, "count_include_pad",
               static_cast<int64_t>(op.getCountIncludePad()));
  return success();
}

/// The indices are the second result of MaxPool.
static LogicalResult emitMaxPoolIndices(graph::MaxPoolIndicesOp op,
                                        Emitter &emitter) {
  onnx::NodeProto &node = emitter.addNode("MaxPool", op, emitter.getInputs(op));
  std::string indices = node.output(0);
  node.set_output(0, emitter.makeName(indices + "/values"));
  node.add_output(indices);
  setPool(op, node);
  setAttribute(node, "storage_order",
               static_cast<int64_t>(op.getColumnMajor()));
  return success();
}

static LogicalResult emitCumSum(graph::CumSumOp op, Emitter &emitter) {
  auto inputs = emitter.getInputs(op);
  inputs.push_back(emitter.addConstant({static_cast<int64_t>(op.getAxis())},
                                       /*scalar=*/true));
  onnx::NodeProto &node = emitter.addNode("CumSum", op, inputs);
  setAttribute(node, "exclusive", static_cast<int64_t>(op.getExclusive()));
  setAttribute(node, "reverse", static_cast<int64_t>(op.getReverse()));
  return success();
}

static LogicalResult emitTopK(graph::TopKOp op, Emitter &emitter) {
  auto inputs = emitter.getInputs(op);
  if (op.getK().getType().getRank() == 0)
    inputs[1] =
        emitter.addHelper("Reshape", {inputs[1], emitter.addConstant({1})},
                          inputs[1] + "/vector");
  onnx::NodeProto &node = emitter.addNode("TopK", op, inputs);
  setAttribute(node, "axis", static_cast<int64_t>(op.getAxis()));
  setAttribute(node, "largest", static_cast<int64_t>(op.getLargest()));
  return success();
}

static LogicalResult emitLayerNorm(graph::LayerNormOp op, Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("LayerNormalization", op, emitter.getInputs(op));
  setAttribute(node, "axis", static_cast<int64_t>(op.getAxis()));
  setAttribute(node, "epsilon", op.getEpsilon().convertToFloat());
  return success();
}

/// RMSNormalization came with opset 23, after `exportOpset`: written out.
static LogicalResult emitRMSNorm(graph::RMSNormOp op, Emitter &emitter) {
  std::string name = emitter.getName(op.getResult()),
              input = emitter.getName(op.getInput());
  Type element = op.getInput().getType().getElementType();
  auto axes = llvm::to_vector(
      llvm::seq<int64_t>(op.getAxis(), op.getInput().getType().getRank()));
  std::string square = emitter.addHelper("Mul", {input, input}, name);
  std::string mean = emitter.addHelper(
      "ReduceMean", {square, emitter.addConstant(axes)}, name);
  std::string shifted = emitter.addHelper(
      "Add",
      {mean, emitter.addScalar(op.getEpsilon().convertToFloat(), element)},
      name);
  std::string root = emitter.addHelper("Sqrt", {shifted}, name);
  std::string normal = emitter.addHelper("Div", {input, root}, name);
  emitter.addNode("Mul", op, {normal, emitter.getName(op.getScale())});
  return success();
}

static LogicalResult emitBatchNorm(graph::BatchNormOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("BatchNormalization", op, emitter.getInputs(op)),
               "epsilon", op.getEpsilon().convertToFloat());
  return success();
}

static LogicalResult emitLRN(graph::LRNOp op, Emitter &emitter) {
  onnx::NodeProto &node = emitter.addNode("LRN", op, emitter.getInputs(op));
  setAttribute(node, "size", static_cast<int64_t>(op.getSize()));
  setAttribute(node, "alpha", op.getAlpha().convertToFloat());
  setAttribute(node, "beta", op.getBeta().convertToFloat());
  setAttribute(node, "bias", op.getBias().convertToFloat());
  return success();
}

void onnx_export::addReductionRules(RuleTable &table) {
  addReduce<graph::ReduceSumOp>(table, "ReduceSum");
  addReduce<graph::ReduceMeanOp>(table, "ReduceMean");
  addReduce<graph::ReduceProdOp>(table, "ReduceProd");
  addReduce<graph::ReduceMaxOp>(table, "ReduceMax");
  addReduce<graph::ReduceMinOp>(table, "ReduceMin");
  addArg<graph::ArgMaxOp>(table, "ArgMax");
  addArg<graph::ArgMinOp>(table, "ArgMin");
  addAxisRule<graph::SoftmaxOp>(table, "Softmax");
  addAxisRule<graph::LogSoftmaxOp>(table, "LogSoftmax");
  table.add<graph::MaxPoolOp>(emitMaxPool);
  table.add<graph::AveragePoolOp>(emitAveragePool);
  table.add<graph::MaxPoolIndicesOp>(emitMaxPoolIndices);
  table.add<graph::CumSumOp>(emitCumSum);
  table.add<graph::TopKOp>(emitTopK);
  table.add<graph::LayerNormOp>(emitLayerNorm);
  table.add<graph::RMSNormOp>(emitRMSNorm);
  table.add<graph::BatchNormOp>(emitBatchNorm);
  table.add<graph::LRNOp>(emitLRN);
}
