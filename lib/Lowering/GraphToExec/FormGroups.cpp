//===- FormGroups.cpp - which operations share a kernel -------------------===//
//
// Groups grow from their roots, in reverse program order: an operation joins
// the group of its users if it has no other users. So a group has one root and
// no path leaves and re-enters it (but see StepGroups.cpp). What joins must be
// computed where it is read, so each operation counts how often per element: a
// reduction is one pass over the rows, softmax three.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/AttentionGroups.h"
#include "lib/Lowering/GraphToExec/Grouping.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "lib/Lowering/GraphToExec/Reductions.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

namespace {

/// How often an operation may be computed per element, cheap ones and others.
constexpr unsigned maxCheapPasses = 3, maxCostlyPasses = 2;

} // namespace

void Grouping::markEpilogues(Block &block) {
  const LoweringTable &table = LoweringTable::get();
  for (Operation &op : block) {
    const Lowering *lowering = table.find(&op);
    if (!lowering || !live.contains(&op))
      continue;
    if (lowering->opClass == OpClass::Contraction)
      epilogues.insert(&op);
    // What few bits are widened to is computed where it is read.
    if (lowering->opClass != OpClass::Elementwise || isDecoded(&op))
      continue;
    for (Value operand : op.getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || !epilogues.contains(producer) ||
          dims(producer) != dims(&op))
        continue;
      bool staysTogether =
          llvm::all_of(producer->getUsers(), [&](Operation *user) {
            const Lowering *use = table.find(user);
            return user == &op || (use && use->opClass == OpClass::Elementwise);
          });
      if (staysTogether)
        epilogues.insert(&op);
    }
  }
}

/// True for a transpose that moves whole rows.
static bool isRowTranspose(Operation *op) {
  auto transpose = dyn_cast<graph::TransposeOp>(op);
  return transpose &&
         transpose.getPermutation().back() ==
             static_cast<int64_t>(transpose.getPermutation().size()) - 1;
}

static bool isInverse(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  return a.size() == b.size() &&
         llvm::all_of(llvm::seq<size_t>(0, a.size()), [&](size_t axis) {
           return a[b[axis]] == static_cast<int64_t>(axis);
         });
}

/// Cuts `chain`, which a matmul reads through from its operand on, where an
/// attention can write the rows in the order in which it reads its queries: the
/// result can take their place then.
void Grouping::leaveToAttention(SmallVectorImpl<Operation *> &chain) const {
  auto found = llvm::find_if(chain, [&](Operation *op) {
    Operation *product = op->getOperand(0).getDefiningOp();
    if (!isRowTranspose(op) || !attentions.contains(product))
      return false;
    auto scores = cast<graph::MatmulOp>(attentions.lookup(product));
    auto queries = scores.getLhs().getDefiningOp<graph::TransposeOp>();
    return queries && isInverse(queries.getPermutation(),
                                cast<graph::TransposeOp>(op).getPermutation());
  });
  chain.truncate(found - chain.begin());
  while (!chain.empty() && getPlace(chain.back(), shapes) == Place::View)
    chain.pop_back();
}

void Grouping::markContractions(Block &block) {
  for (auto matmul : block.getOps<graph::MatmulOp>()) {
    if (!live.contains(matmul))
      continue;
    SmallVector<Operation *> attention = findAttention(matmul, shapes, live);
    // Of a chain of products and softmaxes each belongs to one attention.
    if (llvm::any_of(attention, [&](Operation *op) {
          return parts.contains(op) || attentions.contains(op);
        }))
      continue;
    for (Operation *op : attention)
      if (op != matmul)
        parts[op] = matmul;
    if (!attention.empty())
      attentions[matmul] = attention.front();
  }
  for (auto matmul : block.getOps<graph::MatmulOp>())
    if (live.contains(matmul))
      for (OpOperand &operand : matmul->getOpOperands()) {
        SmallVector<Operation *> chain = findReadThrough(operand, shapes, live);
        leaveToAttention(chain);
        for (Operation *op : chain) {
          Operation *whole = parts.lookup(matmul);
          parts[op] = whole ? whole : matmul;
          readThrough.insert(op);
        }
      }
  for (auto conv : block.getOps<graph::ConvOp>())
    if (Operation *slice = live.contains(conv)
                               ? findReadThrough(conv, shapes, live)
                               : nullptr) {
      parts[slice] = conv;
      readThrough.insert(slice);
    }
}

std::optional<size_t> Grouping::findCommonCluster(Operation *op) const {
  std::optional<size_t> common;
  for (OpOperand &use : op->getUses()) {
    if (!isRead(use))
      continue;
    auto found = clusterOf.find(use.getOwner());
    if (found == clusterOf.end()) {
      if (use.getOwner()->getBlock() == op->getBlock() &&
          !live.contains(use.getOwner()) &&
          use.getOwner()->getDialect() == op->getDialect())
        continue; // dead
      return std::nullopt;
    }
    if (common && *common != found->second)
      return std::nullopt;
    common = found->second;
  }
  return common;
}

unsigned Grouping::countPasses(Operation *op, const Cluster &cluster) const {
  // Walks from the operation to what evaluates it: the root and the reductions.
  SmallVector<Operation *> pending = {op};
  SmallPtrSet<Operation *, 16> seen;
  unsigned passes = 0;
  while (!pending.empty()) {
    Operation *current = pending.pop_back_val();
    if (current != op) {
      SmallVector<int64_t> axes;
      if (auto rowPasses = getRowPasses(current, axes)) {
        passes += *rowPasses;
        continue;
      }
    }
    if (current == cluster.root()) {
      ++passes;
      continue;
    }
    for (Operation *user : current->getUsers())
      if (llvm::is_contained(cluster.ops, user) && seen.insert(user).second)
        pending.push_back(user);
  }
  return passes;
}

/// True if `op` reduces the trailing axes of the space of the cluster's root.
bool Grouping::isRowStatistic(Operation *op, const Cluster &cluster) const {
  SmallVector<int64_t> axes;
  if (!getRowPasses(op, axes) || axes.empty() || cluster.hasMovement ||
      LoweringTable::get().find(cluster.root())->opClass !=
          OpClass::Elementwise)
    return false;
  ArrayRef<Expr> space = dims(cluster.root());
  if (dims(op->getOperand(0)) != space ||
      (cluster.rowAxes && cluster.rowAxes != axes.size()))
    return false;
  for (auto [position, axis] : llvm::enumerate(axes))
    if (axis != static_cast<int64_t>(space.size() - axes.size() + position))
      return false;
  // The result keeps the axes (as 1 or in full), so it aligns with the space.
  return dims(op).size() == space.size();
}

/// True if `op` can be computed where a contraction writes its result: nothing
/// else that reads the result is in another kernel.
bool Grouping::endsContraction(Operation *op) const {
  return epilogues.contains(op) &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           Operation *producer = operand.getDefiningOp();
           return producer && epilogues.contains(producer) &&
                  dims(producer) == dims(op) &&
                  llvm::all_of(producer->getUsers(), [&](Operation *user) {
                    return user == op || !clusterOf.contains(user);
                  });
         });
}

/// True if `op` rounds to few bits, which all that reads them widens.
static bool isOnlyDecoded(Operation *op) {
  return isa<graph::QuantizeOp>(op) &&
         llvm::all_of(op->getUsers(),
                      [](Operation *user) { return isDecoded(user); });
}

bool Grouping::mayJoinContraction(Operation *op, const Lowering &lowering,
                                  const Cluster &cluster) const {
  auto isContraction = [&](Operation *user) {
    return user == cluster.contraction || isa<graph::MatmulOp>(user);
  };
  if (isDecoding(op, cluster))
    return true;
  if (lowering.opClass != OpClass::Elementwise || !lowering.isCheap)
    return false;
  if (mayJoinPanel(op, cluster))
    return true;
  if (endsContraction(op) || feedsDecoding(op, cluster))
    return false;
  // Only what the epilogue (or the scores) read beside the product.
  return llvm::none_of(op->getUsers(), [&](Operation *user) {
    return isContraction(user) || isa<graph::TransposeOp>(user);
  });
}

/// True if `cluster` rounds, element by element, and moves rows of the codes.
static bool movesCodes(const Cluster &cluster) {
  return isRowTranspose(cluster.root()) &&
         isa_and_nonnull<graph::QuantizeOp>(
             cluster.root()->getOperand(0).getDefiningOp()) &&
         llvm::all_of(llvm::drop_begin(cluster.ops), [](Operation *op) {
           return LoweringTable::get().find(op)->opClass ==
                  OpClass::Elementwise;
         });
}

bool Grouping::mayJoin(Operation *op, const Lowering &lowering,
                       const Cluster &cluster) const {
  if (cluster.ops.size() >= maxOps || op->getNumResults() != 1)
    return false;
  const Lowering *root = LoweringTable::get().find(cluster.root());
  if (root->opClass == OpClass::Opaque)
    return false;
  if (auto set = dyn_cast<graph::StepSetOp>(cluster.root());
      set && (!isUpdate(set) || set.getInto().getDefiningOp() == op))
    return false;
  // The tiles of contractions end anywhere, and so within bytes.
  if (lowering.opClass == OpClass::Contraction && cluster.writesPacked())
    return false;
  // Few bits are what is stored between kernels.
  if ((cluster.contraction || cluster.hasReduction) && isOnlyDecoded(op))
    return false;
  bool isResult = findCommonCluster(op) == std::nullopt;
  if (cluster.contraction && isResult && hasPackedResult(op))
    return false;
  if (cluster.isInLoop && root->opClass != OpClass::Reduction &&
      mayJoinStep(op, lowering, cluster))
    return !isResult || lowering.opClass == OpClass::Elementwise;
  if (isResult && !mayBeRowResult(op, lowering, cluster))
    return false;
  if (cluster.contraction)
    return mayJoinContraction(op, lowering, cluster);
  switch (lowering.opClass) {
  case OpClass::Update:
  case OpClass::Opaque:
    return false;
  case OpClass::Contraction:
    if (isRowTranspose(cluster.root()) &&
        (cluster.ops.size() == 1 || movesCodes(cluster)))
      return isa<graph::MatmulOp>(op);
    return !cluster.hasMovement && !cluster.hasReduction &&
           root->opClass == OpClass::Elementwise &&
           dims(op) == dims(cluster.root());
  case OpClass::Reduction:
    return isRowStatistic(op, cluster);
  case OpClass::Movement:
    if (cluster.hasReduction && countPasses(op, cluster) > 1)
      return false;
    return root->opClass != OpClass::Reduction || lowering.isCheap;
  case OpClass::Elementwise:
    break;
  }
  if (movesCodes(cluster) && endsContraction(op))
    return true;
  if ((cluster.hasReduction || cluster.hasMovement) && endsContraction(op))
    return false;
  if (lowering.isCheap)
    return countPasses(op, cluster) <= maxCheapPasses;
  // Not where few elements are read often, unless they are one per row.
  for (Operation *user : op->getUsers())
    if (llvm::is_contained(cluster.ops, user) && dims(user) != dims(op)) {
      SmallVector<int64_t> axes;
      bool isPerRow = !dims(op).empty() && dims(op).back() == Expr(1);
      if (!getRowPasses(user, axes) && !isPerRow)
        return false;
    }
  return countPasses(op, cluster) <= maxCostlyPasses;
}

void Grouping::run(Block &block) {
  markEpilogues(block);
  markContractions(block);
  const LoweringTable &table = LoweringTable::get();
  for (Operation &operation : llvm::reverse(block)) {
    Operation *op = &operation;
    if (Operation *whole = parts.lookup(op)) {
      size_t number = clusterOf.lookup(whole);
      clusters[number].ops.push_back(op);
      clusterOf[op] = number;
      continue;
    }
    if (!live.contains(op) || getPlace(op, shapes) != Place::Kernel)
      continue;
    const Lowering *lowering = table.find(op);
    std::optional<size_t> number;
    bool isResult = false;
    if (lowering) {
      number = findCommonCluster(op);
      if (!number) {
        number = findClusterOfResult(op);
        isResult = number.has_value();
      }
    }
    if (number && !mayJoin(op, *lowering, clusters[*number]))
      number.reset();
    if (!number) {
      number = findClusterOfOtherRounding(op);
      isResult = number.has_value();
    }
    if (!number) {
      number = clusters.size();
      clusters.emplace_back();
      clusters.back().isInLoop =
          isa<scf::ForOp, scf::WhileOp>(block.getParentOp());
    }
    Cluster &cluster = clusters[*number];
    cluster.ops.push_back(op);
    if (isResult)
      cluster.results.push_back(op);
    clusterOf[op] = *number;
    if (!lowering)
      continue;
    if (lowering->opClass == OpClass::Contraction)
      cluster.contraction = op;
    cluster.isAttention |= attentions.contains(op);
    cluster.hasMovement |=
        lowering->opClass == OpClass::Movement && !cluster.contraction;
    if (lowering->opClass == OpClass::Reduction) {
      cluster.hasReduction = true;
      SmallVector<int64_t> axes;
      if (getRowPasses(op, axes))
        cluster.rowAxes = axes.size();
    }
  }
}

std::vector<Group> cinch::form::formGroups(Block &block,
                                           const ShapeTable &shapes,
                                           const DenseSet<Operation *> &live,
                                           bool fuse) {
  std::vector<Cluster> clusters;
  Grouping grouping(shapes, live);
  if (fuse) {
    grouping.run(block);
    clusters = std::move(grouping.clusters);
  } else {
    for (Operation &op : llvm::reverse(block))
      if (live.contains(&op) && getPlace(&op, shapes) == Place::Kernel)
        clusters.push_back({{&op}});
  }
  std::vector<Group> groups;
  for (Cluster &cluster : llvm::reverse(clusters)) {
    Group group;
    group.isAttention = cluster.isAttention;
    for (Operation *op : cluster.ops)
      if (grouping.readThrough.contains(op))
        group.readThrough.insert(op);
    group.ops.assign(cluster.ops.rbegin(), cluster.ops.rend());
    group.results.assign(cluster.root()->result_begin(),
                         cluster.root()->result_end());
    for (Operation *op : cluster.results)
      group.results.push_back(op->getResult(0));
    SmallPtrSet<Operation *, 8> members(group.ops.begin(), group.ops.end());
    SetVector<Value> inputs;
    for (Operation *op : group.ops)
      for (OpOperand &operand : op->getOpOperands())
        if (isRead(operand) &&
            !members.contains(operand.get().getDefiningOp()) &&
            !ShapeTable::splat(operand.get()))
          inputs.insert(operand.get());
    group.inputs = inputs.takeVector();
    groups.push_back(std::move(group));
  }
  return groups;
}
