//===- KernelSchedule.cpp - the loop order of a generated kernel ----------===//
//
// Walks the body from its roots with, per tensor index, what it depends on in
// the parallel space. From that: which dimensions row statistics depend on
// (they are outer), which reductions read memory along the last dimension, and
// which neighbouring dimensions are one contiguous dimension for every access.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

#include "dialects/Exec/Exec.h"
#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;

namespace {

/// What one index of an access depends on.
struct Dependence {
  uint64_t dims = 0;    ///< dimensions of the space, as bits
  int exact = -1;       ///< it is this dimension itself
  bool isSplit = false; ///< it is the loop that the space splits
  bool reduced = false; ///< it depends on a loop of a reduction
};

class Walk {
public:
  Walk(KernelSchedule &schedule) : schedule(schedule) {}

  /// Visits all accesses behind `tensor` at `indices`.
  void visit(Value tensor, ArrayRef<Dependence> indices);
  /// Visits the operands of `op` for loops that depend as `loops`.
  void visitOperands(linalg::GenericOp op, ArrayRef<Dependence> loops);
  /// An access of a tensor of `type` in memory at `indices`.
  void access(Type type, ArrayRef<Dependence> indices);

private:
  Dependence dependenceOf(Value value, linalg::GenericOp op,
                          ArrayRef<Dependence> loops);
  Dependence dependenceOf(AffineExpr expr, ArrayRef<Dependence> loops);
  void use(const Dependence &opaque);
  SmallVector<Dependence> getStored(Type type, ArrayRef<Dependence> indices);

  KernelSchedule &schedule;
  KernelReduction *current = nullptr;
  DenseSet<std::pair<Value, uint64_t>> visited;
};

} // namespace

static Dependence join(Dependence a, const Dependence &b) {
  a.dims |= b.dims;
  a.reduced |= b.reduced;
  a.exact = -1;
  a.isSplit = false;
  return a;
}

Dependence Walk::dependenceOf(AffineExpr expr, ArrayRef<Dependence> loops) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return loops[dim.getPosition()];
  Dependence result;
  expr.walk([&](AffineExpr inner) {
    if (auto dim = dyn_cast<AffineDimExpr>(inner))
      result = join(result, loops[dim.getPosition()]);
  });
  return result;
}

Dependence Walk::dependenceOf(Value value, linalg::GenericOp op,
                              ArrayRef<Dependence> loops) {
  Dependence result;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() != op.getBlock()) {
      for (const Dependence &loop : loops)
        result = join(result, loop);
      return result;
    }
    AffineMap map =
        op.getMatchingIndexingMap(op.getMatchingOpOperand(argument));
    for (AffineExpr expr : map.getResults())
      result = join(result, dependenceOf(expr, loops));
    return result;
  }
  Operation *def = value.getDefiningOp();
  if (!op->isProperAncestor(def))
    return result;
  if (auto index = dyn_cast<linalg::IndexOp>(def))
    return loops[index.getDim()];
  for (Value operand : def->getOperands())
    result = join(result, dependenceOf(operand, op, loops));
  if (def->getNumRegions() != 0)
    for (const Dependence &loop : loops)
      result = join(result, loop);
  return result;
}

/// Dimensions in `opaque` are computed with: they cannot be merged.
void Walk::use(const Dependence &opaque) {
  for (unsigned dim = 0; dim < schedule.rank; ++dim)
    if (opaque.dims >> dim & 1) {
      if (dim + 1 < schedule.rank)
        schedule.merged[dim] = false;
      if (dim > 0)
        schedule.merged[dim - 1] = false;
    }
}

/// The indices in the order in which a tensor of `type` is stored.
SmallVector<Dependence> Walk::getStored(Type type,
                                        ArrayRef<Dependence> indices) {
  SmallVector<Dependence> stored(indices);
  exec::ChannelBlocksAttr blocks = getChannelBlocks(type);
  if (!blocks)
    return stored;
  Dependence outer = stored[1], inner = stored[1];
  if (blocks.getSize() == cast<RankedTensorType>(type).getDimSize(1)) {
    stored.erase(stored.begin() + 1);
  } else {
    if (outer.isSplit && schedule.split->block == blocks.getSize()) {
      auto makeExact = [](Dependence &part, unsigned dim) {
        part.dims = uint64_t(1) << dim;
        part.exact = dim;
      };
      makeExact(outer, schedule.split->outer);
      makeExact(inner, schedule.split->inner);
    } else {
      outer.exact = inner.exact = -1;
    }
    stored[1] = outer;
  }
  stored.push_back(inner);
  return stored;
}

void Walk::access(Type type, ArrayRef<Dependence> logical) {
  SmallVector<Dependence> indices = getStored(type, logical);
  for (unsigned dim = 0; dim + 1 < schedule.rank; ++dim) {
    bool uses = false, inOrder = false;
    for (auto [position, index] : llvm::enumerate(indices)) {
      if (!(index.dims >> dim & 3))
        continue;
      uses = true;
      // Axes of size 1 in between make no difference.
      size_t next = position + 1;
      while (next < indices.size() && indices[next].exact >= 0 &&
             schedule.isUnit[indices[next].exact])
        ++next;
      if (index.exact == static_cast<int>(dim) && next < indices.size() &&
          indices[next].exact == static_cast<int>(dim + 1))
        inOrder = true;
    }
    unsigned count = llvm::count_if(indices, [&](const Dependence &index) {
      return index.dims >> dim & 3;
    });
    if (uses && !(inOrder && count == 2))
      schedule.merged[dim] = false;
  }
  ArrayRef<Dependence> rest(indices);
  auto isFixed = [&](const Dependence &index) {
    return index.exact >= 0 ? bool(schedule.isUnit[index.exact])
                            : index.dims == 0 && !index.reduced;
  };
  while (!rest.empty() && isFixed(rest.back()))
    rest = rest.drop_back();
  if (current && !rest.empty() && (rest.back().dims >> (schedule.rank - 1) & 1))
    current->byColumns = true;
}

void Walk::visit(Value tensor, ArrayRef<Dependence> indices) {
  auto generic = tensor.getDefiningOp<linalg::GenericOp>();
  if (!generic) {
    access(tensor.getType(), indices);
    return;
  }
  AffineMap map = generic.getIndexingMapMatchingResult(cast<OpResult>(tensor));
  SmallVector<Dependence> loops(generic.getNumLoops());
  for (auto [expr, index] : llvm::zip(map.getResults(), indices))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = index;
  if (generic.getNumReductionLoops() == 0) {
    visitOperands(generic, loops);
    return;
  }
  SmallVector<unsigned> reductionDims;
  generic.getReductionDims(reductionDims);
  for (unsigned dim : reductionDims) {
    loops[dim] = Dependence();
    loops[dim].reduced = true;
  }
  for (KernelReduction &known : schedule.reductions)
    if (known.op == generic)
      return;
  // A reduction per element of another one is part of that one's loop.
  if (llvm::any_of(indices,
                   [](const Dependence &index) { return index.reduced; })) {
    visitOperands(generic, loops);
    return;
  }
  KernelReduction reduction;
  reduction.op = generic;
  for (const Dependence &index : indices)
    reduction.dims |= index.dims;
  for (auto [number, loop] : llvm::enumerate(loops)) {
    reduction.spaceDims.push_back(loop.exact);
    if (loop.isSplit)
      reduction.splitLoop = number;
  }
  KernelReduction *outer = current;
  current = &reduction;
  visitOperands(generic, loops);
  current = outer;
  schedule.reductions.push_back(reduction);
}

void Walk::visitOperands(linalg::GenericOp op, ArrayRef<Dependence> loops) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()) ||
        op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    SmallVector<Dependence> indices;
    // A plain loop stays one where it has one iteration: roles go by it.
    for (auto [plain, simple] :
         llvm::zip(op.getMatchingIndexingMap(&operand).getResults(),
                   getSimplifiedMap(op, &operand).getResults())) {
      AffineExpr expr = isa<AffineDimExpr>(plain) ? plain : simple;
      indices.push_back(dependenceOf(expr, loops));
      if (!isa<AffineDimExpr>(expr))
        use(indices.back());
    }
    visit(operand.get(), indices);
  }
  op->walk([&](Operation *inner) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      use(loops[index.getDim()]);
    auto extract = dyn_cast<tensor::ExtractOp>(inner);
    if (!extract)
      return;
    SmallVector<Dependence> indices;
    for (Value value : extract.getIndices()) {
      indices.push_back(dependenceOf(value, op, loops));
      use(indices.back());
    }
    visit(extract.getTensor(), indices);
  });
}

FailureOr<KernelSchedule> KernelSchedule::compute(func::FuncOp body) {
  KernelSchedule schedule;
  auto yield = cast<func::ReturnOp>(body.front().getTerminator());
  unsigned firstDestination = body.getNumArguments() - yield.getNumOperands();
  for (auto [number, operand] : llvm::enumerate(yield.getOperands())) {
    Value value = operand, offset;
    unsigned axis = 0;
    bool hasAxis = false;
    if (auto insert = value.getDefiningOp<tensor::InsertSliceOp>()) {
      // Positions along one axis.
      value = insert.getSource();
      while (axis < insert.getMixedOffsets().size() &&
             !isa<Value>(insert.getMixedOffsets()[axis]))
        ++axis;
      int64_t rank = insert.getSourceType().getRank();
      hasAxis = rank == insert.getType().getRank();
      if (axis == insert.getMixedOffsets().size() ||
          (!hasAxis && rank != insert.getType().getRank() - 1))
        return body.emitOpError("inserts more than positions along one axis");
      offset = cast<Value>(insert.getMixedOffsets()[axis]);
    }
    auto op = value.getDefiningOp<linalg::LinalgOp>();
    if (!op || !isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
      return body.emitOpError("returns a value that is not computed by a "
                              "'linalg.generic' or 'linalg.fill'");
    schedule.roots.push_back({op, cast<OpResult>(value).getResultNumber(),
                              firstDestination + static_cast<unsigned>(number),
                              axis, offset, hasAxis});
  }
  if (schedule.roots.empty())
    return body.emitOpError("returns nothing");
  schedule.rank = getSpaceLoops(schedule, schedule.roots.front()).size();
  if (schedule.rank > 62)
    return body.emitOpError("has too many dimensions");
  // A state has gaps between its rows.
  schedule.merged.assign(schedule.rank, !body->hasAttr(exec::rowsAttrName));
  SmallVector<int64_t> ranges = schedule.roots.front().op.getStaticLoopRanges();
  SmallVector<unsigned> order = getSpaceLoops(schedule, schedule.roots.front());
  for (auto [dim, loop] : llvm::enumerate(order)) {
    schedule.isUnit.push_back(ranges[loop] == 1);
    size_t first = llvm::find(order, loop) - order.begin();
    if (first != dim)
      schedule.split = {static_cast<unsigned>(first),
                        static_cast<unsigned>(dim),
                        getRootBlocks(schedule).getSize()};
  }
  if (schedule.rank)
    schedule.merged.back() = false;

  Walk walk(schedule);
  for (KernelRoot &root : schedule.roots) {
    SmallVector<unsigned> loops = getSpaceLoops(schedule, root);
    if (loops.size() != schedule.rank ||
        root.op.getNumParallelLoops() + schedule.split.has_value() !=
            schedule.rank)
      return root.op.emitOpError(
          "expected all results of the kernel to have one parallel space");
    SmallVector<Dependence> dependences(root.op.getNumLoops());
    for (auto [position, loop] : llvm::enumerate(loops)) {
      if (root.op.getStaticLoopRanges()[loop] == 1 &&
          !schedule.isUnit[position]) {
        root.isOfRow = true;
        continue;
      }
      Dependence &dependence = dependences[loop];
      dependence.isSplit = dependence.dims != 0;
      dependence.dims |= uint64_t(1) << position;
      dependence.exact = dependence.isSplit ? -1 : static_cast<int>(position);
    }
    SmallVector<Dependence> stored;
    Value result = root.op->getResult(root.result);
    AffineMap map =
        root.op.getIndexingMapMatchingResult(cast<OpResult>(result));
    for (AffineExpr expr : map.getResults()) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim && !isa<AffineConstantExpr>(expr))
        return root.op.emitOpError("stores through a map that is not a "
                                   "projected permutation: ")
               << AffineMapAttr::get(map);
      stored.push_back(dim ? dependences[dim.getPosition()] : Dependence());
    }
    SmallVector<Dependence> place(stored);
    if (root.hasAxis)
      place[root.axis].exact = -1;
    else if (root.offset)
      place.insert(place.begin() + root.axis, Dependence());
    walk.access(body.getArgument(root.argument).getType(), place);
    walk.visit(result, stored);
  }

  unsigned last = schedule.rank - 1;
  uint64_t outer = 0;
  for (KernelReduction &reduction : schedule.reductions) {
    bool isRoot = llvm::any_of(schedule.roots, [&](const KernelRoot &root) {
      return root.op == reduction.op;
    });
    bool usesLast = schedule.rank && (reduction.dims >> last & 1);
    // A block of columns needs every index to be a dimension of the space.
    uint64_t exact = 0;
    for (int dim : reduction.spaceDims)
      exact |= dim < 0 ? 0 : uint64_t(1) << dim;
    if (reduction.splitLoop >= 0)
      exact |= uint64_t(1) << schedule.split->outer |
               uint64_t(1) << schedule.split->inner;
    reduction.byColumns &= usesLast && exact == reduction.dims;
    outer |= reduction.dims;
    uint64_t all = (uint64_t(1) << schedule.rank) - 1;
    if (!isRoot && reduction.dims != all) {
      schedule.hasStatistics = true;
      schedule.statisticDims |= reduction.dims;
    }
    if (!usesLast)
      schedule.splitLast = false;
  }
  for (KernelRoot &root : schedule.roots)
    if (root.isOfRow && (!schedule.hasStatistics || schedule.splitLast))
      return root.op.emitOpError("is a result of rows that have no statistic");
  for (unsigned dim = 0; dim + 1 < schedule.rank; ++dim) {
    // Only dimensions that every reduction treats alike are walked as one.
    for (KernelReduction &reduction : schedule.reductions)
      if ((reduction.dims >> dim & 1) != (reduction.dims >> (dim + 1) & 1))
        schedule.merged[dim] = false;
    bool isTile = !schedule.hasStatistics || (outer >> dim & 1);
    (isTile ? schedule.tileDims : schedule.innerDims).push_back(dim);
  }
  return schedule;
}
