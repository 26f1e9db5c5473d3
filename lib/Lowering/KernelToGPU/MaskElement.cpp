//===- MaskElement.cpp - what is known of an element of a mask ------------===//
//
// Follows a tensor to what it is computed of, through kernel bodies and views,
// for one element whose indices are symbols. What is not understood is unknown.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/MaskElement.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "passes/Memory/Program.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

std::optional<SmallVector<Expr, 4>> cinch::getProgramDims(Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  if (type.hasStaticShape())
    return llvm::to_vector_of<Expr, 4>(type.getShape());
  ArrayAttr dims;
  if (auto argument = dyn_cast<BlockArgument>(v)) {
    if (auto function =
            dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
      dims = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                  "graph.dims");
  } else if (auto all = v.getDefiningOp()->getAttrOfType<ArrayAttr>("dims")) {
    unsigned number = cast<OpResult>(v).getResultNumber();
    dims = number < all.size() ? dyn_cast<ArrayAttr>(all[number]) : ArrayAttr();
  }
  if (!dims)
    return std::nullopt;
  std::optional<memory::Dims> parsed = memory::parseDims(dims);
  return parsed && int64_t(parsed->size()) == type.getRank() ? parsed
                                                             : std::nullopt;
}

/// The element of a view of `input` in the shape of `result`, if they differ in
/// dimensions of 1 only.
static MaskElement getViewElement(exec::ViewOp view,
                                  ArrayRef<MaskElement> indices) {
  auto from = getProgramDims(view.getInput()),
       to = getProgramDims(view.getResult());
  if (!from || !to || view.getOffset() != "0")
    return {};
  MaskElements inner(from->size(), MaskElement::number(0));
  size_t axis = 0;
  for (auto [size, index] : llvm::zip(*to, indices)) {
    if (size == Expr(1))
      continue;
    while (axis < from->size() && (*from)[axis] == Expr(1))
      ++axis;
    if (axis == from->size() || (*from)[axis] != size)
      return {};
    inner[axis++] = index;
  }
  for (; axis < from->size(); ++axis)
    if ((*from)[axis] != Expr(1))
      return {};
  return getProgramElement(view.getInput(), inner);
}

static MaskElement parseNumber(StringRef text) {
  auto value = Expr::parse(std::string_view(text.data(), text.size()));
  return value ? MaskElement::number(*value) : MaskElement();
}

MaskElement cinch::getProgramElement(Value tensor,
                                     ArrayRef<MaskElement> indices) {
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return {};
  if (auto weight = dyn_cast<exec::WeightOp>(op))
    return getConstantElement(cast<TypedAttr>(weight.getValue()), indices);
  if (auto view = dyn_cast<exec::ViewOp>(op))
    return getViewElement(view, indices);
  if (auto shape = dyn_cast<exec::ShapeOp>(op))
    return shape.getElements().size() == 1
               ? parseNumber(
                     cast<StringAttr>(shape.getElements()[0]).getValue())
               : MaskElement();
  auto call = dyn_cast<exec::KernelOp>(op);
  if (!call || !call.getUpdates().empty())
    return {};
  auto body = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  if (!body || !body.getBody().hasOneBlock() ||
      body->hasAttr(exec::appendAttrName))
    return {};
  unsigned number = cast<OpResult>(tensor).getResultNumber();
  return getBodyElement(
      call, body.getBody().front().getTerminator()->getOperand(number),
      indices);
}

/// Where both hide: the later threshold; nullopt if that is not known. Minus
/// infinity hides everywhere.
static std::optional<MaskElement> getLater(const MaskElement &a,
                                           const MaskElement &b) {
  if (a.kind == MaskElement::Lowest || b.kind == MaskElement::Lowest)
    return a.kind == MaskElement::Lowest ? b : a;
  auto x = a.value.asConstant(), y = b.value.asConstant();
  if (a.value == b.value || (x && y))
    return x && y && *x < *y ? b : a;
  return std::nullopt;
}

static bool hides(const MaskElement &element) {
  return element.kind == MaskElement::Hidden ||
         element.kind == MaskElement::Lowest;
}

static MaskElement select(const MaskElement &condition, const MaskElement &a,
                          const MaskElement &b) {
  // One of the values is taken from the threshold on.
  for (auto [kind, value] :
       {std::pair(MaskElement::Hidden, &b), std::pair(MaskElement::Shown, &a)})
    if (condition.kind == kind && hides(*value))
      if (auto later = getLater(
              {MaskElement::Hidden, MaskElement::Nothing, condition.value},
              *value))
        return *later;
  if (hides(a) && hides(b))
    return getLater(a, b).value_or(MaskElement());
  return {};
}

/// `a <= b + slack` of integers: false, or true, where the key is far enough
/// behind the query.
static MaskElement isAtMost(const MaskElement &a, const MaskElement &b,
                            int64_t slack) {
  if (a.kind != MaskElement::Number || b.kind != MaskElement::Number)
    return {};
  if (a.of == MaskElement::Key && b.of == MaskElement::Query)
    return {MaskElement::Hidden, MaskElement::Nothing,
            b.value - a.value + Expr(slack)};
  if (a.of == MaskElement::Query && b.of == MaskElement::Key)
    return {MaskElement::Shown, MaskElement::Nothing,
            a.value - b.value - Expr(slack + 1)};
  return {};
}

static MaskElement compare(arith::CmpIPredicate predicate, const MaskElement &a,
                           const MaskElement &b) {
  switch (predicate) {
  case arith::CmpIPredicate::sle:
    return isAtMost(a, b, 0);
  case arith::CmpIPredicate::slt:
    return isAtMost(a, b, -1);
  case arith::CmpIPredicate::sge:
    return isAtMost(b, a, 0);
  case arith::CmpIPredicate::sgt:
    return isAtMost(b, a, -1);
  default:
    return {};
  }
}

static MaskElement getConstant(Value value) {
  llvm::APInt integer;
  if (!value.getType().isInteger(1) &&
      matchPattern(value, m_ConstantInt(&integer)))
    return MaskElement::number(integer.getSExtValue());
  return matchPattern(value, m_NegInfFloat())
             ? MaskElement{MaskElement::Lowest, MaskElement::Nothing, 0}
             : MaskElement();
}

/// What `op` makes of `in`.
static MaskElement combine(Operation &op, ArrayRef<MaskElement> in) {
  auto areNumbers = [&] {
    return in[0].kind == MaskElement::Number &&
           in[1].kind == MaskElement::Number;
  };
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return in[0].kind == MaskElement::Number ? in[0] : MaskElement();
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return in[0];
  if (isa<arith::AddIOp>(op) && areNumbers() &&
      (in[0].of == MaskElement::Nothing || in[1].of == MaskElement::Nothing))
    return MaskElement::number(in[0].value + in[1].value,
                               in[0].of ? in[0].of : in[1].of);
  if (isa<arith::SubIOp>(op) && areNumbers() &&
      in[1].of == MaskElement::Nothing)
    return MaskElement::number(in[0].value - in[1].value, in[0].of);
  if (isa<arith::MulIOp>(op) && areNumbers())
    for (int factor : {0, 1})
      if (in[factor].of == MaskElement::Nothing && in[factor].value == Expr(1))
        return in[1 - factor];
  if (auto compared = dyn_cast<arith::CmpIOp>(op))
    return compare(compared.getPredicate(), in[0], in[1]);
  if (isa<arith::XOrIOp>(op) && op.getResult(0).getType().isInteger(1) &&
      matchPattern(op.getOperand(1), m_One())) {
    if (in[0].kind == MaskElement::Hidden)
      return {MaskElement::Shown, MaskElement::Nothing, in[0].value};
    if (in[0].kind == MaskElement::Shown)
      return {MaskElement::Hidden, MaskElement::Nothing, in[0].value};
    return {};
  }
  if (isa<arith::SelectOp>(op))
    return select(in[0], in[1], in[2]);
  // Minus infinity stays what it is, whatever is added.
  if (isa<arith::AddFOp>(op) ||
      (isa<arith::AndIOp>(op) && op.getResult(0).getType().isInteger(1)))
    return hides(in[0]) ? in[0] : hides(in[1]) ? in[1] : MaskElement();
  return {};
}

/// What generic `op`, all of whose loops are parallel, yields as its result
/// number `number`.
static MaskElement getGenericElement(exec::KernelOp call, linalg::GenericOp op,
                                     unsigned number,
                                     ArrayRef<MaskElement> indices) {
  MaskElements loops(op.getNumLoops(), MaskElement::number(0));
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(number));
  for (auto [expr, index] : llvm::zip(map.getResults(), indices))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = index;
  llvm::DenseMap<Value, MaskElement> known;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (argument.use_empty() || !isa<RankedTensorType>(input->get().getType()))
      continue;
    MaskElements at;
    for (AffineExpr expr : op.getMatchingIndexingMap(input).getResults()) {
      at.emplace_back();
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        at.back() = loops[dim.getPosition()];
      else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
        at.back() = MaskElement::number(constant.getValue());
    }
    known[argument] = getBodyElement(call, input->get(), at);
  }
  auto get = [&](Value value) {
    auto found = known.find(value);
    return found == known.end() ? getConstant(value) : found->second;
  };
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (inner.getNumResults() != 1 || inner.getNumRegions() != 0)
      continue;
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      known[index.getResult()] = loops[index.getDim()];
    else if (!inner.hasTrait<OpTrait::ConstantLike>() &&
             inner.getNumOperands() != 0)
      known[inner.getResult(0)] =
          combine(inner, llvm::map_to_vector(inner.getOperands(), get));
  }
  return get(op.getBlock()->getTerminator()->getOperand(number));
}

MaskElement cinch::getBodyElement(exec::KernelOp call, Value tensor,
                                  ArrayRef<MaskElement> indices) {
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    unsigned number = argument.getArgNumber();
    return number < call.getInputs().size()
               ? getProgramElement(call.getInputs()[number], indices)
               : MaskElement();
  }
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumReductionLoops() != 0)
    return {};
  return getGenericElement(call, op, cast<OpResult>(tensor).getResultNumber(),
                           indices);
}
