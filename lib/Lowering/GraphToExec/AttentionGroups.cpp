//===- AttentionGroups.cpp - attention written out ------------------------===//
//
// Exporters write softmax(f(q kᵀ)) v in many ways; all have in common that the
// scores are used by nothing else. So f may be any chain of element-wise
// operations of the shape of the scores.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/AttentionGroups.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "lib/Lowering/GraphToExec/Scalars.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// Largest head: a block of queries and its results stay on the stack.
static constexpr int64_t maxHeadSize = 256;
/// Most operations between the scores and the softmax.
static constexpr unsigned maxChain = 8;

namespace {

class Finder {
public:
  Finder(const ShapeTable &shapes, const DenseSet<Operation *> &live)
      : shapes(shapes), live(live) {}

  SmallVector<Operation *> find(graph::MatmulOp product);

private:
  ArrayRef<Expr> dims(Value value) const { return shapes.get(value).dims; }
  bool hasOneReader(Value value) const {
    return countReaders(value, live) == 1;
  }
  bool isScores(graph::MatmulOp op) const;
  bool collect(Value value, unsigned depth);

  const ShapeTable &shapes;
  const DenseSet<Operation *> &live;
  SmallVector<Operation *> found; ///< from the softmax to the scores
  ArrayRef<Expr> scoreDims;
};

} // namespace

/// Whether `value` is computed in f32.
static bool isF32(Value value) {
  return getComputeType(getElementTypeOrSelf(value.getType())).isF32();
}

static bool isSmall(const Expr &size) {
  auto number = size.asConstant();
  return number && *number > 0 && *number <= maxHeadSize;
}

bool Finder::isScores(graph::MatmulOp op) const {
  ArrayRef<Expr> lhs = dims(op.getLhs()), rhs = dims(op.getRhs());
  if (!isF32(op.getLhs()) || lhs.size() < 2 || rhs.size() < 2 ||
      dims(op.getResult()) != scoreDims)
    return false;
  return isSmall(lhs[lhs.size() - (op.getTransposeLhs() ? 2 : 1)]);
}

/// Collects what `value` is computed by, down to the matmul of the scores.
bool Finder::collect(Value value, unsigned depth) {
  Operation *op = value.getDefiningOp();
  const Lowering *lowering = op ? LoweringTable::get().find(op) : nullptr;
  if (!lowering || depth > maxChain || !live.contains(op) ||
      op->getBlock() != found.front()->getBlock() || op->getNumResults() != 1 ||
      dims(value) != scoreDims || !isF32(value) || !hasOneReader(value))
    return false;
  found.push_back(op);
  if (auto matmul = dyn_cast<graph::MatmulOp>(op)) {
    if (isScores(matmul))
      return true;
  } else if (lowering->opClass == OpClass::Elementwise) {
    for (Value operand : op->getOperands())
      if (collect(operand, depth + 1))
        return true;
  }
  found.pop_back();
  return false;
}

SmallVector<Operation *> Finder::find(graph::MatmulOp product) {
  auto rounding = product.getLhs().getDefiningOp<graph::CastOp>();
  if (rounding && (!live.contains(rounding) || !isF32(rounding.getInput()) ||
                   rounding->getBlock() != product->getBlock() ||
                   !hasOneReader(rounding.getResult())))
    return {};
  Value probabilities = rounding ? rounding.getInput() : product.getLhs();
  auto softmax = probabilities.getDefiningOp<graph::SoftmaxOp>();
  if (!softmax || product.getTransposeLhs() || !live.contains(softmax) ||
      softmax->getBlock() != product->getBlock() || !isF32(product.getLhs()) ||
      !hasOneReader(softmax.getResult()))
    return {};
  scoreDims = dims(softmax.getResult());
  ArrayRef<Expr> resultDims = dims(product.getResult());
  size_t rank = scoreDims.size();
  if (rank < 2 || static_cast<size_t>(softmax.getAxis()) != rank - 1 ||
      resultDims.size() != rank || !isSmall(resultDims.back()) ||
      dims(product.getRhs()).size() < 2 ||
      resultDims.drop_back() != scoreDims.drop_back())
    return {};
  found = {softmax};
  if (!collect(softmax.getInput(), 0))
    return {};
  std::reverse(found.begin(), found.end());
  if (rounding)
    found.push_back(rounding);
  found.push_back(product);
  return found;
}

SmallVector<Operation *>
cinch::form::findAttention(graph::MatmulOp product, const ShapeTable &shapes,
                           const DenseSet<Operation *> &live) {
  return Finder(shapes, live).find(product);
}
