//===- ContractionRules.cpp - matmul and convolution in ONNX --------------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

/// The name of `value`, with its last two axes swapped if `transposed`.
static std::string getMatrix(Value value, bool transposed, Emitter &emitter) {
  std::string name = emitter.getName(value);
  if (!transposed)
    return name;
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  return emitter.addHelper(
      "Transpose", {name}, name + "/transposed", [&](onnx::NodeProto &node) {
        setAttribute(node, "perm", ArrayRef<int64_t>(permutation));
      });
}

static bool isByte(Value value) {
  return getElementTypeOrSelf(value.getType()).isInteger(8);
}

static LogicalResult emitMatmul(graph::MatmulOp op, Emitter &emitter) {
  std::string lhs = getMatrix(op.getLhs(), op.getTransposeLhs(), emitter);
  std::string rhs = getMatrix(op.getRhs(), op.getTransposeRhs(), emitter);
  emitter.addNode(isByte(op.getLhs()) ? "MatMulInteger" : "MatMul", op,
                  {lhs, rhs});
  return success();
}

template <typename OpTy> static void setWindow(OpTy op, onnx::NodeProto &node) {
  setAttribute(node, "strides", op.getStrides());
  setAttribute(node, "pads", op.getPads());
  setAttribute(node, "dilations", op.getDilations());
  setAttribute(node, "group", static_cast<int64_t>(op.getGroup()));
}

static LogicalResult emitConv(graph::ConvOp op, Emitter &emitter) {
  Type element = op.getInput().getType().getElementType();
  if (element.isInteger() && !element.isInteger(8))
    return op.emitOpError()
           << "has no ONNX form: ConvInteger takes 8-bit integers, not "
           << element;
  setWindow(op, emitter.addNode(isByte(op.getInput()) ? "ConvInteger" : "Conv",
                                op, emitter.getInputs(op)));
  return success();
}

static LogicalResult emitConvTranspose(graph::ConvTransposeOp op,
                                       Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("ConvTranspose", op, emitter.getInputs(op));
  setWindow(op, node);
  setAttribute(node, "output_padding", op.getOutputPadding());
  return success();
}

static LogicalResult emitEinsum(graph::EinsumOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Einsum", op, emitter.getInputs(op)), "equation",
               op.getEquation());
  return success();
}

void onnx_export::addContractionRules(RuleTable &table) {
  table.add<graph::MatmulOp>(emitMatmul);
  table.add<graph::ConvOp>(emitConv);
  table.add<graph::ConvTransposeOp>(emitConvTranspose);
  table.add<graph::EinsumOp>(emitEinsum);
}
