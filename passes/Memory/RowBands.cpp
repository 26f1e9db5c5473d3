//===- RowBands.cpp - values that are kept in bands of rows ---------------===//
#include "passes/Memory/RowBands.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Bounds of the search: rows of a band, operations, element-wise ones up to
/// the next kernel.
static constexpr int64_t minRows = 4;
static constexpr size_t maxOps = 256;
static constexpr unsigned maxElementwise = 8;

//===----------------------------------------------------------------------===//
// Which values
//===----------------------------------------------------------------------===//

/// Whether rows of one static image can be computed band by band.
bool RowBands::canCompute(Operation *op) const {
  if (!hasRows(op))
    return false;
  Value result = op->getResult(0);
  int64_t rows = getNumRows(result);
  return isImage(result) && !isBatch(result) && rows % numBands == 0 &&
         rows / numBands >= minRows;
}

/// Whether `value` is only read by kernels that also read or make other values
/// element by element.
static bool isReadElementwise(Value value) {
  return llvm::all_of(value.getUsers(), isElementwise);
}

/// Whether all that read `value` need rows of one band for rows of one band.
bool RowBands::canBeApart(Value value) const {
  Operation *producer = value.getDefiningOp();
  return producer && canCompute(producer) &&
         (getNumRows(value) == numRows || isReadElementwise(value)) &&
         llvm::all_of(value.getUses(), [&](OpOperand &use) {
           return use.getOwner()->getBlock() == producer->getBlock() &&
                  canCompute(use.getOwner()) && readsOwnBand(use, numBands);
         });
}

/// Whether rows of `operand`, which is whole, can be read where they are, and
/// no kernel is cut in two.
bool RowBands::canRead(OpOperand &operand) const {
  Value value = operand.get();
  Operation *producer = value.getDefiningOp();
  if (!producer)
    return isa<graph::ConvOp>(operand.getOwner());
  if (producer->hasTrait<OpTrait::ConstantLike>() || !isImage(value) ||
      isBatch(value) || !isInOneBlock(value))
    return false;
  return !continuesKernel(operand);
}

/// Whether `value` is read by a kernel that stores images in blocks, or by one
/// that computes in its place.
static bool isReadInBlocks(Value value, unsigned depth = 0) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    auto conv = dyn_cast<graph::ConvOp>(user);
    return (conv && conv.getGroup() == 1) || isPooling(user) ||
           (isElementwise(user) && depth < maxElementwise &&
            user->getResult(0).getType() == value.getType() &&
            isReadInBlocks(user->getResult(0), depth + 1));
  });
}

/// Whether the bands of `value` can be joined where they are, and what reads
/// it does not belong to the kernel that makes it.
bool RowBands::canJoin(Value value) const {
  bool isFused = true;
  for (Operation *user : value.getUsers()) {
    if (user->hasTrait<OpTrait::IsTerminator>() ||
        user->getBlock() != value.getParentBlock())
      return false;
    // An addition can belong to the kernel of its other operand.
    bool hasOther = llvm::any_of(user->getOperands(), [&](Value other) {
      Operation *producer = other.getDefiningOp();
      return other != value && producer && other.hasOneUse() &&
             (isWindowed(producer) || isElementwise(producer)) &&
             other.getType() == value.getType();
    });
    isFused &= isElementwise(user) && !hasOther &&
               user->getResult(0).getType() == value.getType();
  }
  return !isFused && isInOneBlock(value) && isReadInBlocks(value);
}

/// Makes `value` overlap if what makes it reads nothing but values in bands,
/// and all that read it can be computed in bands.
bool RowBands::addOverlap(Value value) {
  if (!isInOneBlock(value))
    return false;
  Operations chain{value.getDefiningOp()};
  for (size_t next = 0; next < chain.size(); ++next)
    for (OpOperand &operand : chain[next]->getOpOperands()) {
      if (!isReadByRows(operand))
        continue;
      if (!contains(operand.get()))
        return false;
      if (isWindowed(chain[next]))
        continue;
      // What is stored in bands is read by the first operation of a kernel.
      if (!operand.get().hasOneUse())
        return false;
      chain.push_back(operand.get().getDefiningOp());
    }
  if (llvm::count_if(chain, isWindowed) != 1)
    return false;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user->getBlock() != value.getParentBlock() || !isWindowed(user) ||
        !canCompute(user) || !isReadByRows(use))
      return false;
    int64_t size = getNumRows(user->getResult(0)) / numBands;
    for (int64_t number = 0; number < numBands; ++number) {
      Rows rows = {number * size, (number + 1) * size};
      int64_t needed = getOperandRows(use, rows).getSize();
      if (needed <= 0 || 2 * needed * numBands > 3 * getNumRows(value))
        return false;
    }
  }
  llvm::sort(chain,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  overlaps[value] = chain;
  return true;
}

std::optional<RowBands> RowBands::grow(Value seed, int64_t numBands,
                                       ArrayRef<Value> overlapping) {
  RowBands bands;
  if (!isImage(seed) || ShapedType::isDynamic(getNumRows(seed)))
    return std::nullopt;
  bands.numBands = numBands;
  bands.numRows = getNumRows(seed);
  llvm::SetVector<Operation *> found;
  auto addOp = [&](Operation *op) {
    if (!found.insert(op))
      return;
    if (bands.canBeApart(op->getResult(0)))
      bands.values.insert(op->getResult(0));
    for (OpOperand &operand : op->getOpOperands())
      if (isReadByRows(operand) && bands.canBeApart(operand.get()))
        bands.values.insert(operand.get());
  };
  if (bands.canBeApart(seed))
    bands.values.insert(seed);
  size_t next = 0;
  auto addReaders = [&] {
    for (; next < bands.values.size() && found.size() <= maxOps; ++next) {
      Value value = bands.values[next];
      addOp(value.getDefiningOp());
      for (Operation *user : value.getUsers())
        addOp(user);
    }
  };
  addReaders();
  for (Value value : overlapping) {
    if (!found.contains(value.getDefiningOp()) || !bands.addOverlap(value))
      return std::nullopt;
    for (Operation *user : value.getUsers())
      addOp(user);
  }
  // What these readers pass on inside their kernels.
  addReaders();
  if (found.empty())
    return std::nullopt;
  // What lies between goes with them.
  while (true) {
    if (found.size() > maxOps)
      return std::nullopt;
    Operations sorted(found.getArrayRef());
    llvm::sort(sorted, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });
    bands.ops.clear();
    bands.ops.insert(sorted.begin(), sorted.end());
    Operation *between = bands.findFollowers();
    if (!between)
      break;
    if (!bands.canCompute(between))
      return std::nullopt;
    addOp(between);
    addReaders();
  }
  int64_t numWindowed = 0;
  for (Operation *op : bands.ops) {
    numWindowed += isWindowed(op);
    for (OpOperand &operand : op->getOpOperands())
      if (isReadByRows(operand) && !bands.isInBands(operand.get()) &&
          !bands.canRead(operand))
        return std::nullopt;
    Value result = op->getResult(0);
    if (!bands.isInBands(result) && !bands.canJoin(result))
      return std::nullopt;
  }
  if (numWindowed < 2)
    return std::nullopt;
  bands.setStages();
  return bands;
}

/// Finds what has to run behind all bands; returns the first operation of which
/// they need the result, or null.
Operation *RowBands::findFollowers() {
  followers.clear();
  llvm::DenseSet<Operation *> late;
  for (Operation *op = ops.front();; op = op->getNextNode()) {
    bool isLate = false;
    Operation *needed = nullptr;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (Operation *producer = operand.getDefiningOp()) {
          if (late.contains(producer))
            needed = producer;
          isLate |= late.contains(producer) || isOperation(producer);
        }
    });
    if (isOperation(op) && needed)
      return needed;
    if (op == ops.back())
      return nullptr;
    if (isLate && !isOperation(op)) {
      late.insert(op);
      followers.push_back(op);
    }
  }
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

/// Puts `op`, and the element-wise operations that only waited for it, into
/// the last stage.
void RowBands::place(Operation *op, llvm::DenseMap<Operation *, size_t> &at) {
  at[op] = stages.size() - 1;
  stages.back().push_back(op);
  Value result = op->getResult(0);
  if (!isInBands(result))
    return;
  Operations users(result.getUsers());
  llvm::sort(users,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *user : users) {
    bool isReady = llvm::all_of(user->getOperands(), [&](Value operand) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || !isOperation(producer))
        return true;
      auto found = at.find(producer);
      return found != at.end() &&
             (isInBands(operand) || found->second + 1 < stages.size());
    });
    if ((isElementwise(user) || overlaps.contains(result)) && isReady &&
        !at.contains(user))
      place(user, at);
  }
}

/// A stage for every kernel; those that read the same bands stand together, as
/// the bands die there.
void RowBands::setStages() {
  llvm::DenseMap<Operation *, size_t> at;
  auto start = [&](Operation *op) {
    if (at.contains(op))
      return;
    stages.emplace_back();
    place(op, at);
  };
  for (Operation *op : ops) {
    start(op);
    Value input = op->getOperand(0);
    if (!isWindowed(op) || !contains(input))
      continue;
    for (Operation *other : ops)
      if (isWindowed(other) && other->getOperand(0) == input)
        start(other);
  }
}

SmallVector<Value> RowBands::getJoined() const {
  SmallVector<Value> joined;
  for (Operation *op : ops)
    if (!isInBands(op->getResult(0)))
      joined.push_back(op->getResult(0));
  return joined;
}

bool RowBands::mergeStages(size_t number) {
  Operations &first = stages[number], &second = stages[number + 1];
  auto isInFirst = [&](Value value) {
    return llvm::is_contained(first, value.getDefiningOp());
  };
  for (Operation *op : second) {
    if (llvm::any_of(op->getOperands(), [&](Value operand) {
          return !isInBands(operand) && isInFirst(operand);
        }))
      return false;
    // Overlapping bands are computed from bands that follow as well.
    auto overlap = overlaps.find(op->getResult(0));
    if (overlap == overlaps.end())
      continue;
    for (Operation *inner : overlap->second)
      if (llvm::any_of(inner->getOperands(), isInFirst))
        return false;
  }
  first.append(second);
  stages.erase(stages.begin() + number + 1);
  return true;
}
