//===- ConvertPrecision.cpp - f32 values and weights in 16 bits -----------===//
//
// Half the bytes of weights and of what operations pass on, and products that
// tensor cores compute; the cost is one rounding per value (Micikevicius et
// al., "Mixed Precision Training", 2018, section 3). Every value has up to two
// versions, f32 and 16-bit, of which the second is a cast of the first or the
// other way round; casts are made where the first reader needs them.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Common/Selector.h"
#include "passes/Graph/Names.h"
#include "passes/Precision/CountBytes.h"
#include "passes/Precision/KeptValues.h"
#include "passes/Precision/Passes.h"
#include "passes/Precision/RoundConstant.h"
#include "passes/Precision/Rules.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

namespace cinch::precision {
#define GEN_PASS_DEF_CONVERTPRECISIONPASS
#include "passes/Precision/Passes.h.inc"
} // namespace cinch::precision

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

namespace {

struct Counts {
  int64_t converted = 0, clamped = 0, unselected = 0;
  int64_t left[numReasons] = {}; ///< by Reason
};

/// Rewrites one function.
class Converter {
public:
  Converter(func::FuncOp function, FloatType element, const Selector &selector)
      : function(function), element(element), selector(selector),
        suffix(element.isF16() ? "/f16" : "/bf16"), kept(function, element) {}

  llvm::Error run();
  const Counts &getCounts() const { return counts; }
  const KeptValues &getKept() const { return kept; }

private:
  bool isWide(Value value) const {
    return getElementTypeOrSelf(value.getType()).isF32();
  }
  bool isNarrow(Value value) const {
    return getElementTypeOrSelf(value.getType()) == element;
  }
  /// Whether readers that can choose take `value` in 16 bits.
  bool prefersNarrow(Value value) const;
  /// Whether the results of `op`, which follow its operands, stay f32.
  bool staysWide(Operation *op) const;
  bool hasVanishing(Operation *op) const;
  Value getVersion(Value value, FloatType type);
  Value getNarrow(Value value) { return getVersion(value, element); }
  Value getWide(Value value) {
    return getVersion(value, Float32Type::get(value.getContext()));
  }
  Value getRounded(ConstantOp constant);
  Value makeCast(Value value, FloatType type);
  std::string makeName(const Twine &name);
  void widen(Operation *op);
  void leave(Operation *op, Reason reason);
  bool readsKept(Operation *op);
  void narrow(Operation *op);
  void narrowInside(Operation *op);
  void convert(Operation *op);

  func::FuncOp function;
  FloatType element;
  const Selector &selector;
  std::string suffix;
  KeptValues kept;
  llvm::StringSet<> names;
  /// Values in f32 that operations computed for readers in 16 bits.
  llvm::DenseSet<Value> rounded;
  llvm::DenseSet<Value> narrowed; ///< were f32
  llvm::DenseMap<Attribute, TypedAttr> roundedConstants;
  llvm::MapVector<Value, Value> roundedValues; ///< constants
  Counts counts;
  llvm::Error error = llvm::Error::success();
};

struct ConvertPrecision
    : public precision::impl::ConvertPrecisionPassBase<ConvertPrecision> {
  using ConvertPrecisionPassBase::ConvertPrecisionPassBase;
  void runOnOperation() override;
};

} // namespace

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
  if (isFloatCast(op))
    return widen(op); // the model says what is computed in which precision
  if (!selector.matches(op)) {
    ++counts.unselected;
    return widen(op);
  }
  if (llvm::any_of(op->getResults(),
                   [&](Value result) { return kept.contains(result); }))
    return leave(op, Reason::OutOfRange);
  Rule rule = getRule(op);
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
  if (error)
    return std::move(error);
  for (auto [constant, value] : roundedValues)
    if (constant.use_empty()) {
      setResultName(cast<OpResult>(value), getValueName(constant));
      constant.getDefiningOp()->erase();
    }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

void ConvertPrecision::runOnOperation() {
  func::FuncOp function = getOperation();
  if (function.isExternal())
    return;
  llvm::Expected<Selector> selector = Selector::parse(select);
  if (!selector) {
    function.emitError("convert-precision: select: ")
        << llvm::toString(selector.takeError());
    return signalPassFailure();
  }
  selector->number(function);
  FloatType element = type == Type16::f16
                          ? FloatType(Float16Type::get(&getContext()))
                          : FloatType(BFloat16Type::get(&getContext()));
  Bytes before = countBytes(function);
  Converter converter(function, element, *selector);
  if (llvm::Error error = converter.run()) {
    function.emitError("convert-precision: ")
        << llvm::toString(std::move(error));
    return signalPassFailure();
  }
  const KeptValues &kept = converter.getKept();
  if (!kept.getOutOfRange().empty())
    function.emitRemark("convert-precision: ") << kept.describe();
  if (!report)
    return;
  function->setAttr("graph.precision_kept", kept.getReasons());
  Bytes after = countBytes(function);
  const Counts &counts = converter.getCounts();
  auto left = [&](Reason why) { return counts.left[static_cast<int>(why)]; };
  function->setAttr(
      "graph.convert_precision_report",
      getNumbersAttr(&getContext(), {{"clamped", counts.clamped},
                                     {"converted", counts.converted},
                                     {"counts", left(Reason::Counts)},
                                     {"out_of_range", left(Reason::OutOfRange)},
                                     {"quantized", left(Reason::Quantized)},
                                     {"range", left(Reason::Range)},
                                     {"recurrent", left(Reason::Recurrent)},
                                     {"state", left(Reason::State)},
                                     {"unselected", counts.unselected},
                                     {"value_bytes_after", after.values},
                                     {"value_bytes_before", before.values},
                                     {"weight_bytes_after", after.weights},
                                     {"weight_bytes_before", before.weights}}));
}
