//===- LinearOperand.cpp - operands as sums of multiples of loops ---------===//
#include "lib/Lowering/KernelToGPU/ContractionRoles.h"

using namespace mlir;
using namespace cinch;

/// Adds `factor` times the loops in `expr` to `terms`, whose last element is
/// the constant; false if that is not all that `expr` is.
static bool addTerms(AffineExpr expr, int64_t factor,
                     MutableArrayRef<int64_t> terms) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    terms.back() += factor * number.getValue();
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    terms[dim.getPosition()] += factor;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return addTerms(binary.getLHS(), factor, terms) &&
           addTerms(binary.getRHS(), factor, terms);
  auto number = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && number &&
         addTerms(binary.getLHS(), factor * number.getValue(), terms);
}

void cinch::findRuns(const ContractionRoles &roles,
                     ContractionOperand &operand) {
  auto type = cast<RankedTensorType>(operand.source.getType());
  int64_t stride = 1;            // of the axis; 0: unknown
  std::optional<unsigned> inner; // the loop that the axis behind is
  for (size_t axis = type.getRank(); axis-- > 0;) {
    SmallVector<int64_t> terms(roles.loops.size() + 1, 0);
    AffineExpr expr = operand.map.getResult(axis);
    if (!addTerms(expr, 1, terms))
      return;
    std::optional<unsigned> plain;
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      plain = dim.getPosition();
    // The loops of a role in front of each other, as axes in front of each
    // other; a unit axis in between is no matter.
    bool continues = plain && inner && *plain + 1 == *inner &&
                     roles.loops[*plain].role == roles.loops[*inner].role;
    if (continues) {
      LinearRun &run = operand.runs.back();
      run.loops.insert(run.loops.begin(), *plain);
    } else {
      for (unsigned loop = 0; loop < roles.loops.size(); ++loop) {
        if (terms[loop] == 0)
          continue;
        if (stride == 0)
          return;
        operand.runs.push_back({{loop}, terms[loop] * stride});
      }
      if (terms.back() != 0 && stride == 0)
        return;
      operand.constant += terms.back() * stride;
    }
    int64_t size = type.getDimSize(axis);
    bool isWhole =
        plain && (roles.loops[*plain].size ? *roles.loops[*plain].size == size
                                           : ShapedType::isDynamic(size));
    if (size != 1)
      inner = isWhole ? plain : std::nullopt;
    stride = ShapedType::isDynamic(size) ? 0 : stride * size;
  }
  operand.isLinear = true;
}
