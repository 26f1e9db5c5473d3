//===- RecurrentCell.cpp - one step of a recurrent operation --------------===//
//
// Source: ONNX operators LSTM, GRU and RNN, opset 22: their equations.
//
//===----------------------------------------------------------------------===//
#include "passes/Graph/RecurrentCell.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

bool RecurrentCell::isKnownActivation(StringRef activation) {
  return llvm::is_contained({"sigmoid", "tanh", "relu", "softsign", "softplus"},
                            activation);
}

/// The activation of gate kind `which` on `input`, which is clipped first.
Value RecurrentCell::activate(unsigned which, Value input) {
  if (clip) {
    Value low = b.scalar(-*clip, elementType);
    Value high = b.scalar(*clip, elementType);
    input = b.binary<MaxOp>("clipped", input, low);
    input = b.binary<MinOp>("clipped", input, high);
  }
  StringRef name = activations[which];
  if (name == "sigmoid")
    return b.unary<SigmoidOp>("sigmoid", input);
  if (name == "tanh")
    return b.unary<TanhOp>("tanh", input);
  if (name == "relu")
    return b.unary<ReluOp>("relu", input);
  Value one = b.scalar(1.0, elementType);
  if (name == "softsign") { // x / (1 + |x|)
    Value magnitude = b.unary<AbsOp>("softsign", input);
    Value divisor = b.binary<AddOp>("softsign", magnitude, one);
    return b.binary<DivOp>("softsign", input, divisor);
  }
  // softplus: max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
  Value magnitude =
      b.unary<NegOp>("softplus", b.unary<AbsOp>("softplus", input));
  Value sum =
      b.binary<AddOp>("softplus", b.unary<ExpOp>("softplus", magnitude), one);
  return b.binary<AddOp>("softplus", b.unary<ReluOp>("softplus", input),
                         b.unary<LogOp>("softplus", sum));
}

Value RecurrentCell::gate(Value gates, int64_t position, StringRef piece) {
  if (kind == Kind::RNN)
    return gates; // the only one
  return b.slice(piece, gates, 1, position * hiddenSize,
                 (position + 1) * hiddenSize);
}

Value RecurrentCell::addPeephole(Value gate, unsigned which, Value cell) {
  if (!peephole[which])
    return gate;
  Value product = b.binary<MulOp>("peephole", cell, peephole[which]);
  return b.binary<AddOp>("peephole", gate, product);
}

/// What the state contributes to the gate at `position`.
Value RecurrentCell::fromState(Value hidden, int64_t position,
                               StringRef piece) {
  Value product = b.matmulTransposed(piece, hidden, recurrence[position]);
  bool hasBias = kind == Kind::GRU && bias[position];
  return hasBias ? b.binary<AddOp>(piece, product, bias[position]) : product;
}

/// What the input and the state contribute to it.
Value RecurrentCell::sum(Value projected, Value hidden, int64_t position,
                         StringRef piece) {
  return b.binary<AddOp>(piece, gate(projected, position, piece),
                         fromState(hidden, position, piece));
}

RecurrentState RecurrentCell::stepLSTM(Value projected, RecurrentState state) {
  // Gates in the order input, output, forget, cell.
  Value in = sum(projected, state.hidden, 0, "input_gate");
  in = activate(0, addPeephole(in, 0, state.cell));
  Value forget;
  if (inputForget) {
    forget = b.binary<SubOp>("forget", b.scalar(1.0, elementType), in);
  } else {
    forget = sum(projected, state.hidden, 2, "forget_gate");
    forget = activate(0, addPeephole(forget, 2, state.cell));
  }
  Value candidate = activate(1, sum(projected, state.hidden, 3, "cell_gate"));
  Value kept = b.binary<MulOp>("kept", forget, state.cell);
  Value added = b.binary<MulOp>("added", in, candidate);
  Value cell = b.binary<AddOp>("cell", kept, added);
  Value out = sum(projected, state.hidden, 1, "output_gate");
  out = activate(0, addPeephole(out, 1, cell));
  return {b.binary<MulOp>("hidden", out, activate(2, cell)), cell};
}

RecurrentState RecurrentCell::stepGRU(Value projected, RecurrentState state) {
  // Gates in the order update, reset, hidden.
  Value reset = activate(0, sum(projected, state.hidden, 1, "reset_gate"));
  Value carried;
  if (resetsBefore) {
    Value kept = b.binary<MulOp>("reset", reset, state.hidden);
    carried = fromState(kept, 2, "hidden_gate");
  } else {
    carried = b.binary<MulOp>("reset", reset,
                              fromState(state.hidden, 2, "hidden_gate"));
  }
  Value update = activate(0, sum(projected, state.hidden, 0, "update_gate"));
  Value fromInput = gate(projected, 2, "hidden_gate");
  Value candidate =
      activate(1, b.binary<AddOp>("hidden_gate", fromInput, carried));
  Value rest = b.binary<SubOp>("fresh", b.scalar(1.0, elementType), update);
  Value fresh = b.binary<MulOp>("fresh", rest, candidate);
  Value kept = b.binary<MulOp>("kept", update, state.hidden);
  return {b.binary<AddOp>("hidden", fresh, kept), Value()};
}

RecurrentState RecurrentCell::step(Value projected, RecurrentState state) {
  switch (kind) {
  case Kind::LSTM:
    return stepLSTM(projected, state);
  case Kind::GRU:
    return stepGRU(projected, state);
  case Kind::RNN:
    break;
  }
  return {activate(0, sum(projected, state.hidden, 0, "gate")), Value()};
}
