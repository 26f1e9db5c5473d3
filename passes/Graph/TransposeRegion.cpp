//===- TransposeRegion.cpp - what is cheaper with permuted axes -----------===//
//
// Every operation that can compute permuted does so or does not. A value costs
// a transpose if its producer and one of its users differ; what cannot permute
// is settled, and so is what a transpose by the permutation wants and what one
// by its inverse offers. The cheapest choice is a minimum cut. With one
// transpose per value however many users want it, the gain of a region is
// exact, which local rules (through an operation only if all operands are
// transposes) do not see around a residual connection.
//
// A transpose in front of a product is free: the product reads its operands in
// any order.
//
//===----------------------------------------------------------------------===//
#include "passes/Graph/TransposeRegion.h"
#include "dialects/Graph/Constants.h"
#include "passes/Common/MinCut.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

/// Cost per element of a transpose that keeps their order, and only what it is
/// between apart, and of any other.
static constexpr int64_t viewCost = 1, transposeCost = 4;
/// Stands for every unknown dimension.
static constexpr int64_t assumedDim = 64;

static RankedTensorType getTensor(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

static int64_t countElements(RankedTensorType type) {
  constexpr int64_t largest = int64_t(1) << 40;
  int64_t count = 1;
  for (int64_t dim : type.getShape())
    if (llvm::MulOverflow(count, ShapedType::isDynamic(dim) ? assumedDim : dim,
                          count) ||
        count > largest)
      return largest;
  return count;
}

bool graph::isSingleElement(Value value) {
  RankedTensorType type = getTensor(value);
  return type &&
         llvm::all_of(type.getShape(), [](int64_t d) { return d == 1; });
}

bool graph::isFreeToPermute(Value value) {
  if (isSingleElement(value))
    return true;
  if (!value.getDefiningOp<ConstantOp>())
    return false;
  auto bytes = getStorageBytes(getTensor(value));
  return value.hasOneUse() || (bytes && *bytes <= maxCopiedConstantBytes);
}

RankedTensorType graph::extendType(RankedTensorType type, int64_t rank) {
  SmallVector<int64_t> shape(rank - type.getRank(), 1);
  llvm::append_range(shape, type.getShape());
  return type.clone(shape);
}

//===----------------------------------------------------------------------===//
// What reading costs
//===----------------------------------------------------------------------===//

static bool isReshape(Operation *op) {
  return isa<ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp, TransposeOp>(op);
}

/// Whether all that reads `value`, also in another shape, are products, which
/// read their operands in any order.
static bool isReadByProducts(Value value, unsigned depth = 0) {
  constexpr unsigned maxDepth = 8;
  return depth <= maxDepth &&
         llvm::all_of(value.getUsers(), [&](Operation *user) {
           return isa<MatmulOp, EinsumOp>(user) ||
                  (isReshape(user) &&
                   isReadByProducts(user->getResult(0), depth + 1));
         });
}

/// Whether elements along `axes`, of a tensor of `shape` permuted by `order`,
/// are not next to each other.
static bool isStrided(ArrayRef<int64_t> shape, ArrayRef<int64_t> order,
                      ArrayRef<int64_t> axes) {
  bool isBehind = true; // of all other axes
  for (int64_t axis : llvm::reverse(order)) {
    if (shape[axis] == 1)
      continue;
    if (!llvm::is_contained(axes, axis))
      isBehind = false;
    else if (!isBehind)
      return true;
  }
  return false;
}

/// What computing `op` with the axes in `order` costs beside its transposes:
/// reductions read faster what is contiguous, and concatenations along an inner
/// axis are copies.
static int64_t getOrderCost(Operation *op, ArrayRef<int64_t> order) {
  SmallVector<int64_t> axes = getReducedAxes(op);
  auto concat = dyn_cast<ConcatOp>(op);
  auto type = getTensor(concat ? concat.getResult() : op->getOperand(0));
  if (!axes.empty() && isStrided(type.getShape(), order, axes))
    return transposeCost * countElements(type);
  if (!concat)
    return 0;
  for (int64_t axis : order) {
    if (axis == static_cast<int64_t>(concat.getAxis()))
      return 0;
    if (type.getDimSize(axis) != 1)
      break;
  }
  return transposeCost * countElements(type);
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

namespace {
class RegionSearch {
public:
  RegionSearch(Block &block, ArrayRef<int64_t> permutation,
               Involution involution)
      : block(block), permutation(permutation), inverse(invert(permutation)),
        involution(involution), rank(permutation.size()) {}
  SmallVector<Operation *> run();

private:
  enum class Role { Wants, Offers, Other };
  Role getRole(TransposeOp op) const;
  unsigned getProducer(Value value);
  void addValue(Value value);
  /// Charges `cost` once if `producer` and one of `users` differ.
  void charge(unsigned producer, ArrayRef<unsigned> users, int64_t cost);
  bool canPermuteHere(Operation *op) const { return nodes.contains(op); }

  Block &block;
  ArrayRef<int64_t> permutation;
  Permutation inverse;
  Involution involution;
  int64_t rank;
  MinCut cut; // the source computes permuted
  llvm::DenseMap<Operation *, unsigned> nodes;
};
} // namespace

RegionSearch::Role RegionSearch::getRole(TransposeOp op) const {
  bool wants = op.getPermutation() == permutation;
  bool offers = op.getPermutation() == ArrayRef<int64_t>(inverse);
  if (wants && offers) {
    bool inFront = canPermuteHere(op.getInput().getDefiningOp());
    bool behind = llvm::any_of(
        op->getUsers(), [&](Operation *user) { return canPermuteHere(user); });
    wants = involution == Involution::Front ? inFront : !behind;
    offers = !wants;
  }
  return wants ? Role::Wants : offers ? Role::Offers : Role::Other;
}

/// The node that settles the order of `value`.
unsigned RegionSearch::getProducer(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto found = nodes.find(op); op && found != nodes.end())
    return found->second;
  auto transpose = dyn_cast_or_null<TransposeOp>(op);
  if (!transpose || getTensor(value).getRank() != rank)
    return MinCut::sink;
  switch (getRole(transpose)) {
  case Role::Offers:
    return MinCut::source;
  case Role::Wants:
    if (canPermuteHere(transpose.getInput().getDefiningOp()))
      return MinCut::sink;
    [[fallthrough]];
  case Role::Other: // one transpose in any order
    return cut.addNode();
  }
  llvm_unreachable("all roles are handled");
}

void RegionSearch::charge(unsigned producer, ArrayRef<unsigned> users,
                          int64_t cost) {
  if (users.empty() || cost == 0)
    return;
  unsigned isPermuted = cut.addNode(), isPlain = cut.addNode();
  cut.addEdge(producer, isPermuted, cost);
  cut.addEdge(isPlain, producer, cost);
  for (unsigned user : users) {
    cut.addEdge(isPermuted, user, MinCut::infinite);
    cut.addEdge(user, isPlain, MinCut::infinite);
  }
}

void RegionSearch::addValue(Value value) {
  RankedTensorType type = getTensor(value);
  if (!type || type.getRank() > rank || isFreeToPermute(value))
    return;
  bool isWhole = type.getRank() == rank;
  SmallVector<unsigned> users;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    auto found = nodes.find(user);
    if (found != nodes.end() && isPermutedOperand(use)) {
      users.push_back(found->second);
      continue;
    }
    if (!isWhole || absorbs(user, permutation))
      continue;
    auto transpose = dyn_cast<TransposeOp>(user);
    Role role = transpose ? getRole(transpose) : Role::Offers;
    // One transpose in any order, or none.
    if (role == Role::Other ||
        (transpose && isReadByProducts(transpose.getResult())))
      continue;
    users.push_back(role == Role::Wants ? MinCut::source : MinCut::sink);
  }
  bool isView = keepsOrder(extendType(type, rank).getShape(), permutation);
  charge(getProducer(value), users,
         (isView ? viewCost : transposeCost) * countElements(type));
}

SmallVector<Operation *> RegionSearch::run() {
  SmallVector<Operation *> candidates;
  llvm::SetVector<Value> values;
  auto plain = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (Operation &op : block)
    if (canPermute(&op, rank)) {
      candidates.push_back(&op);
      unsigned node = nodes[&op] = cut.addNode();
      // A better order alone is no reason to add transposes.
      cut.addEdge(node, MinCut::sink,
                  std::max<int64_t>(0, getOrderCost(&op, permutation) -
                                           getOrderCost(&op, plain)));
    }
  for (Operation *op : candidates) {
    for (OpOperand &operand : op->getOpOperands())
      if (isPermutedOperand(operand))
        values.insert(operand.get());
    values.insert(op->getResult(0));
  }
  for (Value value : values)
    addValue(value);
  std::vector<bool> isPermuted = cut.solve();
  llvm::erase_if(candidates,
                 [&](Operation *op) { return !isPermuted[nodes.lookup(op)]; });
  return candidates;
}

SmallVector<Operation *> graph::findRegion(Block &block,
                                           ArrayRef<int64_t> permutation,
                                           Involution involution) {
  return RegionSearch(block, permutation, involution).run();
}
