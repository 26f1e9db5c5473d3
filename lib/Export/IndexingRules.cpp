//===- IndexingRules.cpp - gather and scatter in ONNX ---------------------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

template <typename OpTy>
static void addGather(RuleTable &table, StringRef type) {
  table.add<OpTy>([=](OpTy op, Emitter &emitter) -> LogicalResult {
    setAttribute(emitter.addNode(type, op, emitter.getInputs(op)), "axis",
                 static_cast<int64_t>(op.getAxis()));
    return success();
  });
}

static LogicalResult emitGatherND(graph::GatherNDOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("GatherND", op, emitter.getInputs(op)),
               "batch_dims", static_cast<int64_t>(op.getBatchDims()));
  return success();
}

static const StringRef scatterModes[] = {"none", "add", "mul", "max", "min"};

static LogicalResult emitScatterElements(graph::ScatterElementsOp op,
                                         Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("ScatterElements", op, emitter.getInputs(op));
  setAttribute(node, "axis", static_cast<int64_t>(op.getAxis()));
  setAttribute(node, "reduction",
               scatterModes[static_cast<unsigned>(op.getMode())]);
  return success();
}

static LogicalResult emitScatterND(graph::ScatterNDOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("ScatterND", op, emitter.getInputs(op)),
               "reduction", scatterModes[static_cast<unsigned>(op.getMode())]);
  return success();
}

static LogicalResult emitGridSample(graph::GridSampleOp op, Emitter &emitter) {
  static const StringRef modes[] = {"nearest", "linear", "cubic"};
  static const StringRef paddings[] = {"zeros", "reflection", "border", ""};
  StringRef padding = paddings[static_cast<unsigned>(op.getPadding())];
  if (padding.empty())
    return markUnsupported(
        op.emitOpError("has no ONNX form: GridSample cannot wrap"));
  onnx::NodeProto &node =
      emitter.addNode("GridSample", op, emitter.getInputs(op));
  setAttribute(node, "mode", modes[static_cast<unsigned>(op.getMode())]);
  setAttribute(node, "padding_mode", padding);
  setAttribute(node, "align_corners",
               static_cast<int64_t>(op.getAlignCorners()));
  return success();
}

void onnx_export::addIndexingRules(RuleTable &table) {
  addGather<graph::GatherOp>(table, "Gather");
  addGather<graph::GatherElementsOp>(table, "GatherElements");
  addGather<graph::OneHotOp>(table, "OneHot");
  table.add<graph::GatherNDOp>(emitGatherND);
  table.add<graph::ScatterElementsOp>(emitScatterElements);
  table.add<graph::ScatterNDOp>(emitScatterND);
  table.add<graph::GridSampleOp>(emitGridSample);
}
