//===- ExpandRecurrent.cpp - recurrent operations to loops over time ------===//
//
// A recurrence is a loop whose body is a few small operations; written as one,
// the planner sees what lives across steps and the kernels are those of every
// other model. The input is multiplied by its weight for all steps at once,
// which is one large contraction instead of many small ones, and costs T * B *
// G * H elements (time, batch, gates, hidden size). Source: ONNX operators
// LSTM, GRU and RNN.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/SymbolicShape.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/RecurrentCell.h"
#include "llvm/ADT/TypeSwitch.h"

namespace cinch::graph {
#define GEN_PASS_DEF_EXPANDRECURRENTPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {
/// Expands one operation. Sizes: T time, B batch, I input, H hidden, D
/// directions, G gates.
template <typename OpTy> class Expansion {
public:
  Expansion(OpTy op, ShapeInference &inference)
      : op(op), inference(inference), b(op, getBaseName(op), inference),
        hidden(op.getHiddenSize()),
        elementType(NamedBuilder::getElementType(op.getInput())) {}

  LogicalResult run();

private:
  static constexpr bool isLSTM = std::is_same_v<OpTy, LSTMOp>;
  static constexpr bool isGRU = std::is_same_v<OpTy, GRUOp>;
  static constexpr int64_t numGates = isLSTM ? 4 : isGRU ? 3 : 1;
  static constexpr unsigned activationsPerDirection = isLSTM  ? 3
                                                      : isGRU ? 2
                                                              : 1;

  struct DirectionResults {
    Value sequence, hidden, cell;
  };

  static std::string getBaseName(OpTy op) {
    if (auto names = op->template getAttrOfType<ArrayAttr>("names");
        names && !names.empty())
      return cast<StringAttr>(names[0]).getValue().str();
    return op->getName().stripDialect().str();
  }
  LogicalResult checkActivations();
  Value getStepCount();
  Value getInitial(Value initial, unsigned direction, StringRef piece);
  DirectionResults runDirection(unsigned direction, bool isReverse);
  void replaceResult(unsigned number, ArrayRef<Value> parts, int64_t axis,
                     ArrayRef<int64_t> batchFirstOrder);

  OpTy op;
  ShapeInference &inference;
  NamedBuilder b;
  int64_t hidden;
  Type elementType;
  Value input;             // [T, B, I]
  Value timeSize, rowSize; // tensor<1xi64>: T, B where dynamic
  Value mask; // [T, B, 1], true within the length of a row; or null
};
} // namespace

template <typename OpTy> LogicalResult Expansion<OpTy>::checkActivations() {
  for (auto name : op.getActivations().template getAsValueRange<StringAttr>())
    if (!RecurrentCell::isKnownActivation(name))
      return op->emitOpError("expand-recurrent: activation '")
             << name << "' is not supported";
  return success();
}

/// T as an index: a constant, or read from the shape of the input.
template <typename OpTy> Value Expansion<OpTy>::getStepCount() {
  auto type = cast<RankedTensorType>(input.getType());
  if (!type.isDynamicDim(0))
    return arith::ConstantIndexOp::create(b.builder, b.loc, type.getDimSize(0));
  Value size = b.make<SqueezeOp>("time", b.builder.getI64Type(), timeSize,
                                 ArrayRef<int64_t>(0));
  size = tensor::ExtractOp::create(b.builder, b.loc, size, ValueRange());
  return arith::IndexCastOp::create(b.builder, b.loc, b.builder.getIndexType(),
                                    size);
}

/// State before the first step, [B, H]: zeros without an operand.
template <typename OpTy>
Value Expansion<OpTy>::getInitial(Value initial, unsigned direction,
                                  StringRef piece) {
  if (!initial) {
    int64_t batch = cast<RankedTensorType>(input.getType()).getDimSize(1);
    return b.zeros(piece, elementType, {rowSize, Value()}, {batch, hidden});
  }
  if (op.getBatchFirst())
    initial = b.make<TransposeOp>(piece, elementType, initial,
                                  ArrayRef<int64_t>({1, 0, 2}));
  if (op.getDirection() == Direction::bidirectional)
    initial = b.slice(piece, initial, 0, direction, direction + 1);
  return b.make<SqueezeOp>(piece, elementType, initial, ArrayRef<int64_t>(0));
}

template <typename OpTy>
typename Expansion<OpTy>::DirectionResults
Expansion<OpTy>::runDirection(unsigned direction, bool isReverse) {
  using Kind = RecurrentCell::Kind;
  RecurrentCell cell{b,
                     isLSTM  ? Kind::LSTM
                     : isGRU ? Kind::GRU
                             : Kind::RNN,
                     hidden, elementType};
  for (unsigned i = 0; i < activationsPerDirection; ++i)
    cell.activations.push_back(
        cast<StringAttr>(
            op.getActivations()[direction * activationsPerDirection + i])
            .getValue());
  if (auto clip = op.getClip())
    cell.clip = clip->convertToDouble();
  if constexpr (isGRU)
    cell.resetsBefore = !op.getLinearBeforeReset();
  int64_t width = numGates * hidden;

  // What the input contributes to all steps, with every bias that is not inside
  // a reset.
  Value projected = b.matmulTransposed(
      "projected", input,
      b.takeRows("weight", op.getWeight(), direction, 0, width));
  if (Value bias = op.getBias()) {
    projected = b.binary<AddOp>("projected", projected,
                                b.takeRows("bias", bias, direction, 0, width));
    if (isGRU && !cell.resetsBefore)
      for (int64_t gate = 0; gate < numGates; ++gate)
        cell.bias[gate] =
            b.takeRows("bias", bias, direction, width + gate * hidden,
                       width + (gate + 1) * hidden);
    else
      projected = b.binary<AddOp>(
          "projected", projected,
          b.takeRows("bias", bias, direction, width, 2 * width));
  }
  for (int64_t gate = 0; gate < numGates; ++gate)
    cell.recurrence[gate] =
        b.takeRows("recurrence_weight", op.getRecurrence(), direction,
                   gate * hidden, (gate + 1) * hidden);
  RecurrentState state;
  if constexpr (isLSTM) {
    cell.inputForget = op.getInputForget();
    if (Value peephole = op.getPeephole())
      for (int64_t i = 0; i < 3; ++i)
        cell.peephole[i] = b.takeRows("peephole", peephole, direction,
                                      i * hidden, (i + 1) * hidden);
    state.cell = getInitial(op.getInitialC(), direction, "initial_c");
  }
  state.hidden = getInitial(op.getInitialH(), direction, "initial_h");

  auto inputType = cast<RankedTensorType>(input.getType());
  bool hasSequence = !op.getSequence().use_empty();
  SmallVector<Value> inits = {state.hidden};
  if (isLSTM)
    inits.push_back(state.cell);
  if (hasSequence)
    inits.push_back(
        b.zeros("sequence", elementType, {timeSize, rowSize, Value()},
                {inputType.getDimSize(0), inputType.getDimSize(1), hidden}));
  Value maskedOut = mask ? b.scalar(0.0, elementType) : Value();

  OpBuilder &builder = b.builder;
  Value zero = arith::ConstantIndexOp::create(builder, b.loc, 0),
        one = arith::ConstantIndexOp::create(builder, b.loc, 1);
  Value end = getStepCount();
  Value last;
  if (isReverse)
    last = inputType.isDynamicDim(0)
               ? arith::SubIOp::create(builder, b.loc, end, one).getResult()
               : arith::ConstantIndexOp::create(builder, b.loc,
                                                inputType.getDimSize(0) - 1)
                     .getResult();
  auto loop = scf::ForOp::create(builder, b.loc, zero, end, one, inits);
  for (auto [argument, init] : llvm::zip(loop.getRegionIterArgs(), inits))
    inference.set(argument, *inference.get(init));

  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  b.setConstantPoint(loop);
  Value time = loop.getInductionVar();
  if (isReverse)
    time = arith::SubIOp::create(builder, b.loc, last, time);
  RecurrentState before = {loop.getRegionIterArg(0),
                           isLSTM ? Value(loop.getRegionIterArg(1)) : Value()};
  Value row = b.make<StepGetOp>("step", elementType, projected, time, 0);
  RecurrentState next = cell.step(row, before);
  Value output = next.hidden;
  if (mask) {
    Value isWithin =
        b.make<StepGetOp>("within", builder.getI1Type(), mask, time, 0);
    output = b.make<SelectOp>("output", elementType, isWithin, next.hidden,
                              maskedOut);
    next.hidden = b.make<SelectOp>("hidden", elementType, isWithin, next.hidden,
                                   before.hidden);
    if (isLSTM)
      next.cell = b.make<SelectOp>("cell", elementType, isWithin, next.cell,
                                   before.cell);
  }
  SmallVector<Value> yields = {next.hidden};
  if (isLSTM)
    yields.push_back(next.cell);
  if (hasSequence)
    yields.push_back(b.make<StepSetOp>("sequence", elementType, output,
                                       loop.getRegionIterArgs().back(), time,
                                       0));
  // A yielded value has the type of the initial one; their dimensions agree.
  for (auto [yield, init] : llvm::zip(yields, inits))
    yield.setType(init.getType());
  scf::YieldOp::create(builder, b.loc, yields);
  b.setConstantPoint(op);
  for (auto [result, init] : llvm::zip(loop.getResults(), inits))
    inference.set(result, *inference.get(init));
  return {hasSequence ? Value(loop.getResults().back()) : Value(),
          loop.getResult(0), isLSTM ? Value(loop.getResult(1)) : Value()};
}

/// Joins the directions of a result on a new axis, and puts the batch first if
/// asked.
template <typename OpTy>
void Expansion<OpTy>::replaceResult(unsigned number, ArrayRef<Value> parts,
                                    int64_t axis,
                                    ArrayRef<int64_t> batchFirstOrder) {
  if (op->getResult(number).use_empty())
    return;
  auto expand = [&](Value part) {
    return b.make<UnsqueezeOp>("direction", elementType, part,
                               ArrayRef<int64_t>(axis));
  };
  Value joined = expand(parts.front());
  if (parts.size() > 1)
    joined = b.make<ConcatOp>("directions", elementType,
                              ValueRange{joined, expand(parts.back())}, axis);
  if (op.getBatchFirst())
    joined = b.make<TransposeOp>("batch_first", elementType, joined,
                                 batchFirstOrder);
  if (auto names = op->template getAttrOfType<ArrayAttr>("names");
      names && number < names.size())
    joined.getDefiningOp()->setAttr(
        "names", ArrayAttr::get(op->getContext(), names[number]));
  joined.setType(op->getResult(number).getType());
  op->getResult(number).replaceAllUsesWith(joined);
}

template <typename OpTy> LogicalResult Expansion<OpTy>::run() {
  if (failed(checkActivations()))
    return failure();
  input = op.getInput();
  if (op.getBatchFirst())
    input = b.make<TransposeOp>("time_first", elementType, input,
                                ArrayRef<int64_t>({1, 0, 2}));
  Type i64 = b.builder.getI64Type();
  timeSize = b.make<ShapeOp>("time", i64, input, 0, 1);
  rowSize = b.make<ShapeOp>("batch", i64, input, 1, 2);
  if (Value lengths = op.getLengths()) {
    // [T, 1] below [B] gives [T, B].
    auto i64Scalar = RankedTensorType::get({}, i64);
    Value zero = b.constant("zero", getIntegerConstant(i64Scalar, 0)),
          one = b.constant("one", getIntegerConstant(i64Scalar, 1));
    Value limit =
        b.make<SqueezeOp>("time", i64, timeSize, ArrayRef<int64_t>(0));
    Value steps = b.make<RangeOp>("steps", i64, zero, limit, one);
    steps = b.make<UnsqueezeOp>("steps", i64, steps, ArrayRef<int64_t>(1));
    Value limits = b.make<CastOp>("lengths", i64, lengths);
    mask = b.make<CompareOp>("within", b.builder.getI1Type(), Predicate::lt,
                             steps, limits);
    mask = b.make<UnsqueezeOp>("within", b.builder.getI1Type(), mask,
                               ArrayRef<int64_t>(2));
  }
  SmallVector<Value> sequences, hiddens, cells;
  for (unsigned direction = 0;
       direction < (op.getDirection() == Direction::bidirectional ? 2 : 1);
       ++direction) {
    DirectionResults results = runDirection(
        direction, direction == 1 || op.getDirection() == Direction::reverse);
    sequences.push_back(results.sequence);
    hiddens.push_back(results.hidden);
    cells.push_back(results.cell);
  }
  replaceResult(0, sequences, 1, {2, 0, 1, 3});
  replaceResult(1, hiddens, 0, {1, 0, 2});
  if (isLSTM)
    replaceResult(2, cells, 0, {1, 0, 2});
  if (b.hasFailed())
    return failure();
  op->erase();
  return success();
}

namespace {
struct ExpandRecurrent
    : public graph::impl::ExpandRecurrentPassBase<ExpandRecurrent> {
  template <typename OpTy>
  LogicalResult expand(OpTy op, const SymbolicShapeAnalysis &analysis) {
    ShapeInference inference;
    for (Value operand : op.getOperands())
      inference.set(operand, *analysis.get(operand));
    return Expansion<OpTy>(op, inference).run();
  }

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<LSTMOp, GRUOp, RNNOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      // Again for each: an operand may be the result of the one before.
      auto analysis = SymbolicShapeAnalysis::compute(getOperation());
      if (failed(analysis))
        return signalPassFailure();
      LogicalResult expanded =
          llvm::TypeSwitch<Operation *, LogicalResult>(op)
              .Case<LSTMOp, GRUOp, RNNOp>(
                  [&](auto recurrent) { return expand(recurrent, *analysis); });
      if (failed(expanded))
        return signalPassFailure();
    }
  }
};
} // namespace
