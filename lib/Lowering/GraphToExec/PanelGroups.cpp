//===- PanelGroups.cpp - what is computed in front of a contraction -------===//
//
// An operand that is small in memory, and large as the contraction reads it, is
// computed where its panels are packed: it takes neither memory nor bandwidth.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/Grouping.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// Most columns of a matmul whose rows are computed as they are packed.
static constexpr int64_t maxPanelReuse = 256;

/// True if `op` makes an operand of the matmul of `cluster` that is cheaper to
/// compute while panels are packed than to store.
bool Grouping::mayJoinPanel(Operation *op, const Cluster &cluster) const {
  auto matmul = dyn_cast_or_null<graph::MatmulOp>(cluster.contraction);
  if (!matmul || cluster.isAttention || !op->hasOneUse() ||
      !isExpansion(op, shapes))
    return false;
  Operation *user = *op->user_begin();
  if (user != matmul)
    return user->getBlock() == op->getBlock() && mayJoinPanel(user, cluster);
  // Each block of columns packs the rows again.
  bool isLhs = matmul.getLhs() == op->getResult(0);
  auto type = cast<RankedTensorType>(
      (isLhs ? matmul.getRhs() : matmul.getLhs()).getType());
  int64_t free = type.getDimSize(isLhs ? type.getRank() - 1 : 0);
  return type.getRank() == 2 && !ShapedType::isDynamic(free) &&
         free <= maxPanelReuse;
}

bool cinch::form::isDecoded(Operation *op) {
  if (isa<graph::UnpackOp>(op))
    return true;
  if (!isa<graph::DequantizeOp, graph::CastOp>(op))
    return false;
  Type from = getElementTypeOrSelf(op->getOperand(0).getType()),
       to = getElementTypeOrSelf(op->getResult(0).getType());
  unsigned bits = graph::getStorageBits(from);
  return isa<FloatType>(to) && !graph::isNarrowFloat(to) && bits != 0 &&
         bits <= 8 && !from.isInteger(1);
}

bool cinch::form::readsDecoded(OpOperand &operand) {
  if (isa<graph::MatmulOp>(operand.getOwner()))
    return true;
  if (operand.get().getDefiningOp<graph::UnpackOp>())
    return isa<graph::DequantizeOp>(operand.getOwner());
  // Of few channels a group sums in registers, from operands in memory.
  auto conv = dyn_cast<graph::ConvOp>(operand.getOwner());
  return conv && conv.getGroup() == 1 && operand.getOperandNumber() < 2;
}

/// True if `op` widens elements of few bits for a contraction of `cluster`,
/// which reads them through movement at most.
bool Grouping::isDecoding(Operation *op, const Cluster &cluster) const {
  if (!cluster.contraction || !isDecoded(op))
    return false;
  while (op->hasOneUse()) {
    OpOperand &use = *op->use_begin();
    bool isScores = cluster.isAttention &&
                    attentions.lookup(cluster.contraction) == use.getOwner();
    if (use.getOwner() == cluster.contraction || isScores)
      return readsDecoded(use);
    op = use.getOwner();
    bool isPart = readThrough.contains(op)
                      ? parts.lookup(op) == cluster.contraction
                      : isa<graph::DequantizeOp>(op);
    if (!isPart)
      return false;
  }
  return false;
}

/// True if `op` computes what is widened in front of the contraction: it would
/// be computed as often as that is packed.
bool Grouping::feedsDecoding(Operation *op, const Cluster &cluster) const {
  return llvm::any_of(op->getUsers(), [&](Operation *user) {
    return isDecoding(user, cluster);
  });
}
