//===- Expectations.cpp - checks of what a model only declares ------------===//
//
// Where a shape depends on data but the model declares it, the declaration is
// compiled, and the run compares it with what the model computes.
//
//===----------------------------------------------------------------------===//
#include "lib/Import/Expectations.h"

#include "lib/Import/Importer.h"
#include "lib/Import/Node.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

void Node::expect(Value actual, ArrayRef<int64_t> expected, StringRef what,
                  std::optional<ArrayRef<int64_t>> shown) {
  ArrayRef<int64_t> needed = shown.value_or(expected);
  int64_t count = expected.size();
  RankedTensorType tensor = type(actual);
  if (failed)
    return;
  if (!tensor.hasStaticShape() || tensor.getNumElements() != count) {
    (void)unsupported(Twine(what) + " is only known while the model runs, and "
                                    "so is how many entries it has");
    return;
  }
  std::string message;
  llvm::raw_string_ostream stream(message);
  stream << proto.op_type() << " '" << importer.nodeName << "': " << what
         << " does not fit what the model declares, which needs [";
  llvm::interleaveComma(needed, stream);
  stream << "]";
  if (tensor.getRank() != 1)
    actual = reshape(actual, {count});
  Type i64 = builder().getI64Type();
  make<graph::ExpectOp>(i64, cast(actual, i64), expected, message);
}

/// `axes` as a column [K, 1] of i64 that is not negative unless out of range.
static Value makeColumn(Node &node, Value axes, int64_t rank) {
  Type i64 = node.builder().getI64Type();
  axes = node.reshape(node.cast(axes, i64), {-1, 1});
  Value isNegative = node.compare(graph::Predicate::lt, axes, node.integer(0));
  return node.select(isNegative, node.add(axes, node.integer(rank)), axes);
}

/// How many of the column `axes` are (`eq`) or are below (`lt`) each axis of
/// `rank`: [rank] of i64.
static Value countAxes(Node &node, Value axes, graph::Predicate predicate,
                       int64_t rank) {
  Value hits = node.compare(predicate, axes, node.ints(makeRange(0, rank)));
  return node.reduce<graph::ReduceSumOp>(
      node.cast(hits, node.builder().getI64Type()), {0}, /*keepDims=*/false);
}

void Node::expectAxes(Value axes, ArrayRef<int64_t> expected, int64_t rank) {
  if (failed)
    return;
  Ints mask(rank, 0);
  for (int64_t axis : expected)
    mask[axis] = 1;
  Value column = makeColumn(*this, axes, rank);
  expect(countAxes(*this, column, graph::Predicate::eq, rank), mask, "axes",
         expected);
}

void Node::expectSqueezed(ArrayRef<int64_t> larger, Value axes,
                          ArrayRef<int64_t> smaller,
                          ArrayRef<int64_t> declared) {
  int64_t rank = larger.size(), count = smaller.size();
  if (failed)
    return;
  if (dim(axes, 0) != rank - count) {
    (void)invalid("axes does not have " + Twine(rank - count) +
                  " entries, which the declared shape needs");
    return;
  }
  // An axis that stays takes the next dimension of `smaller`; -1 if there is
  // none.
  Value column = makeColumn(*this, axes, rank);
  Value drops = countAxes(*this, column, graph::Predicate::eq, rank);
  Value before = countAxes(*this, column, graph::Predicate::lt, rank);
  Value next = min(max(sub(ints(makeRange(0, rank)), before), integer(-1)),
                   integer(count));
  Ints table(smaller);
  table.push_back(-1);
  Value kept = make<graph::GatherOp>(builder().getI64Type(), ints(table), next,
                                     int64_t(0));
  Value isKept = compare(graph::Predicate::eq, drops, integer(0));
  expect(select(isKept, kept, integer(1)), larger, "the shape that axes gives",
         declared);
}

/// `shape`, or what is declared for output 0 in its place where its contents
/// are not known. `resolve` computes from it the dimensions that it gives.
static Value refineShape(Node &node, Value shape,
                         llvm::function_ref<Value()> resolve) {
  if (node.isKnown(shape))
    return shape;
  std::optional<Ints> declared = node.declaredDims(0);
  if (!declared)
    return shape;
  // More dimensions than are declared: the declaration says nothing about them,
  // and there may be any number.
  if (std::optional<int64_t> count = node.dim(shape, 0);
      count && *count > static_cast<int64_t>(declared->size()))
    return shape;
  Value resolved = resolve();
  ArrayRef<int64_t> given(*declared);
  if (std::optional<int64_t> count = node.dim(resolved, 0);
      count && *count < static_cast<int64_t>(given.size()))
    given = given.take_back(*count); // Expand may leave axes in front out
  node.expect(resolved, given, "the shape");
  return node.ints(*declared);
}

/// The dimensions that Reshape gives for a `shape` with 0 and -1.
static Value resolveReshape(Node &node, Value input, Value shape,
                            bool allowZero) {
  std::optional<int64_t> count = node.dim(shape, 0);
  if (!count)
    return shape; // refused by the check
  Value zero = node.integer(0), one = node.integer(1);
  if (!allowZero) {
    int64_t rank = node.rank(input), copied = std::min(rank, *count);
    Ints missing(*count - copied, -2); // a 0 there is invalid
    Value own =
        node.concat({node.shapeOf(input, 0, copied), node.ints(missing)}, 0);
    shape = node.select(node.compare(graph::Predicate::eq, shape, zero), own,
                        shape);
  }
  Value isRest = node.compare(graph::Predicate::eq, shape, node.integer(-1));
  Value known = node.reduce<graph::ReduceProdOp>(
      node.select(isRest, one, shape), {0}, /*keepDims=*/false);
  Value total = node.make<graph::SizeOp>(node.builder().getI64Type(), input);
  return node.select(isRest, node.div(total, known), shape);
}

/// The dimensions that Expand gives, as many as `shape` has.
static Value resolveExpand(Node &node, Value input, Value shape) {
  std::optional<int64_t> count = node.dim(shape, 0);
  if (!count)
    return shape; // refused by the check
  int64_t rank = node.rank(input), taken = std::min(rank, *count);
  Value own = node.concat({node.ints(Ints(*count - taken, 1)),
                           node.shapeOf(input, rank - taken, rank)},
                          0);
  Value isOne = node.compare(graph::Predicate::eq, shape, node.integer(1));
  return node.select(isOne, own, shape);
}

Value import::takeDeclaredShape(Node &node, Value shape) {
  return refineShape(node, shape, [&] { return shape; });
}

Value import::takeDeclaredReshape(Node &node, Value input, Value shape,
                                  bool allowZero) {
  return refineShape(node, shape, [&] {
    return resolveReshape(node, input, shape, allowZero);
  });
}

Value import::takeDeclaredExpand(Node &node, Value input, Value shape) {
  return refineShape(node, shape,
                     [&] { return resolveExpand(node, input, shape); });
}
