//===- Places.cpp - what becomes a kernel, a view, an assembly, a constant ===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/FormGroups.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;
using plan::Expr;

bool cinch::form::isRead(OpOperand &operand) {
  Operation *op = operand.getOwner();
  unsigned number = operand.getOperandNumber();
  if (isa<graph::ShapeOp, graph::SizeOp, graph::EyeOp>(op))
    return false;
  if (isa<graph::ReshapeOp, graph::BroadcastOp, graph::TileOp, graph::SliceOp,
          graph::ResizeOp, graph::TopKOp>(op))
    return number == 0;
  if (isa<graph::PadOp, graph::OneHotOp, graph::RangeOp>(op))
    return number != 1;
  return true;
}

bool cinch::form::isUpdate(Operation *op) {
  auto set = dyn_cast<graph::StepSetOp>(op);
  return set && !ShapeTable::splat(set.getInto());
}

/// Product of the dims from `axis` on.
static Expr countFrom(ArrayRef<Expr> dims, size_t axis) {
  return graph::countElements(dims.drop_front(axis));
}

/// Slices of the outermost dimension that is not 1, in steps of 1.
static std::optional<Expr> getSliceOffset(graph::SliceOp op,
                                          const ShapeTable &shapes) {
  ArrayRef<Expr> in = shapes.get(op.getInput()).dims,
                 out = shapes.get(op.getResult()).dims;
  std::optional<int64_t> sliced;
  std::optional<Expr> start;
  auto starts = shapes.contents(op.getStarts());
  for (auto [number, axis] : llvm::enumerate(op.getAxes())) {
    if (in[axis] == out[axis] && op.getSteps()[number] == 1)
      continue; // all of it
    if (op.getSteps()[number] != 1 || sliced || !starts)
      return std::nullopt;
    sliced = axis;
    start = (*starts)[number];
  }
  if (!sliced)
    return Expr(0);
  for (int64_t axis = 0; axis < *sliced; ++axis)
    if (in[axis] != Expr(1))
      return std::nullopt;
  plan::Interval range = start->bounds(
      [](std::string_view) { return plan::Interval{0, std::nullopt}; });
  if (range.low && *range.low >= 0)
    start = Expr::min(*start, in[*sliced]);
  else if (range.high && *range.high < 0)
    start = Expr::max(*start + in[*sliced], Expr(0));
  else
    return std::nullopt;
  return *start * countFrom(in, *sliced + 1);
}

/// True if only axes of dimension 1 move.
static bool keepsOrder(ArrayRef<int64_t> permutation, ArrayRef<Expr> dims) {
  int64_t last = -1;
  for (int64_t axis : permutation) {
    if (dims[axis] == Expr(1))
      continue;
    if (axis < last)
      return false;
    last = axis;
  }
  return true;
}

bool cinch::form::hasPackedResult(Operation *op) {
  return llvm::any_of(op->getResultTypes(), [](Type type) {
    return graph::isPacked(getElementTypeOrSelf(type));
  });
}

/// True if `count` elements of the type of `value` are whole bytes, whatever
/// the sizes.
static bool areWholeBytes(Value value, const Expr &count) {
  int64_t perByte =
      graph::getElementsPerByte(getElementTypeOrSelf(value.getType()));
  return perByte == 1 || count.exactDiv(Expr(perByte));
}

/// The offset of the result of `op` in its operand; nullopt if it is no view.
static std::optional<Expr> findViewOffset(Operation *op,
                                          const ShapeTable &shapes) {
  if (isa<graph::ReshapeOp, graph::SqueezeOp, graph::UnsqueezeOp,
          graph::FlattenOp>(op))
    return Expr(0);
  if (auto slice = dyn_cast<graph::SliceOp>(op))
    return getSliceOffset(slice, shapes);
  bool isView = false;
  if (auto transpose = dyn_cast<graph::TransposeOp>(op))
    isView = keepsOrder(transpose.getPermutation(),
                        shapes.get(transpose.getInput()).dims);
  else if (isa<graph::BroadcastOp, graph::TileOp>(op))
    isView = graph::countElements(shapes.get(op->getOperand(0)).dims) ==
             graph::countElements(shapes.get(op->getResult(0)).dims);
  else if (isa<graph::CastOp>(op))
    isView = op->getOperand(0).getType() == op->getResult(0).getType();
  else if (auto concat = dyn_cast<graph::ConcatOp>(op))
    isView = concat.getInputs().size() == 1;
  return isView ? std::optional<Expr>(0) : std::nullopt;
}

std::optional<Expr> cinch::form::getViewOffset(Operation *op,
                                               const ShapeTable &shapes) {
  std::optional<Expr> offset = findViewOffset(op, shapes);
  if (!offset || !areWholeBytes(op->getResult(0), *offset))
    return std::nullopt;
  // What ends within a byte has other elements behind it, where 0 is promised.
  Expr count = graph::countElements(shapes.get(op->getResult(0)).dims);
  bool isAll =
      count == graph::countElements(shapes.get(op->getOperand(0)).dims);
  if (!isAll && !areWholeBytes(op->getResult(0), count))
    return std::nullopt;
  return offset;
}

/// Concatenations along the outermost dimension that is not 1.
static bool isAssembly(Operation *op, const ShapeTable &shapes) {
  auto concat = dyn_cast<graph::ConcatOp>(op);
  if (!concat)
    return false;
  ArrayRef<Expr> dims = shapes.get(concat.getResult()).dims;
  for (Value input : concat.getInputs())
    if (!areWholeBytes(input, graph::countElements(shapes.get(input).dims)))
      return false;
  return llvm::all_of(dims.take_front(concat.getAxis()),
                      [](const Expr &dim) { return dim == Expr(1); });
}

Place cinch::form::getPlace(Operation *op, const ShapeTable &shapes) {
  if (isa<graph::ConstantOp>(op))
    return Place::Constant;
  if (isa<graph::ExpectOp>(op)) // though its contents are known
    return Place::Kernel;
  bool isShape = llvm::all_of(op->getResults(), [&](Value result) {
    auto type = cast<RankedTensorType>(result.getType());
    return shapes.contents(result) && type.hasStaticShape() &&
           isa<IntegerType>(type.getElementType()) &&
           !graph::isPacked(type.getElementType());
  });
  if (isShape)
    return Place::Shape;
  if (getViewOffset(op, shapes))
    return Place::View;
  return isAssembly(op, shapes) ? Place::Assemble : Place::Kernel;
}
