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

/// The bias [C] that `value`, [C, 1...] or [1, C, 1...], spreads over the
/// spatial axes of a convolution of `rank`; null if it is something else.
static Value getBias(Value value, int64_t rank) {
  auto unsqueeze = value.getDefiningOp<graph::UnsqueezeOp>();
  if (!unsqueeze || unsqueeze.getInput().getType().getRank() != 1 ||
      unsqueeze.getResult().getType().getRank() != rank - 1)
    return nullptr;
  for (auto [position, axis] : llvm::enumerate(unsqueeze.getAxes()))
    if (axis != static_cast<int64_t>(position) + 1)
      return nullptr;
  return unsqueeze.getInput();
}

/// The addition of a bias to the convolution `op` that ends in one node with
/// it, as in the model that was imported: engines round both together.
static std::pair<Operation *, Value> findBias(Operation *op) {
  Value result = op->getResult(0);
  if (!isa<graph::ConvOp, graph::ConvTransposeOp>(op) || !result.hasOneUse() ||
      !isa<FloatType>(getElementTypeOrSelf(result.getType())))
    return {};
  auto add = dyn_cast<graph::AddOp>(*result.user_begin());
  if (!add || add->getBlock() != op->getBlock() ||
      add.getResult().getType() != result.getType())
    return {};
  Value other = add.getLhs() == result ? add.getRhs() : add.getLhs();
  Value bias =
      getBias(other, cast<RankedTensorType>(result.getType()).getRank());
  return {bias ? add.getOperation() : nullptr, bias};
}

/// The convolution whose bias `add` adds; null if it adds something else.
static Operation *findConvolution(graph::AddOp add) {
  for (Value operand : add->getOperands())
    if (Operation *op = operand.getDefiningOp())
      if (findBias(op).first == add)
        return op;
  return nullptr;
}

bool onnx_export::isBiasAlone(graph::UnsqueezeOp op) {
  return !op->use_empty() && llvm::all_of(op->getUsers(), [&](Operation *user) {
    auto add = dyn_cast<graph::AddOp>(user);
    Operation *convolution = add ? findConvolution(add) : nullptr;
    return convolution && convolution->getResult(0) != op.getResult();
  });
}

static LogicalResult emitConv(graph::ConvOp op, Emitter &emitter) {
  Type element = op.getInput().getType().getElementType();
  if (element.isInteger() && !element.isInteger(8))
    return markUnsupported(op.emitOpError())
           << "has no ONNX form: ConvInteger takes 8-bit integers, not "
           << element;
  if (findBias(op).first)
    return success(); // the addition emits it
  setWindow(op, emitter.addNode(isByte(op.getInput()) ? "ConvInteger" : "Conv",
                                op, emitter.getInputs(op)));
  return success();
}

static LogicalResult emitAdd(graph::AddOp op, Emitter &emitter) {
  Operation *convolution = findConvolution(op);
  if (!convolution) {
    emitter.addNode("Add", op, emitter.getInputs(op));
    return success();
  }
  SmallVector<std::string> inputs = emitter.getInputs(convolution);
  inputs.push_back(emitter.getName(findBias(convolution).second));
  if (auto conv = dyn_cast<graph::ConvOp>(convolution)) {
    setWindow(conv, emitter.addNode("Conv", op, inputs));
    return success();
  }
  auto transposed = cast<graph::ConvTransposeOp>(convolution);
  onnx::NodeProto &node = emitter.addNode("ConvTranspose", op, inputs);
  setWindow(transposed, node);
  setAttribute(node, "output_padding", transposed.getOutputPadding());
  return success();
}

static LogicalResult emitConvTranspose(graph::ConvTransposeOp op,
                                       Emitter &emitter) {
  if (findBias(op).first)
    return success(); // the addition emits it
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
  table.add<graph::AddOp>(emitAdd);
}
