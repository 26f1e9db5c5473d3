//===- AssignLayouts.cpp - values in blocks of channels -------------------===//
//
// A microkernel multiplies [pixels, channels] by [channels, filters]. Where the
// channels of a pixel are neighbours in memory it reads inputs in place, for
// all taps in one call; in the order of ONNX, [N, C, space...], rows of pixels
// would be packed for it. So what convolutions of one another, and pooling and
// element-wise kernels between them, pass on is stored with channels innermost.
// A concatenation of channels stays contiguous if all of its parts have blocks
// of one size.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/Passes.h"

#include "lib/Lowering/KernelToLLVM/ChannelJoins.h"
#include "lib/Lowering/KernelToLLVM/ConvolutionGain.h"
#include "lib/Lowering/KernelToLLVM/RowViews.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include <numeric>

namespace cinch {
#define GEN_PASS_DEF_ASSIGNLAYOUTSPASS
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;

/// Smaller blocks do not fill a vector.
static constexpr int64_t minBlock = 8;
namespace {

struct AssignLayouts
    : public cinch::impl::AssignLayoutsPassBase<AssignLayouts> {
  using AssignLayoutsPassBase::AssignLayoutsPassBase;
  void runOnOperation() override;

private:
  void findKernels();
  void findCandidates();
  void dropUnwalked();
  bool dropSlow();
  void joinBlocks();
  llvm::EquivalenceClasses<Value> findRegions();
  void keepRegions();
  bool dropLosses();
  int64_t getBlock(Value value);
  Type getType(Value value);
  std::optional<double> getGain(exec::KernelOp kernel);
  void rewrite(exec::KernelOp kernel);
  SmallVector<Value> getValues(exec::KernelOp kernel) {
    SmallVector<Value> values(kernel.getInputs());
    llvm::append_range(values, kernel.getResults());
    return values;
  }

  SmallVector<exec::KernelOp> kernels; ///< that may take part, in order
  llvm::DenseMap<Operation *, func::FuncOp> bodies;
  /// What a kernel multiplies, if it is a convolution.
  llvm::DenseMap<Operation *, Value> convolved;
  llvm::SetVector<Value> candidates;
  llvm::EquivalenceClasses<Value> groups;    ///< of one size of blocks
  llvm::DenseMap<Value, int64_t> blocks;     ///< per leader of a group
  llvm::DenseMap<Operation *, double> gains; ///< per convolution
  llvm::StringMap<unsigned> numCalls;
  llvm::DenseMap<std::pair<StringAttr, Type>, func::FuncOp> copies;
};

} // namespace

static int64_t getChannels(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

void AssignLayouts::findKernels() {
  SymbolTable symbols(getOperation());
  getOperation().walk([&](exec::KernelOp kernel) {
    ++numCalls[kernel.getCallee()];
    auto body = symbols.lookup<func::FuncOp>(kernel.getCallee());
    StringRef kind = body ? exec::getKernelKind(body) : "";
    if (kind != "generic" && kind != "contraction")
      return;
    bodies[kernel] = body;
    kernels.push_back(kernel);
    linalg::GenericOp convolution = findConvolution(body);
    if (kind != "contraction" || !convolution)
      return;
    BlockArgument argument = findConvolved(convolution);
    if (argument && argument.getArgNumber() < kernel.getInputs().size())
      convolved[kernel] = kernel.getInputs()[argument.getArgNumber()];
  });
}

/// Values that only kernels and concatenations of channels make and read.
void AssignLayouts::findCandidates() {
  auto isCandidate = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getRank() >= 3 && type.getRank() <= 4 &&
           type.getElementType().isF32() && !type.isDynamicDim(1) &&
           type.getDimSize(1) >= minBlock && !type.getEncoding() &&
           llvm::all_of(value.getUsers(), [&](Operation *user) {
             auto assemble = dyn_cast<exec::AssembleOp>(user);
             return bodies.contains(user) ||
                    (assemble && joinsChannels(assemble));
           });
  };
  getOperation().walk([&](Operation *op) {
    auto assemble = dyn_cast<exec::AssembleOp>(op);
    if (bodies.contains(op) || (assemble && joinsChannels(assemble)))
      for (Value result : op->getResults())
        if (isCandidate(result))
          candidates.insert(result);
  });
}

/// Drops what a kernel does not read or write channel by channel.
void AssignLayouts::dropUnwalked() {
  for (exec::KernelOp kernel : kernels) {
    func::FuncOp body = bodies[kernel];
    bool isConvolution = convolved.contains(kernel);
    bool isMixing = false; // of axes that are not those of the results
    auto results = kernel.getResultTypes();
    for (Value value : getValues(kernel))
      if (candidates.contains(value))
        for (Type type : results)
          isMixing |= cast<RankedTensorType>(type).getRank() !=
                      cast<RankedTensorType>(value.getType()).getRank();
    if (!isConvolution) {
      isMixing |= exec::getKernelKind(body) == "contraction";
      for (Value value : getValues(kernel))
        if (candidates.contains(value))
          for (Type type : results)
            isMixing |= !isMixing && cast<RankedTensorType>(type).getDimSize(
                                         1) != getChannels(value);
    }
    if (isMixing)
      for (Value value : getValues(kernel))
        candidates.remove(value);
  }
}

/// Joins the values whose blocks have to be alike, and sets their sizes.
void AssignLayouts::joinBlocks() {
  groups = llvm::EquivalenceClasses<Value>();
  blocks.clear();
  for (Value value : candidates)
    groups.insert(value);
  for (exec::KernelOp kernel : kernels) {
    // The input of a convolution is read in any blocks.
    SmallVector<Value> values;
    for (Value value : getValues(kernel))
      if (candidates.contains(value) &&
          (!convolved.contains(kernel) || value != convolved[kernel]))
        values.push_back(value);
    for (Value value : values)
      if (getChannels(value) == getChannels(values.front()))
        groups.unionSets(value, values.front());
  }
  getOperation().walk([&](exec::AssembleOp assemble) {
    for (Value input : assemble.getInputs())
      if (candidates.contains(input) &&
          candidates.contains(assemble.getResult()))
        groups.unionSets(input, assemble.getResult());
  });
  for (Value value : candidates) {
    int64_t &block = blocks[groups.getLeaderValue(value)];
    block = std::gcd(block, getChannels(value));
  }
}

/// Channels per block of `value`, 0 where it stays row-major.
int64_t AssignLayouts::getBlock(Value value) {
  if (!candidates.contains(value))
    return 0;
  return blocks[groups.getLeaderValue(value)];
}

Type AssignLayouts::getType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t block = getBlock(value);
  if (block == 0)
    return type;
  return RankedTensorType::get(
      type.getShape(), type.getElementType(),
      exec::ChannelBlocksAttr::get(&getContext(), block));
}

/// Gives the arguments of `body` the types `types`, and its operations those of
/// the destinations that they write.
static void setTypes(func::FuncOp body, ArrayRef<Type> types) {
  for (auto [argument, type] : llvm::zip(body.getArguments(), types))
    argument.setType(type);
  ArrayRef<Type> results = types.take_back(body.getNumResults());
  for (Operation &op : body.front()) {
    auto written = dyn_cast<linalg::LinalgOp>(op);
    if (!written)
      continue;
    for (auto [init, result] :
         llvm::zip(written.getDpsInits(), op.getResults()))
      result.setType(init.getType());
  }
  body.setFunctionType(FunctionType::get(body.getContext(), types, results));
}

/// The types of the arguments of the body of `kernel`.
static SmallVector<Type> getArgumentTypes(exec::KernelOp kernel,
                                          func::FuncOp body,
                                          function_ref<Type(Value)> getType) {
  SmallVector<Type> types(body.getArgumentTypes());
  for (auto [number, input] : llvm::enumerate(kernel.getInputs()))
    types[number] = getType(input);
  unsigned first = types.size() - kernel.getNumResults();
  for (auto [number, result] : llvm::enumerate(kernel.getResults()))
    types[first + number] = getType(result);
  return types;
}

/// The gain of the convolution `kernel` with the layouts; nullopt if it has no
/// plan for them.
std::optional<double> AssignLayouts::getGain(exec::KernelOp kernel) {
  func::FuncOp body = bodies[kernel].clone();
  setTypes(body, getArgumentTypes(kernel, body,
                                  [&](Value value) { return getType(value); }));
  std::optional<double> gain;
  // A body outside the grammar is reported by lower-kernels.
  ScopedDiagnosticHandler silence(&getContext(),
                                  [](Diagnostic &) { return success(); });
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  std::optional<BlockedConvolutionPlan> plan;
  if (succeeded(schedule))
    plan = BlockedConvolutionPlan::compute(*schedule, /*isPacked=*/false);
  // A microkernel runs along a row; a column of pixels gives it one at a time.
  if (plan && !plan->isJoined && plan->column.size == 1)
    plan.reset();
  // pack-weights packs a filter that nothing but convolutions read.
  bool isPacked = plan.has_value();
  if (plan && plan->filterArgument) {
    Value filter = kernel.getInputs()[*plan->filterArgument];
    isPacked = filter.getDefiningOp<exec::WeightOp>() &&
               llvm::all_of(
                   filter.getUsers(),
                   [&](Operation *user) { return convolved.contains(user); }) &&
               body.getArgument(*plan->filterArgument).hasOneUse();
  }
  if (isPacked)
    gain = cinch::getGain(*plan, !getChannelBlocks(body.getResultTypes()[0]));
  body.erase();
  return gain;
}

/// Drops the values of convolutions that would have no plan; true if there are.
bool AssignLayouts::dropSlow() {
  bool changed = false;
  for (exec::KernelOp kernel : kernels) {
    if (!convolved.contains(kernel) ||
        llvm::none_of(getValues(kernel),
                      [&](Value value) { return getBlock(value) != 0; }))
      continue;
    std::optional<double> gain = getGain(kernel);
    gains[kernel] = gain.value_or(0);
    if (gain)
      continue;
    for (Value value : getValues(kernel))
      changed |= candidates.remove(value);
  }
  for (Value value : llvm::to_vector(candidates))
    if (getBlock(value) < minBlock)
      changed |= candidates.remove(value);
  return changed;
}

/// Values that kernels and concatenations connect.
llvm::EquivalenceClasses<Value> AssignLayouts::findRegions() {
  llvm::EquivalenceClasses<Value> regions;
  for (Value value : candidates)
    regions.insert(value);
  auto join = [&](ValueRange values) {
    Value first;
    for (Value value : values) {
      if (!candidates.contains(value))
        continue;
      if (first)
        regions.unionSets(first, value);
      first = value;
    }
  };
  for (exec::KernelOp kernel : kernels)
    join(getValues(kernel));
  getOperation().walk([&](exec::AssembleOp assemble) {
    SmallVector<Value> values(assemble.getInputs());
    values.push_back(assemble.getResult());
    join(values);
  });
  return regions;
}

/// Keeps the regions of which a convolution reads something.
void AssignLayouts::keepRegions() {
  llvm::EquivalenceClasses<Value> regions = findRegions();
  llvm::DenseSet<Value> kept;
  for (auto &[kernel, input] : convolved)
    if (candidates.contains(input))
      kept.insert(regions.getLeaderValue(input));
  candidates.remove_if([&](Value value) {
    return !kept.contains(regions.getLeaderValue(value));
  });
}

/// Drops the regions that cost more at their ends than they save; true if there
/// are any.
bool AssignLayouts::dropLosses() {
  llvm::EquivalenceClasses<Value> regions = findRegions();
  llvm::DenseMap<Value, double> sums;
  for (exec::KernelOp kernel : kernels) {
    SmallVector<Value> values = getValues(kernel);
    auto known = llvm::find_if(
        values, [&](Value value) { return candidates.contains(value); });
    if (known != values.end())
      sums[regions.getLeaderValue(*known)] += gains.lookup(kernel);
  }
  return candidates.remove_if([&](Value value) {
    return sums.lookup(regions.getLeaderValue(value)) <= 0;
  });
}

/// Calls a body for the layouts of the values of `kernel`.
void AssignLayouts::rewrite(exec::KernelOp kernel) {
  func::FuncOp body = bodies[kernel];
  if (replaceByRowView(kernel)) {
    --numCalls[body.getSymName()];
    return;
  }
  SmallVector<Type> types = getArgumentTypes(
      kernel, body, [](Value value) { return value.getType(); });
  if (types == SmallVector<Type>(body.getArgumentTypes()))
    return;
  Type signature = FunctionType::get(&getContext(), types, {});
  func::FuncOp &copy = copies[{body.getSymNameAttr(), signature}];
  if (!copy) {
    copy = body.clone();
    SymbolTable(getOperation()).insert(copy, ++Block::iterator(body));
    setTypes(copy, types);
  }
  --numCalls[body.getSymName()];
  kernel.setCallee(copy.getSymName());
  SmallVector<Attribute> pairs;
  for (auto pair : kernel.getInPlace().getAsRange<DenseI64ArrayAttr>())
    if (getChannelBlocks(kernel.getInputs()[pair[0]].getType()) ==
        getChannelBlocks(kernel.getResult(pair[1]).getType()))
      pairs.push_back(pair);
  kernel.setInPlaceAttr(ArrayAttr::get(&getContext(), pairs));
}

void AssignLayouts::runOnOperation() {
  kernels.clear();
  bodies.clear();
  convolved.clear();
  candidates.clear();
  gains.clear();
  numCalls.clear();
  copies.clear();
  findKernels();
  findCandidates();
  dropUnwalked();
  dropPartialJoins(getOperation(), candidates);
  do {
    keepRegions();
    joinBlocks();
  } while (dropSlow() || dropLosses());
  SmallVector<std::pair<Value, Type>> changes;
  for (Value value : candidates)
    changes.push_back({value, getType(value)});
  for (auto [value, type] : changes)
    value.setType(type);
  llvm::SetVector<func::FuncOp> originals;
  for (exec::KernelOp kernel : kernels) {
    originals.insert(bodies[kernel]);
    rewrite(kernel);
  }
  for (func::FuncOp body : originals)
    if (numCalls.lookup(body.getSymName()) == 0)
      body.erase();
}
