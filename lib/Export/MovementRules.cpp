//===- MovementRules.cpp - constants, shapes and movement in ONNX ---------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

static LogicalResult emitConstant(graph::ConstantOp op, Emitter &emitter) {
  return emitter.addInitializer(op, op.getValue(),
                                emitter.getName(op.getResult()));
}

static LogicalResult emitShape(graph::ShapeOp op, Emitter &emitter) {
  onnx::NodeProto &node = emitter.addNode("Shape", op, emitter.getInputs(op));
  setAttribute(node, "start", static_cast<int64_t>(op.getStart()));
  setAttribute(node, "end", static_cast<int64_t>(op.getEnd()));
  return success();
}

static LogicalResult emitReshape(graph::ReshapeOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Reshape", op, emitter.getInputs(op)),
               "allowzero", static_cast<int64_t>(op.getAllowZero()));
  return success();
}

/// Operators that take their axes as a second input.
template <typename OpTy>
static LogicalResult emitWithAxes(OpTy op, Emitter &emitter, StringRef type) {
  auto inputs = emitter.getInputs(op);
  inputs.push_back(emitter.addConstant(op.getAxes()));
  emitter.addNode(type, op, inputs);
  return success();
}

static LogicalResult emitSqueeze(graph::SqueezeOp op, Emitter &emitter) {
  return emitWithAxes(op, emitter, "Squeeze");
}

static LogicalResult emitUnsqueeze(graph::UnsqueezeOp op, Emitter &emitter) {
  if (isBiasAlone(op))
    return success(); // an input of the convolutions
  return emitWithAxes(op, emitter, "Unsqueeze");
}

static LogicalResult emitFlatten(graph::FlattenOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Flatten", op, emitter.getInputs(op)), "axis",
               static_cast<int64_t>(op.getAxis()));
  return success();
}

static LogicalResult emitTranspose(graph::TransposeOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Transpose", op, emitter.getInputs(op)), "perm",
               op.getPermutation());
  return success();
}

static LogicalResult emitSlice(graph::SliceOp op, Emitter &emitter) {
  auto inputs = emitter.getInputs(op);
  inputs.push_back(emitter.addConstant(op.getAxes()));
  inputs.push_back(emitter.addConstant(op.getSteps()));
  emitter.addNode("Slice", op, inputs);
  return success();
}

static LogicalResult emitPad(graph::PadOp op, Emitter &emitter) {
  static const StringRef modes[] = {"constant", "reflect", "edge", "wrap"};
  std::string value = op.getValue() ? emitter.getName(op.getValue()) : "";
  onnx::NodeProto &node = emitter.addNode("Pad", op,
                                          {emitter.getName(op.getInput()),
                                           emitter.getName(op.getPads()), value,
                                           emitter.addConstant(op.getAxes())});
  setAttribute(node, "mode", modes[static_cast<unsigned>(op.getMode())]);
  return success();
}

static LogicalResult emitReverseSequence(graph::ReverseSequenceOp op,
                                         Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("ReverseSequence", op, emitter.getInputs(op));
  setAttribute(node, "batch_axis", static_cast<int64_t>(op.getBatchAxis()));
  setAttribute(node, "time_axis", static_cast<int64_t>(op.getTimeAxis()));
  return success();
}

static LogicalResult emitDepthToSpace(graph::DepthToSpaceOp op,
                                      Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("DepthToSpace", op, emitter.getInputs(op));
  setAttribute(node, "blocksize", static_cast<int64_t>(op.getBlock()));
  setAttribute(node, "mode", StringRef(op.getColumnRow() ? "CRD" : "DCR"));
  return success();
}

static LogicalResult emitSpaceToDepth(graph::SpaceToDepthOp op,
                                      Emitter &emitter) {
  setAttribute(emitter.addNode("SpaceToDepth", op, emitter.getInputs(op)),
               "blocksize", static_cast<int64_t>(op.getBlock()));
  return success();
}

static LogicalResult emitTrilu(graph::TriluOp op, Emitter &emitter) {
  auto inputs = emitter.getInputs(op);
  inputs.push_back(emitter.addConstant({static_cast<int64_t>(op.getDiagonal())},
                                       /*scalar=*/true));
  setAttribute(emitter.addNode("Trilu", op, inputs), "upper",
               static_cast<int64_t>(op.getUpper()));
  return success();
}

static LogicalResult emitResize(graph::ResizeOp op, Emitter &emitter) {
  static const StringRef modes[] = {"nearest", "linear", "cubic"};
  static const StringRef coordinates[] = {
      "half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
      "align_corners", "asymmetric",           "tf_crop_and_resize"};
  static const StringRef nearest[] = {"round_prefer_floor", "round_prefer_ceil",
                                      "floor", "ceil"};
  if (op.getRoi())
    return markUnsupported(op.emitOpError(
        "has no ONNX form here: a region of interest is not exported"));
  onnx::NodeProto &node =
      emitter.addNode("Resize", op,
                      {emitter.getName(op.getInput()), "",
                       op.getScales() ? emitter.getName(op.getScales()) : "",
                       op.getSizes() ? emitter.getName(op.getSizes()) : ""});
  setAttribute(node, "mode", modes[static_cast<unsigned>(op.getMode())]);
  setAttribute(node, "coordinate_transformation_mode",
               coordinates[static_cast<unsigned>(op.getCoordinates())]);
  setAttribute(node, "nearest_mode",
               nearest[static_cast<unsigned>(op.getNearest())]);
  setAttribute(node, "cubic_coeff_a",
               op.getCubicCoefficient().convertToFloat());
  setAttribute(node, "extrapolation_value",
               op.getExtrapolationValue().convertToFloat());
  setAttribute(node, "exclude_outside",
               static_cast<int64_t>(op.getExcludeOutside()));
  setAttribute(node, "antialias", static_cast<int64_t>(op.getAntialias()));
  setAttribute(node, "axes", op.getAxes());
  return success();
}

static LogicalResult emitConcat(graph::ConcatOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Concat", op, emitter.getInputs(op)), "axis",
               static_cast<int64_t>(op.getAxis()));
  return success();
}

static LogicalResult emitEye(graph::EyeOp op, Emitter &emitter) {
  onnx::NodeProto &node = emitter.addNode("EyeLike", op, emitter.getInputs(op));
  setAttribute(node, "k", static_cast<int64_t>(op.getDiagonal()));
  setAttribute(node, "dtype",
               static_cast<int64_t>(getElementTypeNumber(
                   op.getResult().getType().getElementType())));
  return success();
}

/// ONNX has no assertion; the shapes that follow from it are in the model.
static LogicalResult leaveOut(graph::ExpectOp op, Emitter &) {
  op.emitRemark("is left out: ") << op.getMessage() << " is not checked";
  return success();
}

void onnx_export::addMovementRules(RuleTable &table) {
  table.add<graph::ExpectOp>(leaveOut);
  table.addDirect<graph::SizeOp>("Size");
  table.addDirect<graph::BroadcastOp>("Expand");
  table.addDirect<graph::TileOp>("Tile");
  table.addDirect<graph::RangeOp>("Range");
  table.add<graph::SqueezeOp>(emitSqueeze);
  table.add<graph::UnsqueezeOp>(emitUnsqueeze);
  table.add<graph::ConstantOp>(emitConstant);
  table.add<graph::ShapeOp>(emitShape);
  table.add<graph::ReshapeOp>(emitReshape);
  table.add<graph::FlattenOp>(emitFlatten);
  table.add<graph::TransposeOp>(emitTranspose);
  table.add<graph::SliceOp>(emitSlice);
  table.add<graph::PadOp>(emitPad);
  table.add<graph::ReverseSequenceOp>(emitReverseSequence);
  table.add<graph::DepthToSpaceOp>(emitDepthToSpace);
  table.add<graph::SpaceToDepthOp>(emitSpaceToDepth);
  table.add<graph::TriluOp>(emitTrilu);
  table.add<graph::ResizeOp>(emitResize);
  table.add<graph::ConcatOp>(emitConcat);
  table.add<graph::EyeOp>(emitEye);
}
