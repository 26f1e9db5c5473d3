//===- SinkTransposes.cpp - moves transposes until they meet --------------===//
//
// Converters from frameworks that keep channels last put a transpose in front
// of every convolution and one behind it. What is between two convolutions can
// compute in either order, so most of these pairs need not be. A stored
// transpose reads and writes its whole tensor; moving one changes no number,
// but for the order of sums in reductions.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Graph/Passes.h"
#include "passes/Graph/TransposeRegion.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace cinch::graph {
#define GEN_PASS_DEF_SINKTRANSPOSESPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

static RankedTensorType getTensor(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// The names of the values of a function.
class NameTable {
public:
  explicit NameTable(func::FuncOp function);
  /// A name that no value has had yet, for `value` permuted. The function has
  /// no other name for what `op` makes if `value` has none.
  std::string makeName(Value value, Operation *op);

private:
  llvm::StringSet<> taken;
};

/// Makes the operations of a region compute permuted.
class RegionRewrite {
public:
  RegionRewrite(ArrayRef<Operation *> region, ArrayRef<int64_t> permutation,
                NameTable &names)
      : region(region.begin(), region.end()), permutation(permutation),
        inverse(invert(permutation)), names(names) {}
  void run();

private:
  Value getPermuted(Value value, Operation *user);
  void redirectUsers(Operation *op, Operation *copy);
  bool redirectTranspose(TransposeOp user, Operation *copy);

  llvm::SmallSetVector<Operation *, 16> region;
  ArrayRef<int64_t> permutation;
  Permutation inverse;
  NameTable &names;
  llvm::DenseMap<Value, Value> permuted; // looked up only
};
} // namespace

NameTable::NameTable(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto name = function.getArgAttrOfType<StringAttr>(i, "graph.name"))
      taken.insert(name.getValue());
  function.walk([&](Operation *op) {
    if (auto list = op->getAttrOfType<ArrayAttr>("names"))
      for (auto name : list.getAsRange<StringAttr>())
        taken.insert(name.getValue());
  });
}

std::string NameTable::makeName(Value value, Operation *op) {
  std::string base = getValueName(value);
  if (base.empty())
    base = getValueName(op->getResult(0)) + "/operand";
  std::string name = base + "/transposed";
  for (unsigned i = 1; !taken.insert(name).second; ++i)
    name = base + "/transposed_" + std::to_string(i);
  return name;
}

/// `value` permuted, for `user`, in front of which new operations go.
Value RegionRewrite::getPermuted(Value value, Operation *user) {
  if (isSingleElement(value))
    return value;
  Value &result = permuted[value];
  if (result)
    return result;
  OpBuilder builder(user);
  int64_t rank = permutation.size();
  auto type = extendType(getTensor(value), rank);
  auto targetType = permuteType(type, permutation);
  Value source = value;
  Permutation order(permutation);
  if (int64_t added = rank - getTensor(value).getRank()) {
    auto extended =
        UnsqueezeOp::create(builder, user->getLoc(), type, value,
                            llvm::to_vector(llvm::seq<int64_t>(0, added)));
    setName(extended, names.makeName(value, user));
    source = extended;
  } else if (auto transpose = value.getDefiningOp<TransposeOp>()) {
    source = transpose.getInput();
    order = compose(transpose.getPermutation(), permutation);
    if (llvm::is_sorted(order) && source.getType() == targetType)
      return result = source;
  }
  auto transpose =
      TransposeOp::create(builder, user->getLoc(), targetType, source, order);
  setName(transpose, names.makeName(value, user));
  return result = transpose;
}

/// Lets a transpose of a value read its permuted form; true if that is its
/// result, so that nothing uses it now.
bool RegionRewrite::redirectTranspose(TransposeOp user, Operation *copy) {
  Value result = copy->getResult(0);
  Permutation order = compose(inverse, user.getPermutation());
  bool isSame = llvm::is_sorted(order) && user.getType() == result.getType();
  if (!isSame || (isReturned(user) && isReturned(result))) {
    user.getInputMutable().assign(result);
    user.setPermutation(order);
    return false;
  }
  if (isReturned(user))
    copy->setAttr("names", user->getAttr("names"));
  user.replaceAllUsesWith(result);
  return true;
}

/// Gives the users of `op` outside the region what they want from `copy`, which
/// computes permuted.
void RegionRewrite::redirectUsers(Operation *op, Operation *copy) {
  Value value = op->getResult(0), result = copy->getResult(0), back;
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : value.getUses())
    if (!region.contains(use.getOwner()) || !isPermutedOperand(use))
      uses.push_back(&use);
  for (OpOperand *use : llvm::reverse(uses)) { // in program order
    Operation *user = use->getOwner();
    if (auto transpose = dyn_cast<TransposeOp>(user)) {
      if (redirectTranspose(transpose, copy))
        user->erase();
      continue;
    }
    if (absorbs(user, permutation)) {
      permuteAxes(user, permutation);
      use->set(result);
      continue;
    }
    if (!back) {
      OpBuilder builder(op);
      auto transpose = TransposeOp::create(builder, op->getLoc(),
                                           value.getType(), result, inverse);
      transpose->setAttr("names", op->getAttr("names"));
      back = transpose;
    }
    use->set(back);
  }
}

void RegionRewrite::run() {
  for (Operation *op : region) {
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands())
      operands.push_back(isPermutedOperand(operand)
                             ? getPermuted(operand.get(), op)
                             : operand.get());
    OpBuilder builder(op);
    Operation *copy = clonePermuted(builder, op, operands, permutation);
    setName(copy, names.makeName(op->getResult(0), op));
    permuted[op->getResult(0)] = copy->getResult(0);
    redirectUsers(op, copy);
  }
  for (Operation *op : llvm::reverse(region))
    op->erase();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Transposes that are not of constants, also with added axes.
static int64_t countTransposes(func::FuncOp function) {
  int64_t count = 0;
  function.walk([&](TransposeOp op) {
    Value input = op.getInput();
    if (auto unsqueeze = input.getDefiningOp<UnsqueezeOp>())
      input = unsqueeze.getInput();
    count += !input.getDefiningOp<ConstantOp>();
  });
  return count;
}

/// Erases transposes that nobody uses.
static void eraseUnused(func::FuncOp function) {
  SmallVector<TransposeOp> ops;
  function.walk([&](TransposeOp op) { ops.push_back(op); });
  for (TransposeOp op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
}

/// The permutations of the transposes of a block and their inverses, each once.
static llvm::SetVector<ArrayRef<int64_t>> getPermutations(Block &block) {
  llvm::SetVector<ArrayRef<int64_t>> permutations;
  Builder builder(block.getParentOp()->getContext());
  auto insert = [&](ArrayRef<int64_t> permutation) { // kept by the context
    permutations.insert(builder.getDenseI64ArrayAttr(permutation).asArrayRef());
  };
  for (auto op : block.getOps<TransposeOp>()) {
    if (llvm::is_sorted(op.getPermutation()))
      continue;
    insert(op.getPermutation());
    insert(invert(op.getPermutation()));
  }
  return permutations;
}

namespace {
struct SinkTransposes
    : public graph::impl::SinkTransposesPassBase<SinkTransposes> {
  using SinkTransposesPassBase::SinkTransposesPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    int64_t before = countTransposes(function), moved = 0;
    if (before != 0) {
      NameTable names(function);
      SmallVector<Block *> blocks;
      function.walk<WalkOrder::PreOrder>(
          [&](Block *block) { blocks.push_back(block); });
      // A region may bring transposes of another permutation together.
      for (unsigned round = 0; round < maxRounds; ++round) {
        int64_t movedBefore = moved;
        for (Block *block : blocks)
          moved += sink(*block, names);
        if (moved == movedBefore)
          break;
        eraseUnused(function);
      }
    }
    if (report)
      function->setAttr(
          "graph.sink_transposes_report",
          getNumbersAttr(&getContext(), {{"left", countTransposes(function)},
                                         {"moved", moved},
                                         {"transposes", before}}));
  }

private:
  /// Number of operations that compute permuted now.
  static int64_t sink(Block &block, NameTable &names);

  static constexpr unsigned maxRounds = 4;
};
} // namespace

int64_t SinkTransposes::sink(Block &block, NameTable &names) {
  int64_t moved = 0;
  for (ArrayRef<int64_t> permutation : getPermutations(block))
    for (Involution involution : {Involution::Front, Involution::Behind}) {
      SmallVector<Operation *> region =
          findRegion(block, permutation, involution);
      RegionRewrite(region, permutation, names).run();
      moved += region.size();
      if (ArrayRef<int64_t>(invert(permutation)) != permutation)
        break; // the other is no different
    }
  return moved;
}
