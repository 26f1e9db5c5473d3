//===- StepGroups.cpp - which operations of a step share a kernel ---------===//
//
// A kernel that rounds rows by scales that it computes has the scales and the
// exact values as more results; one that rounds a value in several ways, all of
// them.
//
// In the body of a loop kernels are small and calls count. So an element-wise
// operation may join the group of some of its users although others read it
// too, if they come after the root: it is one more result. And several matmuls
// of one shape share a kernel, as the gates of a recurrence do: all products
// are at hand where the elements of the results are computed.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/Grouping.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// Whether `op` rounds rows to scales that are computed from them.
static bool roundsByRow(Operation *op) {
  auto quantize = dyn_cast<graph::QuantizeOp>(op);
  Operation *scale = quantize ? quantize.getScale().getDefiningOp() : nullptr;
  return scale && !isa<graph::ConstantOp>(scale);
}

/// True for what is one more result of a kernel that rounds by rows: the
/// scales, which those who read the integers multiply by, and the exact values,
/// which others read (the sum of a residual network).
bool Grouping::mayBeRowResult(Operation *op, const Lowering &lowering,
                              const Cluster &cluster) const {
  if (cluster.isInLoop || !roundsByRow(cluster.root()) ||
      (lowering.opClass != OpClass::Elementwise &&
       lowering.opClass != OpClass::Reduction))
    return false;
  auto quantize = cast<graph::QuantizeOp>(cluster.root());
  // Rows of elements that share bytes are walked byte by byte.
  auto type = cast<RankedTensorType>(quantize.getType());
  int64_t width = type.getShape().back();
  if (graph::isPacked(type.getElementType()) &&
      (ShapedType::isDynamic(width) || width % graph::maxPerByte != 0 ||
       width > graph::maxPackedRow))
    return false;
  ArrayRef<Expr> own = dims(op), space = dims(cluster.root());
  if (op == quantize.getInput().getDefiningOp())
    return own == space;
  return op == quantize.getScale().getDefiningOp() &&
         own.size() == space.size() && own.back() == Expr(1) &&
         own.drop_back() == space.drop_back();
}

/// True if all that reads `op` from other clusters than `cluster` comes after
/// it.
bool Grouping::isReadBehind(Operation *op, const Cluster &cluster) const {
  return llvm::all_of(op->getUses(), [&](OpOperand &use) {
    Operation *user = op->getBlock()->findAncestorOpInBlock(*use.getOwner());
    if (auto found = clusterOf.find(user); found != clusterOf.end())
      user = clusters[found->second].root();
    else if (!isRead(use))
      return true;
    return user == cluster.root() || cluster.root()->isBeforeInBlock(user);
  });
}

/// The cluster that an operation whose results are also read outside can be
/// part of: the first one that reads it, if all other readers follow that.
std::optional<size_t> Grouping::findClusterOfResult(Operation *op) const {
  std::optional<size_t> first;
  for (Operation *user : op->getUsers())
    if (auto found = clusterOf.find(user);
        found != clusterOf.end() && (!first || found->second > *first))
      first = found->second;
  if (!first ||
      !(clusters[*first].isInLoop || roundsByRow(clusters[*first].root())) ||
      !isReadBehind(op, clusters[*first]))
    return std::nullopt;
  return first;
}

/// The cluster that rounds the value that `op` rounds, too, and computes it:
/// both to static scales, and not where a contraction writes its result.
std::optional<size_t>
Grouping::findClusterOfOtherRounding(Operation *op) const {
  auto own = dyn_cast<graph::QuantizeOp>(op);
  if (!own || roundsByRow(op) || epilogues.contains(op) || hasPackedResult(op))
    return std::nullopt;
  for (Operation *user : own.getInput().getUsers()) {
    auto found = clusterOf.find(user);
    if (user == op || found == clusterOf.end())
      continue;
    const Cluster &cluster = clusters[found->second];
    if (isa<graph::QuantizeOp>(cluster.root()) && !cluster.isInLoop &&
        !cluster.contraction && !cluster.hasMovement &&
        !cluster.writesPacked() && dims(op) == dims(cluster.root()) &&
        cluster.ops.size() < maxOps && isReadBehind(op, cluster))
      return found->second;
  }
  return std::nullopt;
}

/// True if every element of `op` is read at its own place in the space only, by
/// element-wise operations of the cluster.
bool Grouping::isAtOwnPlace(Operation *op, const Cluster &cluster) const {
  SmallVector<Operation *> pending = {op};
  SmallPtrSet<Operation *, 16> seen;
  while (!pending.empty()) {
    Operation *current = pending.pop_back_val();
    bool isSet = current == cluster.root() && isUpdate(current);
    if (!isSet && dims(current) != space(cluster))
      return false;
    if (current != op && !isSet &&
        LoweringTable::get().find(current)->opClass != OpClass::Elementwise)
      return false;
    for (Operation *user : current->getUsers())
      if (llvm::is_contained(cluster.ops, user) && seen.insert(user).second)
        pending.push_back(user);
  }
  return true;
}

/// True for a matmul that can share the tiles of the one of the cluster.
bool Grouping::isSibling(Operation *op, const Cluster &cluster) const {
  auto own = dyn_cast<graph::MatmulOp>(op),
       other = dyn_cast<graph::MatmulOp>(cluster.contraction);
  auto isF32 = [](Value value) {
    return getElementTypeOrSelf(value.getType()).isF32();
  };
  auto isConstant = [](Value value) {
    return value.getDefiningOp<graph::ConstantOp>() != nullptr;
  };
  return own && other && isF32(own.getLhs()) &&
         isConstant(own.getRhs()) == isConstant(other.getRhs()) &&
         dims(own.getRhs()) == dims(other.getRhs()) &&
         dims(own.getLhs()) == dims(other.getLhs()) &&
         own.getTransposeLhs() == other.getTransposeLhs() &&
         own.getTransposeRhs() == other.getTransposeRhs();
}

/// The rules in the body of a loop.
bool Grouping::mayJoinStep(Operation *op, const Lowering &lowering,
                           const Cluster &cluster) const {
  if (cluster.hasReduction || cluster.isAttention || attentions.contains(op))
    return false;
  switch (lowering.opClass) {
  case OpClass::Elementwise:
    return isAtOwnPlace(op, cluster);
  case OpClass::Contraction:
    return isAtOwnPlace(op, cluster) &&
           (!cluster.contraction || isSibling(op, cluster));
  case OpClass::Movement:
    // What the gates read of the projected input.
    return isa<graph::SliceOp, graph::StepGetOp>(op) &&
           llvm::all_of(op->getUsers(), [&](Operation *user) {
             const Lowering *use = LoweringTable::get().find(user);
             return use && (use->opClass == OpClass::Elementwise ||
                            isa<graph::SliceOp>(user));
           });
  case OpClass::Reduction:
  case OpClass::Update:
  case OpClass::Opaque:
    return false;
  }
  llvm_unreachable("unknown class");
}
