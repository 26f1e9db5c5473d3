//===- Converter.cpp - values of a function in 16 bits --------------------===//
//
// Every value has up to two versions, f32 and 16-bit, of which the second is a
// cast of the first or the other way round; casts are made where the first
// reader needs them.
//
//===----------------------------------------------------------------------===//
#include "passes/Precision/Converter.h"
#include "dialects/Graph/Constants.h"
#include "passes/Graph/Names.h"
#include "passes/Precision/RoundConstant.h"
#include "passes/Precision/RoundingGates.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

bool Converter::prefersNarrow(Value value) const {
  if (kept.contains(value))
    return false;
  if (isNarrow(value) || isEntryArgument(value) || rounded.contains(value))
    return true;
  auto cast = value.getDefiningOp<CastOp>();
  return cast && isNarrow(cast.getInput());
}

/// Whether `op` has a constant that would lose an element.
bool Converter::hasVanishing(Operation *op) const {
  return isComputed(op) && llvm::any_of(op->getOperands(), [&](Value operand) {
           return isWide(operand) &&
                  vanishes(getConstantValue(operand), element);
         });
}

bool Converter::staysWide(Operation *op) const {
  // What is updated decides, so that it can be updated in place.
  if (auto set = dyn_cast<StepSetOp>(op))
    return !prefersNarrow(set.getInto());
  if (isa<ScatterElementsOp, ScatterNDOp>(op))
    return !prefersNarrow(op->getOperand(0)) &&
           !getConstantValue(op->getOperand(0));
  bool hasWide = false;
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    if (!isConverted(op, operand.getOperandNumber()) ||
        !(isWide(value) || isNarrow(value)) || getConstantValue(value))
      continue;
    if (prefersNarrow(value))
      return false;
    hasWide = true;
  }
  return hasWide;
}

//===----------------------------------------------------------------------===//
// Versions of a value
//===----------------------------------------------------------------------===//

std::string Converter::makeName(const Twine &name) {
  std::string result = name.str();
  for (unsigned count = 1; !names.insert(result).second; ++count)
    result = (name + "_" + Twine(count)).str();
  return result;
}

/// A cast of `value` that is there, moved to where `value` is made; null if
/// there is none.
static Value findCast(Value value, Type type, OpBuilder &builder) {
  for (Operation *user : value.getUsers()) {
    if (!isa<CastOp>(user) || user->getBlock() != value.getParentBlock() ||
        getElementTypeOrSelf(user->getResult(0).getType()) != type)
      continue;
    if (&*builder.getInsertionPoint() != user)
      user->moveBefore(builder.getInsertionBlock(),
                       builder.getInsertionPoint());
    return user->getResult(0);
  }
  return nullptr;
}

Value Converter::makeCast(Value value, FloatType type) {
  if (auto source = value.getDefiningOp<CastOp>();
      source && getElementTypeOrSelf(source.getInput().getType()) == type)
    return source.getInput();
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  if (Value found = findCast(value, type, builder))
    return found;
  auto tensor = cast<RankedTensorType>(value.getType());
  auto made =
      CastOp::create(builder, value.getLoc(), tensor.clone(type), value);
  std::string name = getValueName(value);
  if (type != element && isReturned(value)) {
    // What is returned keeps the name, which is that of the output.
    setResultName(cast<OpResult>(value), makeName(name + suffix));
    setName(made, name);
  } else {
    setName(made, makeName(name + (type == element ? suffix : "/f32")));
  }
  return made;
}

/// The constant in 16 bits, beside the one that it may replace.
Value Converter::getRounded(ConstantOp constant) {
  Value &known = roundedValues[constant];
  if (known)
    return known;
  TypedAttr &value = roundedConstants[constant.getValue()];
  if (!value) {
    llvm::Expected<TypedAttr> result =
        roundConstant(constant.getValue(), element, counts.clamped);
    if (!result) {
      error = llvm::joinErrors(std::move(error), result.takeError());
      return constant;
    }
    value = *result;
  }
  OpBuilder builder(constant);
  return known = makeNamedConstant(builder, constant.getLoc(),
                                   makeName(getValueName(constant) + suffix),
                                   value);
}

Value Converter::getVersion(Value value, FloatType type) {
  if (getElementTypeOrSelf(value.getType()) == type)
    return value;
  if (auto constant = value.getDefiningOp<ConstantOp>())
    return getRounded(constant);
  return makeCast(value, type);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Gives `op` the f32 operands that it had.
void Converter::widen(Operation *op) {
  for (OpOperand &operand : op->getOpOperands())
    if (narrowed.contains(operand.get()))
      operand.set(getWide(operand.get()));
}

/// Gives `op` 16-bit operands and results.
void Converter::narrow(Operation *op) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isConverted(op, operand.getOperandNumber())) {
      if (narrowed.contains(operand.get()))
        operand.set(getWide(operand.get()));
    } else if (isWide(operand.get())) {
      operand.set(getNarrow(operand.get()));
    }
  }
  for (Value result : op->getResults())
    if (isWide(result)) {
      result.setType(cast<RankedTensorType>(result.getType()).clone(element));
      narrowed.insert(result);
    }
  ++counts.converted;
}

/// Lets `op` compute in f32 what others read in 16 bits.
void Converter::narrowInside(Operation *op) {
  widen(op);
  rounded.insert(op->result_begin(), op->result_end());
  ++counts.converted;
}

/// Gives `op` f32 operands and results.
void Converter::leave(Operation *op, Reason reason) {
  ++counts.left[static_cast<int>(reason)];
  for (Value result : op->getResults())
    if (isWide(result))
      kept.note(result, reason);
  widen(op);
}

/// Lets `op` compute in f32 for an error goal; readers in 16 bits round.
void Converter::keep(Operation *op) {
  ++counts.left[static_cast<int>(Reason::Goal)];
  for (Value result : op->getResults())
    if (isWide(result))
      kept.note(result, Reason::Goal);
  widen(op);
  rounded.insert(op->result_begin(), op->result_end());
}

/// Whether an operand that would be rounded is out of range. Constants that
/// element-wise operations read are clamped.
bool Converter::readsKept(Operation *op) {
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
    Value value = operand.get();
    if (!isWide(value) || !isConverted(op, operand.getOperandNumber()))
      return false;
    TypedAttr constant = getConstantValue(value);
    if (!constant)
      return kept.contains(value);
    if (getRule(op).treatment != Treatment::Narrow)
      return false;
    llvm::Expected<bool> isOut = kept.isOutOfRange(constant);
    if (isOut)
      return *isOut;
    error = llvm::joinErrors(std::move(error), isOut.takeError());
    return false;
  });
}

void Converter::convert(Operation *op) {
  auto isF32 = [&](Value value) { return isWide(value); };
  bool concerns = llvm::any_of(op->getResults(), isF32) ||
                  llvm::any_of(op->getOperands(), [&](Value value) {
                    return isF32(value) || narrowed.contains(value);
                  });
  if (!isa<GraphDialect>(op->getDialect()))
    return widen(op);
  if (isa<ConstantOp, ShapeOp, SizeOp>(op) || !concerns)
    return;
  if (isFloatCast(op)) {
    // The model says what is computed in which precision.
    if (!isRepeated)
      op->setAttr(roundsAttrName, UnitAttr::get(op->getContext()));
    return widen(op);
  }
  if (!selector.matches(op)) {
    ++counts.unselected;
    return widen(op);
  }
  if (llvm::any_of(op->getResults(),
                   [&](Value result) { return kept.contains(result); }))
    return leave(op, Reason::OutOfRange);
  Rule rule = getRule(op);
  if (wideOps.contains(op) && rule.treatment != Treatment::Wide)
    return keep(op);
  bool keepsOperand = readsKept(op);
  bool isMixed = false, hasNarrow = false;
  for (OpOperand &operand : op->getOpOperands())
    if ((isWide(operand.get()) || isNarrow(operand.get())) &&
        isConverted(op, operand.getOperandNumber()) &&
        !getConstantValue(operand.get()))
      (prefersNarrow(operand.get()) ? hasNarrow : isMixed) = true;
  switch (rule.treatment) {
  case Treatment::Narrow:
    return keepsOperand ? narrowInside(op) : narrow(op);
  case Treatment::InnerWide:
    return narrowInside(op);
  case Treatment::Wide:
    return leave(op, rule.reason);
  case Treatment::Follow:
    break;
  }
  if (feedsSoftmax(op) || staysWide(op))
    return leave(op, Reason::Range);
  bool isTest = llvm::none_of(op->getResults(), isF32);
  if (isTest && !hasNarrow)
    return widen(op);
  if ((isMixed && (isComputed(op) || isTest)) || hasVanishing(op) ||
      keepsOperand)
    return isTest ? widen(op) : narrowInside(op);
  narrow(op);
}

llvm::Error Converter::run() {
  wideOps = getWideOperations(function);
  for (BlockArgument argument : function.getArguments())
    names.insert(getValueName(argument));
  SmallVector<Operation *> ops;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Value result : op->getResults())
      names.insert(getValueName(result));
    if (op != function)
      ops.push_back(op);
  });
  for (Operation *op : ops)
    convert(op);
  function->setAttr(roundsAtStoreAttrName,
                    UnitAttr::get(function.getContext()));
  if (error)
    return std::move(error);
  for (auto [constant, value] : roundedValues)
    if (constant.use_empty()) {
      setResultName(cast<OpResult>(value), getValueName(constant));
      constant.getDefiningOp()->erase();
    }
  return llvm::Error::success();
}
