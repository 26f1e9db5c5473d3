//===- Recurrent.cpp - shape rules of recurrent operations ----------------===//
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

namespace {
/// What the three operations share, with the sizes named as in their
/// description.
struct Recurrence {
  ShapeContext &context;
  Direction direction;
  bool batchFirst;
  Expr time, batch, hidden;
  int64_t numDirections;

  /// Emits an error unless operand group `operands` (empty or one) has the
  /// shape `expected`.
  LogicalResult check(OperandRange operands, StringRef what,
                      const Dims &expected) {
    for (Value operand : operands)
      for (auto [use, shape] :
           llvm::zip(context.op->getOperands(), context.operands)) {
        if (use != operand)
          continue;
        bool fits = shape.dims.size() == expected.size();
        for (size_t i = 0; fits && i < expected.size(); ++i)
          fits = requireEqual(shape.dims[i], expected[i], context,
                              what.str() + " has the shape it needs");
        if (!fits)
          return context.emitError()
                 << "expected " << what << " " << toString(expected)
                 << ", but got " << toString(shape.dims); // C1
      }
    return success();
  }

  Dims getStateDims() {
    return batchFirst ? Dims{batch, numDirections, hidden}
                      : Dims{numDirections, batch, hidden};
  }
};
} // namespace

template <typename OpTy>
static LogicalResult
inferRecurrence(OpTy op, ShapeContext &context, int64_t gates,
                int64_t activationsPerDirection, OperandRange initialC,
                OperandRange peephole) {
  const Dims &input = context.operands[0].dims;
  if (input.size() != 3)
    return context.emitError()
           << "expected an input of three axes, but got " << toString(input);
  int64_t hidden = op.getHiddenSize();
  if (hidden < 1 || hidden > INT32_MAX)
    return context.emitError() << "expected a hidden_size from 1 to "
                               << INT32_MAX << ", but got " << hidden;
  bool batchFirst = op.getBatchFirst();
  Recurrence shapes{context,
                    op.getDirection(),
                    batchFirst,
                    input[batchFirst ? 1 : 0],
                    input[batchFirst ? 0 : 1],
                    hidden,
                    op.getDirection() == Direction::bidirectional ? 2 : 1};
  int64_t directions = shapes.numDirections;
  if (static_cast<int64_t>(op.getActivations().size()) !=
      directions * activationsPerDirection)
    return context.emitError()
           << "expected " << directions * activationsPerDirection
           << " activations, but got " << op.getActivations();
  if (failed(shapes.check(op.getODSOperands(1), "weight",
                          {directions, gates * hidden, input[2]})) ||
      failed(shapes.check(op.getODSOperands(2), "recurrence",
                          {directions, gates * hidden, hidden})) ||
      failed(shapes.check(op.getODSOperands(3), "bias",
                          {directions, 2 * gates * hidden})) ||
      failed(shapes.check(op.getODSOperands(4), "lengths", {shapes.batch})) ||
      failed(shapes.check(op.getODSOperands(5), "initial_h",
                          shapes.getStateDims())) ||
      failed(shapes.check(initialC, "initial_c", shapes.getStateDims())) ||
      failed(shapes.check(peephole, "peephole", {directions, 3 * hidden})))
    return failure();
  context.results[0].dims =
      batchFirst ? Dims{shapes.batch, shapes.time, directions, hidden}
                 : Dims{shapes.time, directions, shapes.batch, hidden};
  for (ValueShape &state : llvm::drop_begin(context.results))
    state.dims = shapes.getStateDims();
  return success();
}

LogicalResult LSTMOp::inferShapes(ShapeContext &context) {
  return inferRecurrence(*this, context, 4, 3, getODSOperands(6),
                         getODSOperands(7));
}

LogicalResult GRUOp::inferShapes(ShapeContext &context) {
  auto none = getODSOperands(0).take_front(0);
  return inferRecurrence(*this, context, 3, 2, none, none);
}

LogicalResult RNNOp::inferShapes(ShapeContext &context) {
  auto none = getODSOperands(0).take_front(0);
  return inferRecurrence(*this, context, 1, 1, none, none);
}

/// Two matrix products per step and direction: of the input and of the state.
static Expr getRecurrentFlops(ArrayRef<Dims> operands) {
  const Dims &input = operands[0];
  return Expr(2) * input[0] * input[1] *
         (countElements(operands[1]) + countElements(operands[2]));
}

Expr LSTMOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  return getRecurrentFlops(operands);
}
Expr GRUOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  return getRecurrentFlops(operands);
}
Expr RNNOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  return getRecurrentFlops(operands);
}
