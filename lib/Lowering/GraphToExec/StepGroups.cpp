//===- StepGroups.cpp - which operations of a step share a kernel ---------===//
//
// In the body of a loop kernels are small and calls count. So an element-wise
// operation may join the group of some of its users although others read it
// too, if they come after the root: it is one more result. And several matmuls
// of one shape share a kernel, as the gates of a recurrence do: all products
// are at hand where the elements of the results are computed.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/Grouping.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// The cluster that an operation whose results are also read outside can be
/// part of: the first one that reads it, if all other readers follow that.
std::optional<size_t> Grouping::findClusterOfResult(Operation *op) const {
  std::optional<size_t> first;
  for (Operation *user : op->getUsers())
    if (auto found = clusterOf.find(user);
        found != clusterOf.end() && (!first || found->second > *first))
      first = found->second;
  if (!first || !clusters[*first].isInLoop)
    return std::nullopt;
  const Cluster &cluster = clusters[*first];
  for (OpOperand &use : op->getUses()) {
    Operation *user = op->getBlock()->findAncestorOpInBlock(*use.getOwner());
    if (auto found = clusterOf.find(user); found != clusterOf.end())
      user = clusters[found->second].root();
    else if (!isRead(use))
      continue;
    if (user != cluster.root() && !cluster.root()->isBeforeInBlock(user))
      return std::nullopt;
  }
  return first;
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
