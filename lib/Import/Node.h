//===- Node.h - what an import rule works with ----------------------------===//
#ifndef CINCH_LIB_IMPORT_NODE_H
#define CINCH_LIB_IMPORT_NODE_H

#include "dialects/Graph/ShapeInference.h"
#include "lib/Import/Schemas.h"
#include "lib/Import/Tensors.h"
#include "mlir/IR/Builders.h"

namespace cinch::import {

class Importer;
using mlir::ArrayRef;
using mlir::LogicalResult;
using mlir::RankedTensorType;
using mlir::SmallVector;
using mlir::StringRef;
using mlir::Type;
using mlir::Value;
using Ints = SmallVector<int64_t, 6>;

/// begin, begin + 1, ..., end - 1.
inline Ints makeRange(int64_t begin, int64_t end) {
  Ints range;
  for (; begin < end; ++begin)
    range.push_back(begin);
  return range;
}

/// One ONNX node during import: its inputs and attributes, and builders for
/// graph operations. Builders infer result shapes and name values: the
/// operation whose result becomes an output gets the output's ONNX name, others
/// `output/kind`. After a failure builders return an operand unchanged, so
/// rules need not check every step.
class Node {
public:
  Node(Importer &importer, const onnx::NodeProto &proto, const Schema *schema,
       int64_t opset);

  Importer &importer;
  const onnx::NodeProto &proto;
  const Schema *schema; ///< null for operators outside the standard
  const int64_t opset;
  SmallVector<Value> inputs; ///< null where an optional input is left out
  SmallVector<Value> outputs;
  bool failed = false;
  bool inlined = false; ///< outputs are named by the body of a function
  mlir::DenseSet<Value> created; ///< results of operations made for this node

  // -- Inputs --
  bool has(size_t index) const {
    return index < inputs.size() && inputs[index];
  }
  Value in(size_t index) const { return has(index) ? inputs[index] : Value(); }
  bool wants(int index) const; ///< output `index` is used by the model

  // -- Attributes --
  const onnx::AttributeProto *attribute(StringRef name) const;
  int64_t getInt(StringRef name, int64_t otherwise) const;
  double getFloat(StringRef name, double otherwise) const;
  StringRef getString(StringRef name, StringRef otherwise) const;
  std::optional<Ints> getInts(StringRef name) const;
  Ints getInts(StringRef name, size_t count, int64_t otherwise) const;

  // -- Types, shapes, contents --
  RankedTensorType type(Value value) const;
  int64_t rank(Value value) const { return type(value).getRank(); }
  Type elem(Value value) const { return type(value).getElementType(); }
  bool isFloat(Value value) const {
    return mlir::isa<mlir::FloatType>(elem(value));
  }
  bool isUnsigned(Value value) const { return elem(value).isUnsignedInteger(); }
  const graph::ValueShape *shape(Value value) const;
  std::optional<int64_t> dim(Value value, int64_t axis) const; ///< if constant
  /// The elements of an integer or bool tensor, if known now.
  std::optional<Ints> constantInts(Value value) const;
  /// The contents are known, perhaps as expressions over the dimensions.
  bool isKnown(Value value) const;
  std::optional<SmallVector<double>> constantFloats(Value value) const;
  /// `requireInts`: reports the input as one that must be constant.
  std::optional<Ints> requireInts(size_t index, StringRef what);
  /// Makes a negative axis positive; reports one that is out of range.
  bool normalizeAxis(int64_t &axis, int64_t rank);
  bool normalizeAxes(Ints &axes,
                     int64_t rank); ///< also sorts; repetitions are errors
  /// Attribute `axes`, or the constant input `index` from `inputSince` on.
  std::optional<Ints> axes(size_t index, int64_t inputSince, bool &ok);
  /// Static dims that the model declares for output `index`.
  std::optional<Ints> declaredDims(int index) const;

  // -- What is only declared. The run fails where the model computes something
  // else: a shape that is taken from a declaration must pass one of these.
  /// `actual`, an integer or float tensor of static size, has the elements
  /// `expected`. The message names `what` and the numbers `shown`, by default
  /// the expected ones.
  void expect(Value actual, ArrayRef<int64_t> expected, StringRef what,
              std::optional<ArrayRef<int64_t>> shown = std::nullopt);
  /// `axes`, counted from the end if negative, are the axes `expected` of
  /// `rank`.
  void expectAxes(Value axes, ArrayRef<int64_t> expected, int64_t rank);
  /// `larger` without the axes `axes`, all of dimension 1, is `smaller`; one of
  /// them is `declared`.
  void expectSqueezed(ArrayRef<int64_t> larger, Value axes,
                      ArrayRef<int64_t> smaller, ArrayRef<int64_t> declared);

  // -- Builders --
  template <typename Op, typename... Args>
  Value make(Type element, Args &&...args) {
    if (failed)
      return fallback(element);
    auto op = Op::create(builder(), location(), unranked(element),
                         std::forward<Args>(args)...);
    return finish(op)[0];
  }
  template <typename Op, typename... Args>
  SmallVector<Value> makeMany(ArrayRef<Type> elements, Args &&...args) {
    SmallVector<Value> results;
    if (failed) {
      for (Type element : elements)
        results.push_back(fallback(element));
      return results;
    }
    SmallVector<Type> types;
    for (Type element : elements)
      types.push_back(unranked(element));
    return finish(Op::create(builder(), location(), mlir::TypeRange(types),
                             std::forward<Args>(args)...));
  }
  template <typename Op> Value unary(Value input) {
    return make<Op>(elem(input), input);
  }
  template <typename Op> Value binary(Value a, Value b) {
    return make<Op>(elem(a), a, b);
  }
  Value add(Value a, Value b) { return binary<graph::AddOp>(a, b); }
  Value sub(Value a, Value b) { return binary<graph::SubOp>(a, b); }
  Value mul(Value a, Value b) { return binary<graph::MulOp>(a, b); }
  Value div(Value a, Value b) { return binary<graph::DivOp>(a, b); }
  Value max(Value a, Value b) { return binary<graph::MaxOp>(a, b); }
  Value min(Value a, Value b) { return binary<graph::MinOp>(a, b); }
  Value compare(graph::Predicate predicate, Value a, Value b);
  Value select(Value condition, Value a, Value b);
  Value cast(Value input, Type element);
  template <typename Op>
  Value reduce(Value input, ArrayRef<int64_t> axes, bool keepDims = true) {
    return make<Op>(elem(input), input, axes, keepDims);
  }
  Value constant(mlir::TypedAttr value);
  Value scalar(Type element, double value); ///< rank 0
  Value like(Value of, double value) { return scalar(elem(of), value); }
  Value integer(int64_t value);         ///< rank 0, i64
  Value ints(ArrayRef<int64_t> values); ///< rank 1, i64
  Value shapeOf(Value input, int64_t start, int64_t end);
  Value reshape(Value input, Value shape);
  Value reshape(Value input, ArrayRef<int64_t> shape) {
    return reshape(input, ints(shape));
  }
  Value squeeze(Value input, ArrayRef<int64_t> axes);
  Value unsqueeze(Value input, ArrayRef<int64_t> axes);
  Value transpose(Value input, ArrayRef<int64_t> permutation);
  Value broadcast(Value input, Value shape);
  Value concat(ArrayRef<Value> inputs, int64_t axis);
  Value slice(Value input, int64_t axis, int64_t start, int64_t end);
  Value matmul(Value lhs, Value rhs, bool transposeLhs = false,
               bool transposeRhs = false);
  /// The number of elements of `axes`, as a scalar of `element`.
  Value count(Value input, ArrayRef<int64_t> axes, Type element);
  /// `input` with axes of 1 appended until it has `rank` axes with its own at
  /// `axis`.
  Value alignChannel(Value input, int64_t rank, int64_t axis = 1);

  // -- End of a rule --
  LogicalResult result(Value value) { return result(ArrayRef<Value>(value)); }
  LogicalResult result(ArrayRef<Value> values);
  LogicalResult unsupported(const llvm::Twine &message);
  LogicalResult invalid(const llvm::Twine &message);

  mlir::OpBuilder &builder();
  mlir::Location location();
  mlir::MLIRContext *context();
  SmallVector<Value> finish(mlir::Operation *op);

private:
  static Type unranked(Type element) {
    return mlir::UnrankedTensorType::get(element);
  }
  Value fallback(Type element);
};

/// Builds the operations of one node; returns failure after reporting.
using Rule = LogicalResult (*)(Node &);
using RuleTable = llvm::StringMap<Rule>;

void addActivationRules(RuleTable &rules);
void addContractionRules(RuleTable &rules);
void addControlFlowRules(RuleTable &rules);
void addElementwiseRules(RuleTable &rules);
void addIndexingRules(RuleTable &rules);
void addAttentionRules(RuleTable &rules);
void addLossRules(RuleTable &rules);
void addMovementRules(RuleTable &rules);
void addNormalizationRules(RuleTable &rules);
void addPackedWeightRules(RuleTable &rules);
void addPoolingRules(RuleTable &rules);
void addQuantizationRules(RuleTable &rules);
void addRecurrenceRules(RuleTable &rules);
void addReductionRules(RuleTable &rules);
void addResizeRules(RuleTable &rules);
void addSlicingRules(RuleTable &rules);
/// Operators that cannot be imported, by reason.
void addRefusals(llvm::StringMap<StringRef> &reasons);
/// The rules by operator, of another domain than the default one behind
/// `domain:`. Such operators have no schema: their rules check all by
/// themselves.
const RuleTable &getRules();

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_NODE_H
