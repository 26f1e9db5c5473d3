//===- CodedOperand.cpp - operands of products in few bits ----------------===//
#include "lib/Lowering/KernelToGPU/CodedOperand.h"

#include "dialects/Exec/KernelMarks.h"
#include "dialects/Graph/ElementTypes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace cinch;

int64_t CodedOperand::getBits() const { return graph::getStorageBits(type); }
bool CodedOperand::isSigned() const {
  return isa<IntegerType>(type) && !type.isUnsignedInteger();
}

/// `index`, a value in the body of an operation, as an expression of its loops;
/// null where it is none.
static AffineExpr getExpr(Value index) {
  MLIRContext *context = index.getContext();
  if (auto number = getConstantIntValue(index))
    return getAffineConstantExpr(*number, context);
  if (auto loop = index.getDefiningOp<linalg::IndexOp>())
    return getAffineDimExpr(loop.getDim(), context);
  auto divide = index.getDefiningOp<arith::DivUIOp>();
  if (!divide)
    return nullptr;
  AffineExpr of = getExpr(divide.getLhs());
  auto by = getConstantIntValue(divide.getRhs());
  return of && by && *by > 0 ? of.floorDiv(*by) : nullptr;
}

namespace {
/// Finds the parts of an operand.
class Matcher {
public:
  Matcher(const ContractionRoles &roles, const ContractionOperand &operand,
          ArrayRef<int64_t> alignments)
      : roles(roles), operand(operand), alignments(alignments) {}
  bool match(linalg::GenericOp op, CodedOperand &coded);

private:
  bool setArgument(ContractionOperand &linear, Value value, AffineMap map);
  bool matchParameter(Value value, std::optional<CodeParameter> &parameter);
  std::optional<unsigned> findDepth() const;

  const ContractionRoles &roles;
  const ContractionOperand &operand;
  ArrayRef<int64_t> alignments;
};
} // namespace

/// The loop along the depth, if there is one only.
std::optional<unsigned> Matcher::findDepth() const {
  std::optional<unsigned> depth;
  for (unsigned loop : roles.getLoops(Role::Depth)) {
    if (roles.loops[loop].size == 1)
      continue;
    if (depth)
      return std::nullopt;
    depth = loop;
  }
  return depth;
}

/// Makes `linear` the argument `value`, read at `map` of the role loops.
bool Matcher::setArgument(ContractionOperand &linear, Value value,
                          AffineMap map) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || !isa<func::FuncOp>(argument.getOwner()->getParentOp()))
    return false;
  auto type = cast<RankedTensorType>(argument.getType());
  if (type.getEncoding())
    return false;
  linear.source = argument;
  linear.map = map;
  linear.element = type.getElementType();
  linear.alignment = alignments[argument.getArgNumber()];
  findRuns(roles, linear);
  return linear.isLinear;
}

/// Matches one element of an argument that is read at indices of the loops.
bool Matcher::matchParameter(Value value,
                             std::optional<CodeParameter> &parameter) {
  if (auto widen = value.getDefiningOp();
      isa_and_nonnull<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(widen))
    value = widen->getOperand(0);
  auto extract = value.getDefiningOp<tensor::ExtractOp>();
  if (!extract)
    return false;
  parameter.emplace();
  unsigned numLoops = roles.loops.size();
  std::optional<unsigned> depth = findDepth();
  SmallVector<AffineExpr> places;
  for (Value index : extract.getIndices()) {
    AffineExpr expr = getExpr(index);
    if (!expr)
      return false;
    expr = simplifyAffineExpr(expr.replaceDims(operand.map.getResults()),
                              numLoops, /*numSymbols=*/0);
    auto divide = dyn_cast<AffineBinaryOpExpr>(expr);
    if (divide && depth && expr.getKind() == AffineExprKind::FloorDiv &&
        divide.getLHS() == getAffineDimExpr(*depth, expr.getContext())) {
      parameter->groupSize =
          cast<AffineConstantExpr>(divide.getRHS()).getValue();
      expr = divide.getLHS();
    } else if (llvm::any_of(roles.getLoops(Role::Depth), [&](unsigned loop) {
                 return expr.isFunctionOfDim(loop);
               })) {
      return false;
    }
    places.push_back(expr);
  }
  return setArgument(parameter->operand, extract.getTensor(),
                     AffineMap::get(numLoops, 0, places, extract.getContext()));
}

/// Matches what graph.dequantize is lowered to.
bool Matcher::match(linalg::GenericOp op, CodedOperand &coded) {
  auto mark = op->getAttrOfType<TypeAttr>(exec::decodesAttrName);
  if (!mark || op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
      !op.getIndexingMapMatchingResult(op->getResult(0)).isIdentity())
    return false;
  coded.type = mark.getValue();
  Value value = op.getBlock()->getTerminator()->getOperand(0);
  if (auto narrow = value.getDefiningOp<arith::TruncFOp>())
    value = narrow.getIn();
  if (auto product = value.getDefiningOp<arith::MulFOp>()) {
    value = product.getLhs();
    Value scale = product.getRhs();
    if (auto widen = scale.getDefiningOp<arith::ExtFOp>())
      scale = widen.getIn();
    if (!matchPattern(scale, m_Constant(&coded.number)) &&
        (!matchParameter(scale, coded.scale) ||
         !isa<FloatType>(coded.scale->operand.element)))
      return false;
  }
  if (auto real = value.getDefiningOp<arith::SIToFPOp>())
    if (auto difference = real.getIn().getDefiningOp<arith::SubIOp>())
      if (!matchParameter(difference.getRhs(), coded.zero))
        return false;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  return setArgument(coded.codes, op.getDpsInputs()[0],
                     map.compose(operand.map));
}

std::shared_ptr<const CodedOperand>
CodedOperand::match(const ContractionRoles &roles,
                    const ContractionOperand &operand,
                    ArrayRef<int64_t> alignments) {
  auto op = operand.operand->get().getDefiningOp<linalg::GenericOp>();
  CodedOperand coded;
  if (!op || !Matcher(roles, operand, alignments).match(op, coded))
    return nullptr;
  return std::make_shared<const CodedOperand>(std::move(coded));
}
