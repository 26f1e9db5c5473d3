//===- GraphSimplify.cpp - resolves shape arithmetic ----------------------===//
//
// Exported models compute shapes with a dozen small operations per layer. Kept,
// each would be a kernel; known, they are numbers. Everything here is exact and
// costs one run of the shape analysis per round, two or three rounds.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Common/Report.h"
#include "passes/Common/SymbolicShape.h"
#include "passes/Graph/MergeEqual.h"
#include "passes/Graph/Names.h"
#include "passes/Graph/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace cinch::graph {
#define GEN_PASS_DEF_GRAPHSIMPLIFYPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

namespace {
struct Counts {
  int64_t folded = 0, refined = 0, merged = 0, bypassed = 0, removed = 0;
  int64_t sum() const { return folded + refined + merged + bypassed + removed; }
};
} // namespace

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Replaces the only result of `op` by `replacement`, which computes the same;
/// false if the function returns the result and its name has no other bearer.
static bool bypass(Operation *op, Value replacement) {
  Value result = op->getResult(0);
  if (isReturned(result)) {
    Operation *producer = replacement.getDefiningOp();
    if (!producer || !isa<GraphDialect>(producer->getDialect()) ||
        isReturned(replacement))
      return false;
    auto names = producer->getAttrOfType<ArrayAttr>("names");
    auto name = op->getAttrOfType<ArrayAttr>("names");
    if (names && name && names.size() == producer->getNumResults()) {
      SmallVector<Attribute> renamed(names.begin(), names.end());
      renamed[cast<OpResult>(replacement).getResultNumber()] = name[0];
      producer->setAttr("names", ArrayAttr::get(op->getContext(), renamed));
    }
  }
  result.replaceAllUsesWith(replacement);
  op->erase();
  return true;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

using Ties = SmallVector<std::pair<Value, Value>>;

static void tie(ValueRange a, ValueRange b, Ties &ties) {
  for (auto [left, right] : llvm::zip(a, b))
    ties.push_back({left, right});
}

/// Pairs of values that control flow wants of one type.
static Ties getTies(func::FuncOp function) {
  Ties ties;
  function.walk([&](Operation *op) {
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
        if (!region->empty())
          tie(region->front().getTerminator()->getOperands(), op->getResults(),
              ties);
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      tie(loop.getInitArgs(), loop.getRegionIterArgs(), ties);
      tie(loop.getBody()->getTerminator()->getOperands(),
          loop.getRegionIterArgs(), ties);
      tie(loop.getResults(), loop.getRegionIterArgs(), ties);
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      tie(loop.getInits(), loop.getBeforeArguments(), ties);
      tie(loop.getYieldOp().getOperands(), loop.getBeforeArguments(), ties);
      tie(loop.getConditionOp().getArgs(), loop.getAfterArguments(), ties);
      tie(loop.getResults(), loop.getAfterArguments(), ties);
    }
  });
  return ties;
}

/// Puts known dimensions into the types. Where control flow ties values of
/// which one stays dynamic, all keep their type.
static void refineTypes(func::FuncOp function,
                        const SymbolicShapeAnalysis &analysis, Counts &counts) {
  llvm::MapVector<Value, Type> refined;
  auto propose = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    const ValueShape *shape = analysis.get(value);
    if (!type || !shape || type.hasStaticShape())
      return;
    Type proposal = getTensorType(shape->dims, type.getElementType());
    if (proposal != type)
      refined[value] = proposal;
  };
  function.walk([&](Block *block) {
    if (block != &function.front())
      llvm::for_each(block->getArguments(), propose);
    for (Operation &op : *block)
      llvm::for_each(op.getResults(), propose);
  });
  if (function.isPrivate()) // callers have its type
    for (Value value : function.front().getTerminator()->getOperands())
      refined.erase(value);
  Ties ties = getTies(function);
  auto typeOf = [&](Value value) {
    auto found = refined.find(value);
    return found == refined.end() ? value.getType() : found->second;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (auto [a, b] : ties)
      if (typeOf(a) != typeOf(b)) {
        refined.erase(a);
        refined.erase(b);
        changed = true;
      }
  }
  for (auto [value, type] : refined)
    value.setType(type);
  counts.refined += refined.size();
  Operation *terminator = function.front().getTerminator();
  function.setFunctionType(FunctionType::get(function.getContext(),
                                             function.getArgumentTypes(),
                                             terminator->getOperandTypes()));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The elements of `value` if the analysis knows all of them as numbers.
static std::optional<SmallVector<int64_t>>
getKnownElements(Value value, const SymbolicShapeAnalysis &analysis) {
  const ValueShape *shape = analysis.get(value);
  if (!shape || !shape->contents)
    return std::nullopt;
  SmallVector<int64_t> elements;
  for (const Expr &element : *shape->contents) {
    auto constant = element.asConstant();
    if (!constant)
      return std::nullopt;
    elements.push_back(*constant);
  }
  return elements;
}

/// Turns operations whose result is known into constants.
static void foldKnown(func::FuncOp function,
                      const SymbolicShapeAnalysis &analysis, Counts &counts) {
  function.walk([&](Operation *op) {
    OpBuilder builder(op);
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      auto elements = getKnownElements(extract.getTensor(), analysis);
      auto type = dyn_cast<IntegerType>(extract.getType());
      if (!elements || elements->size() != 1 || !type || !type.isSignless())
        return;
      Value constant = arith::ConstantOp::create(
          builder, op->getLoc(),
          builder.getIntegerAttr(type, elements->front()));
      op->getResult(0).replaceAllUsesWith(constant);
      ++counts.folded;
      return;
    }
    if (!isa_and_nonnull<GraphDialect>(op->getDialect()) ||
        isa<ConstantOp, ExpectOp>(op) || op->getNumResults() != 1)
      return;
    Value result = op->getResult(0);
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type || !type.hasStaticShape() ||
        !isa<IntegerType>(type.getElementType()) || result.use_empty())
      return;
    auto elements = getKnownElements(result, analysis);
    if (!elements)
      return;
    auto constant = ConstantOp::create(builder, op->getLoc(),
                                       getIntegerConstant(type, *elements));
    if (Attribute names = op->getAttr("names"))
      constant->setAttr("names", names);
    result.replaceAllUsesWith(constant);
    op->erase();
    ++counts.folded;
  });
}

//===----------------------------------------------------------------------===//
// Identities
//===----------------------------------------------------------------------===//

/// True if `op`, whose result has the type and dimensions of operand 0, returns
/// it.
static bool returnsItsOperand(Operation *op,
                              const SymbolicShapeAnalysis &analysis) {
  if (isa<ReshapeOp, FlattenOp, BroadcastOp, TileOp, CastOp, SqueezeOp,
          UnsqueezeOp>(op))
    return true;
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return llvm::is_sorted(transpose.getPermutation());
  if (auto slice = dyn_cast<SliceOp>(op)) // all positions, in order
    return llvm::all_of(slice.getSteps(),
                        [](int64_t step) { return step == 1; });
  if (auto concat = dyn_cast<ConcatOp>(op))
    return concat.getInputs().size() == 1;
  if (auto pad = dyn_cast<PadOp>(op)) {
    auto pads = getKnownElements(pad.getPads(), analysis);
    return pads && llvm::all_of(*pads, [](int64_t pad) { return pad == 0; });
  }
  auto isOverNothing = [](auto reduce) {
    return reduce && reduce.getAxes().empty();
  };
  return isOverNothing(dyn_cast<ReduceSumOp>(op)) ||
         isOverNothing(dyn_cast<ReduceMeanOp>(op)) ||
         isOverNothing(dyn_cast<ReduceProdOp>(op)) ||
         isOverNothing(dyn_cast<ReduceMaxOp>(op)) ||
         isOverNothing(dyn_cast<ReduceMinOp>(op));
}

static void bypassIdentities(func::FuncOp function,
                             const SymbolicShapeAnalysis &analysis,
                             Counts &counts) {
  function.walk([&](Operation *op) {
    if (!isa_and_nonnull<GraphDialect>(op->getDialect()) ||
        op->getNumResults() != 1 || op->getNumOperands() == 0)
      return;
    Value input = op->getOperand(0), result = op->getResult(0);
    const ValueShape *from = analysis.get(input), *to = analysis.get(result);
    if (!from || !to || input.getType() != result.getType() ||
        from->dims != to->dims || !returnsItsOperand(op, analysis))
      return;
    counts.bypassed += bypass(op, input);
  });
}

namespace {
/// transpose(transpose(x)) -> transpose(x).
struct ComposeTransposes : public OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "input is no transpose");
    SmallVector<int64_t> permutation;
    for (int64_t axis : op.getPermutation())
      permutation.push_back(inner.getPermutation()[axis]);
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(inner.getInput());
      op.setPermutation(permutation);
    });
    return success();
  }
};

/// reshape(reshape(x)) -> reshape(x), where the outer shape copies no
/// dimension.
struct ComposeReshapes : public OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    Operation *inner = op.getInput().getDefiningOp();
    if (!isa_and_nonnull<ReshapeOp, FlattenOp, SqueezeOp, UnsqueezeOp>(inner))
      return rewriter.notifyMatchFailure(op, "input is no reshape");
    auto shape = getIntegers(getConstantValue(op.getShape()));
    if (!shape || (!op.getAllowZero() && llvm::is_contained(*shape, 0)))
      return rewriter.notifyMatchFailure(
          op, "shape is not constant or copies a dimension");
    rewriter.modifyOpInPlace(
        op, [&] { op.getInputMutable().assign(inner->getOperand(0)); });
    return success();
  }
};
} // namespace

/// Erases operations without effect whose results nobody uses.
static void removeUnused(func::FuncOp function, Counts &counts) {
  function.walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
    if (op != function && isOpTriviallyDead(op)) {
      op->erase();
      ++counts.removed;
    }
  });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct GraphSimplify
    : public graph::impl::GraphSimplifyPassBase<GraphSimplify> {
  using GraphSimplifyPassBase::GraphSimplifyPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    RewritePatternSet patterns(&getContext());
    patterns.add<ComposeTransposes, ComposeReshapes>(&getContext());
    scf::IfOp::getCanonicalizationPatterns(patterns, &getContext());
    FrozenRewritePatternSet frozen(std::move(patterns));
    GreedyRewriteConfig config;
    config.enableFolding(false); // keeps the names of constants
    config.enableConstantCSE(false);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);

    Counts counts;
    // What one round resolves may let the next see more: a branch, an empty
    // slice.
    for (unsigned round = 0; round < maxRounds; ++round) {
      int64_t before = counts.sum();
      auto analysis = SymbolicShapeAnalysis::compute(function);
      if (failed(analysis))
        return signalPassFailure();
      refineTypes(function, *analysis, counts);
      bypassIdentities(function, *analysis, counts);
      foldKnown(function, *analysis, counts);
      removeUnused(function, counts);
      counts.merged += mergeEqual(function);
      bool changed = false;
      if (failed(applyPatternsGreedily(function, frozen, config, &changed)))
        return signalPassFailure();
      removeUnused(function, counts);
      if (!changed && counts.sum() == before)
        break;
    }
    if (report)
      function->setAttr(
          "graph.simplify_report",
          getNumbersAttr(&getContext(), {{"bypassed", counts.bypassed},
                                         {"folded", counts.folded},
                                         {"merged", counts.merged},
                                         {"refined", counts.refined},
                                         {"removed", counts.removed}}));
  }

  static constexpr unsigned maxRounds = 8;
};
} // namespace
