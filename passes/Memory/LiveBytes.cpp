//===- LiveBytes.cpp - bytes alive in a graph before kernels are formed ---===//
#include "passes/Memory/LiveBytes.h"
#include "dialects/Graph/ElementTypes.h"
#include "llvm/ADT/IntEqClasses.h"
#include <numeric>

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Size of a dimension that is not known, but for the outermost.
static constexpr int64_t nominalSize = 128;

int64_t LiveBytes::getBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isIntOrFloat())
    return 0;
  int64_t count = 1;
  for (auto [axis, dim] : llvm::enumerate(type.getShape()))
    count *= !ShapedType::isDynamic(dim) ? dim : axis == 0 ? 1 : nominalSize;
  return llvm::divideCeil(count * graph::getStorageBits(type.getElementType()),
                          8);
}

/// Whether `user` reads elements of its operands.
static bool readsElements(Operation *user) {
  return !isa<graph::ShapeOp, graph::SizeOp>(user);
}

/// True if the first axes of `type`, up to `axis`, are 1.
static bool isOutermost(RankedTensorType type, int64_t axis) {
  return llvm::all_of(type.getShape().take_front(axis),
                      [](int64_t dim) { return dim == 1; });
}

/// Whether a part of `type` along `axis` is contiguous, or may be stored so:
/// rows of one image, whose channels can be innermost.
static bool isContiguous(Type type, int64_t axis) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  return ranked &&
         (isOutermost(ranked, axis) ||
          (ranked.getRank() == 4 && axis == 2 && ranked.getDimSize(0) == 1));
}

/// Whether `op` is its first operand, or a part of it, in another shape.
static bool isView(Operation *op) {
  if (isa<graph::ReshapeOp, graph::SqueezeOp, graph::UnsqueezeOp,
          graph::FlattenOp>(op))
    return true;
  auto slice = dyn_cast<graph::SliceOp>(op);
  return slice && slice.getAxes().size() == 1 && slice.getSteps()[0] == 1 &&
         isContiguous(slice.getInput().getType(), slice.getAxes()[0]);
}

/// Whether `value`, or what the rest of its kernel makes of it, is a part of a
/// joined value.
static bool isPart(Value value) {
  if (!value.hasOneUse())
    return false;
  Operation *user = *value.user_begin();
  if (auto concat = dyn_cast<graph::ConcatOp>(user))
    return isContiguous(concat.getType(), concat.getAxis());
  return user->hasTrait<graph::Elementwise>() &&
         user->getResult(0).getType() == value.getType() &&
         isPart(user->getResult(0));
}

/// Whether `op` makes a part of a joined value, and `operand` was made by an
/// earlier kernel than its other operands: the joined value is not alive yet.
static bool isJoinedLater(Operation *op, Value operand) {
  return operand.hasOneUse() && isPart(op->getResult(0)) &&
         llvm::any_of(op->getOperands(), [&](Value other) {
           Operation *before = operand.getDefiningOp(),
                     *producer = other.getDefiningOp();
           return before && producer && other.getType() == operand.getType() &&
                  before->getBlock() == producer->getBlock() &&
                  before->isBeforeInBlock(producer);
         });
}

/// The value of which `value` is a part or another shape.
static Value getRoot(Value value) {
  Operation *view = value.getDefiningOp();
  return view && isView(view) ? getRoot(view->getOperand(0)) : value;
}

LiveBytes::LiveBytes(Block &block) : block(block) {
  for (Operation &op : block) {
    numbers[&op] = ops.size();
    ops.push_back(&op);
    if (op.hasTrait<OpTrait::ConstantLike>() ||
        (isView(&op) && !numberOf.contains(op.getOperand(0))))
      continue;
    for (Value result : op.getResults())
      if (isa<RankedTensorType>(result.getType()))
        numberOf.insert({result, numberOf.size()});
  }
  shareStorages();
  setLives();
}

int64_t LiveBytes::getNumber(Operation *op) const {
  Operation *ancestor = block.findAncestorOpInBlock(*op);
  return ancestor ? numbers.lookup(ancestor) : -1;
}

/// Whether nobody reads `value`, or a view of it, behind `op`.
bool LiveBytes::isReadUpTo(Value value, Operation *op) const {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (isView(user) && user->getOperand(0) == value)
      return isReadUpTo(user->getResult(0), op);
    return !readsElements(user) || getNumber(user) <= getNumber(op);
  });
}

bool memory::isFused(Value value) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    return user->hasTrait<graph::Elementwise>() &&
           user->getResult(0).getType() == value.getType();
  });
}

void LiveBytes::shareStorages() {
  llvm::IntEqClasses classes(numberOf.size());
  auto join = [&](Value a, Value b) {
    auto first = numberOf.find(a), second = numberOf.find(b);
    if (first != numberOf.end() && second != numberOf.end())
      classes.join(first->second, second->second);
  };
  auto diesAt = [&](Value value, Operation *op) {
    // What is left of a value lives as long as all of it.
    return isReadUpTo(getRoot(value), op);
  };
  for (auto &[value, number] : numberOf) {
    Operation *op = value.getDefiningOp();
    if (isView(op))
      join(value, op->getOperand(0));
    auto concat = dyn_cast<graph::ConcatOp>(op);
    if (concat && isContiguous(value.getType(), concat.getAxis()))
      for (Value input : concat.getInputs())
        join(value, input);
    if (!op->hasTrait<graph::Elementwise>())
      continue;
    for (Value operand : op->getOperands())
      if (operand.getType() == value.getType() && !isJoinedLater(op, operand) &&
          (diesAt(operand, op) || isFused(operand)))
        join(value, operand);
  }
  classes.compress();
  storages.resize(classes.getNumClasses());
  for (auto &[value, number] : numberOf) {
    number = classes[number];
    storages[number].values.push_back(value);
  }
}

void LiveBytes::setLives() {
  live.assign(ops.size() + 1, 0);
  for (Storage &storage : storages) {
    storage.first = ops.size();
    bool isReturned = false;
    for (Value value : storage.values) {
      storage.bytes = std::max(storage.bytes, getBytes(value));
      int64_t made = getNumber(value.getDefiningOp());
      storage.first = std::min(storage.first, made);
      storage.last = std::max(storage.last, made);
      for (Operation *user : value.getUsers()) {
        isReturned |= user == block.getTerminator();
        if (readsElements(user))
          storage.last = std::max(storage.last, getNumber(user));
      }
    }
    if (isReturned)
      storage.bytes = 0;
    live[storage.first] += storage.bytes;
    live[storage.last + 1] -= storage.bytes;
  }
  live.pop_back();
  std::partial_sum(live.begin(), live.end(), live.begin());
}

Storage *LiveBytes::find(Value value) {
  auto found = numberOf.find(value);
  return found == numberOf.end() ? nullptr : &storages[found->second];
}

int64_t LiveBytes::findPeak() const {
  return std::max_element(live.begin(), live.end()) - live.begin();
}
