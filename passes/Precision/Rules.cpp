//===- Rules.cpp - which precision an operation needs ---------------------===//
#include "passes/Precision/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

/// Skips operations that only move the elements of their first operand.
static Value skipMovement(Value value) {
  while (isa_and_nonnull<ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp,
                         TransposeOp, BroadcastOp, TileOp, SliceOp, PadOp>(
      value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// An argument that is continued with new rows and returned: a state, if
/// form-state finds no fault with it.
static bool isState(Operation *op) {
  auto concat = dyn_cast_or_null<ConcatOp>(op);
  auto past = concat ? dyn_cast<BlockArgument>(concat.getInputs().front())
                     : BlockArgument();
  return past && isa<func::FuncOp>(past.getOwner()->getParentOp()) &&
         llvm::any_of(concat->getUsers(), llvm::IsaPred<func::ReturnOp>);
}

/// A product of one term per element is no sum.
static bool isOuterProduct(Operation *op) {
  auto matmul = dyn_cast<MatmulOp>(op);
  if (!matmul)
    return false;
  auto type = cast<RankedTensorType>(matmul.getLhs().getType());
  int64_t rank = type.getRank();
  return rank >= 2 &&
         type.getDimSize(matmul.getTransposeLhs() ? rank - 2 : rank - 1) == 1;
}

static Rule getContractionRule(Operation *op) {
  if (isOuterProduct(op))
    return {Treatment::Follow};
  for (Value operand : op->getOperands()) {
    Operation *source = skipMovement(operand).getDefiningOp();
    if (isa_and_nonnull<DequantizeOp>(source))
      return {Treatment::Wide, Reason::Quantized};
    // It would be copied in 16 bits, all rows for each new one.
    if (isState(source))
      return {Treatment::Wide, Reason::State};
  }
  return {Treatment::Narrow};
}

Rule precision::getRule(Operation *op) {
  if (isa<MatmulOp, ConvOp, ConvTransposeOp, EinsumOp>(op))
    return getContractionRule(op);
  if (isa<QuantizeOp, DequantizeOp>(op))
    return {Treatment::Wide, Reason::Quantized};
  if (isa<LSTMOp, GRUOp, RNNOp>(op))
    return {Treatment::Wide, Reason::Recurrent};
  if (isa<ExpOp, LogOp, PowOp, ReciprocalOp, TanOp, SinhOp, CoshOp, ReduceSumOp,
          ReduceProdOp, CumSumOp>(op))
    return {Treatment::Wide, Reason::Range};
  if (auto mul = dyn_cast<MulOp>(op); mul && mul.getLhs() == mul.getRhs())
    return {Treatment::Wide, Reason::Range};
  if (isa<SoftmaxOp, LogSoftmaxOp, SinOp, CosOp, GridSampleOp>(op))
    return {Treatment::InnerWide};
  if (isa<RangeOp>(op) || (isa<CastOp>(op) && !isFloat(op->getOperand(0))))
    return {Treatment::Wide, Reason::Counts};
  if (isState(op))
    return {Treatment::Wide, Reason::State};
  return {Treatment::Follow};
}

bool precision::isConverted(Operation *op, unsigned index) {
  if (isa<ResizeOp, BatchNormOp, TopKOp>(op)) // scales; statistics
    return index == 0;
  if (isa<OneHotOp>(op))
    return index == 2;    // the values, not the indices
  return !isa<EyeOp>(op); // only the shape is read
}

bool precision::isComputed(Operation *op) {
  return op->hasTrait<Elementwise>() && !isa<SelectOp>(op);
}

bool precision::isEntryArgument(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && isa<func::FuncOp>(argument.getOwner()->getParentOp());
}

bool precision::isFloatCast(Operation *op) {
  return isa<CastOp>(op) && isFloat(op->getOperand(0)) &&
         isFloat(op->getResult(0));
}

bool precision::feedsSoftmax(Operation *op) {
  return op->hasTrait<Elementwise>() && op->getNumResults() == 1 &&
         !op->use_empty() && llvm::all_of(op->getUsers(), [](Operation *user) {
           return isa<SoftmaxOp, LogSoftmaxOp>(user) ||
                  (isa<GraphDialect>(user->getDialect()) && feedsSoftmax(user));
         });
}
