//===- ControlFlowRules.cpp - scf in ONNX ---------------------------------===//
//
// scf.if is If, scf.for is Loop. Scalars of control flow (i1, index) are ONNX
// tensors of rank 0, so `tensor.extract` of the one element and index casts are
// renamings.
//
//===----------------------------------------------------------------------===//
#include "lib/Export/Rules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

/// Adds the operands of `terminator` as outputs of the nested graph. ONNX wants
/// each output made inside the graph: a captured value goes through Identity.
static LogicalResult addOutputs(Operation *terminator, Emitter &nested,
                                onnx::GraphProto &graph) {
  for (Value value : terminator->getOperands()) {
    std::string name =
        nested.addHelper("Identity", {nested.getName(value)}, "out");
    if (failed(nested.describe(*graph.add_output(), value, name, nullptr)))
      return failure();
  }
  return success();
}

static LogicalResult emitBranch(Region &region, onnx::NodeProto &node,
                                StringRef attribute, Emitter &emitter) {
  onnx::GraphProto &graph = addGraphAttribute(node, attribute);
  graph.set_name(attribute.str());
  Emitter nested(graph, &emitter);
  if (failed(nested.emitBlock(region.front())))
    return failure();
  return addOutputs(region.front().getTerminator(), nested, graph);
}

static LogicalResult emitIf(scf::IfOp op, Emitter &emitter) {
  if (op.getElseRegion().empty())
    return markUnsupported(op.emitOpError("has no ONNX form without results"));
  std::string condition = emitter.getName(op.getCondition());
  onnx::NodeProto &node = emitter.addNode("If", op, {condition});
  return success(
      succeeded(emitBranch(op.getThenRegion(), node, "then_branch", emitter)) &&
      succeeded(emitBranch(op.getElseRegion(), node, "else_branch", emitter)));
}

/// Loops that count from 0 in steps of 1 are Loop with a trip count.
static LogicalResult emitFor(scf::ForOp op, Emitter &emitter) {
  if (getConstantIntValue(op.getLowerBound()) != 0 ||
      getConstantIntValue(op.getStep()) != 1)
    return markUnsupported(op.emitOpError(
        "has no ONNX form: expected a loop from 0 in steps of 1"));
  SmallVector<std::string> inputs = {emitter.getName(op.getUpperBound()), ""};
  for (Value value : op.getInitArgs())
    inputs.push_back(emitter.getName(value));
  onnx::NodeProto &node = emitter.addNode("Loop", op, inputs);
  onnx::GraphProto &graph = addGraphAttribute(node, "body");
  graph.set_name("body");
  Emitter nested(graph, &emitter);
  auto addScalarInput = [&](StringRef hint, int type) {
    onnx::ValueInfoProto &info = *graph.add_input();
    info.set_name(nested.makeName(hint));
    info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
    info.mutable_type()->mutable_tensor_type()->mutable_shape();
    return info.name();
  };
  nested.setName(op.getInductionVar(),
                 addScalarInput("iteration", onnx::TensorProto::INT64));
  std::string condition = addScalarInput("condition", onnx::TensorProto::BOOL);
  for (Value argument : op.getRegionIterArgs()) {
    onnx::ValueInfoProto &info = *graph.add_input();
    if (failed(
            nested.describe(info, argument, nested.getName(argument), nullptr)))
      return failure();
  }
  if (failed(nested.emitBlock(*op.getBody())))
    return failure();
  onnx::ValueInfoProto &keepGoing = *graph.add_output();
  keepGoing.set_name(nested.addHelper("Identity", {condition}, condition));
  keepGoing.mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::BOOL);
  keepGoing.mutable_type()->mutable_tensor_type()->mutable_shape();
  return addOutputs(op.getBody()->getTerminator(), nested, graph);
}

/// A scalar read from a tensor, or an index made of an integer, is the tensor
/// itself, reshaped to rank 0 where it is not.
static LogicalResult emitExtract(tensor::ExtractOp op, Emitter &emitter) {
  auto type = op.getTensor().getType();
  if (!type.hasStaticShape() || type.getNumElements() != 1)
    return markUnsupported(
        op.emitOpError("has no ONNX form: expected a tensor of one element"));
  emitter.addNode("Reshape", op,
                  {emitter.getName(op.getTensor()), emitter.addConstant({})});
  return success();
}

static LogicalResult emitIndexCast(arith::IndexCastOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Cast", op, emitter.getInputs(op)), "to",
               static_cast<int64_t>(onnx::TensorProto::INT64));
  return success();
}

static LogicalResult emitArithConstant(arith::ConstantOp op, Emitter &emitter) {
  auto integer = dyn_cast<IntegerAttr>(op.getValue());
  if (!integer)
    return markUnsupported(op.emitOpError())
           << "has no ONNX form: " << op.getValue();
  std::string name =
      emitter.addConstant({integer.getValue().getSExtValue()}, /*scalar=*/true);
  if (integer.getType().isInteger(1))
    name = emitter.addHelper("Cast", {name}, name, [](onnx::NodeProto &node) {
      setAttribute(node, "to", static_cast<int64_t>(onnx::TensorProto::BOOL));
    });
  emitter.setName(op.getResult(), name);
  return success();
}

void onnx_export::addControlFlowRules(RuleTable &table) {
  table.add<scf::IfOp>(emitIf);
  table.add<scf::ForOp>(emitFor);
  table.add<tensor::ExtractOp>(emitExtract);
  table.add<arith::IndexCastOp>(emitIndexCast);
  table.add<arith::ConstantOp>(emitArithConstant);
}
