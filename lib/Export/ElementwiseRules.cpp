//===- ElementwiseRules.cpp - element-wise operations in ONNX -------------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

static bool isBool(Value value) {
  return getElementTypeOrSelf(value.getType()).isInteger(1);
}

/// `OpTy` is `boolType` on bools and `integerType` on integers.
template <typename OpTy>
static void addLogic(RuleTable &table, StringRef boolType,
                     StringRef integerType) {
  table.add<OpTy>([=](OpTy op, Emitter &emitter) {
    emitter.addNode(isBool(op.getResult()) ? boolType : integerType, op,
                    emitter.getInputs(op));
    return success();
  });
}

template <typename OpTy>
static void addShift(RuleTable &table, StringRef direction) {
  table.add<OpTy>([=](OpTy op, Emitter &emitter) -> LogicalResult {
    setAttribute(emitter.addNode("BitShift", op, emitter.getInputs(op)),
                 "direction", direction);
    return success();
  });
}

static LogicalResult emitCompare(graph::CompareOp op, Emitter &emitter) {
  static const StringRef types[] = {"Equal", "Less", "LessOrEqual", "Greater",
                                    "GreaterOrEqual"};
  emitter.addNode(types[static_cast<unsigned>(op.getPredicate())], op,
                  emitter.getInputs(op));
  return success();
}

static LogicalResult emitCast(graph::CastOp op, Emitter &emitter) {
  Type element = op.getResult().getType().getElementType();
  onnx::NodeProto &node = emitter.addNode("Cast", op, emitter.getInputs(op));
  setAttribute(node, "to", static_cast<int64_t>(getElementTypeNumber(element)));
  if (!op.getSaturate())
    setAttribute(node, "saturate", int64_t(0));
  if (isa<Float8E8M0FNUType>(element))
    setAttribute(node, "round_mode", stringifyRounding(op.getRounding()));
  return success();
}

static LogicalResult emitIsInf(graph::IsInfOp op, Emitter &emitter) {
  onnx::NodeProto &node = emitter.addNode("IsInf", op, emitter.getInputs(op));
  setAttribute(node, "detect_positive", static_cast<int64_t>(op.getPositive()));
  setAttribute(node, "detect_negative", static_cast<int64_t>(op.getNegative()));
  return success();
}

static LogicalResult emitFmod(graph::FmodOp op, Emitter &emitter) {
  setAttribute(emitter.addNode("Mod", op, emitter.getInputs(op)), "fmod",
               int64_t(1));
  return success();
}

/// ONNX Mod without fmod is for integers; on floats it is x - floor(x / y) * y.
static LogicalResult emitFloorMod(graph::FloorModOp op, Emitter &emitter) {
  auto inputs = emitter.getInputs(op);
  if (isa<IntegerType>(op.getResult().getType().getElementType())) {
    emitter.addNode("Mod", op, inputs);
    return success();
  }
  std::string name = emitter.getName(op.getResult());
  std::string quotient = emitter.addHelper("Div", inputs, name);
  std::string floor = emitter.addHelper("Floor", {quotient}, name);
  std::string product = emitter.addHelper("Mul", {floor, inputs[1]}, name);
  emitter.addNode("Sub", op, {inputs[0], product});
  return success();
}

/// Element-wise rules that are an operator of the same meaning.
static void addDirectRules(RuleTable &table) {
  table.addDirect<graph::AbsOp>("Abs");
  table.addDirect<graph::NegOp>("Neg");
  table.addDirect<graph::SignOp>("Sign");
  table.addDirect<graph::ExpOp>("Exp");
  table.addDirect<graph::LogOp>("Log");
  table.addDirect<graph::SqrtOp>("Sqrt");
  table.addDirect<graph::ReciprocalOp>("Reciprocal");
  table.addDirect<graph::SinOp>("Sin");
  table.addDirect<graph::CosOp>("Cos");
  table.addDirect<graph::TanOp>("Tan");
  table.addDirect<graph::AsinOp>("Asin");
  table.addDirect<graph::AcosOp>("Acos");
  table.addDirect<graph::AtanOp>("Atan");
  table.addDirect<graph::SinhOp>("Sinh");
  table.addDirect<graph::CoshOp>("Cosh");
  table.addDirect<graph::TanhOp>("Tanh");
  table.addDirect<graph::AsinhOp>("Asinh");
  table.addDirect<graph::AcoshOp>("Acosh");
  table.addDirect<graph::AtanhOp>("Atanh");
  table.addDirect<graph::ErfOp>("Erf");
  table.addDirect<graph::FloorOp>("Floor");
  table.addDirect<graph::CeilOp>("Ceil");
  table.addDirect<graph::RoundOp>("Round");
  table.addDirect<graph::ReluOp>("Relu");
  table.addDirect<graph::SigmoidOp>("Sigmoid");
  table.addDirect<graph::IsNanOp>("IsNaN");
  table.addDirect<graph::SubOp>("Sub");
  table.addDirect<graph::MulOp>("Mul");
  table.addDirect<graph::DivOp>("Div");
  table.addDirect<graph::PowOp>("Pow");
  table.addDirect<graph::MinOp>("Min");
  table.addDirect<graph::MaxOp>("Max");
  table.addDirect<graph::SelectOp>("Where");
}

void onnx_export::addElementwiseRules(RuleTable &table) {
  addDirectRules(table);
  addLogic<graph::NotOp>(table, "Not", "BitwiseNot");
  addLogic<graph::AndOp>(table, "And", "BitwiseAnd");
  addLogic<graph::OrOp>(table, "Or", "BitwiseOr");
  addLogic<graph::XorOp>(table, "Xor", "BitwiseXor");
  addShift<graph::ShiftLeftOp>(table, "LEFT");
  addShift<graph::ShiftRightOp>(table, "RIGHT");
  table.add<graph::CompareOp>(emitCompare);
  table.add<graph::CastOp>(emitCast);
  table.add<graph::IsInfOp>(emitIsInf);
  table.add<graph::FmodOp>(emitFmod);
  table.add<graph::FloorModOp>(emitFloorMod);
}
