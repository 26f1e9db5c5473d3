//===- AttentionRecord.cpp - what an attention will do --------------------===//
#include "lib/Lowering/KernelToGPU/AttentionRecord.h"

#include "lib/Lowering/KernelToLLVM/KernelFrame.h"
#include "runtime/Plan/Expr.h"

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

/// The size of loop `loop` of `op`: a number, or the word that holds it;
/// nullopt if there is none.
static std::optional<Expr> getSize(func::FuncOp body, linalg::GenericOp op,
                                   unsigned loop) {
  int64_t size = op.getStaticLoopRanges()[loop];
  if (!ShapedType::isDynamic(size))
    return Expr(size);
  int64_t word = 0;
  AffineExpr dim = getAffineDimExpr(loop, op.getContext());
  for (auto [number, type] : llvm::enumerate(body.getArgumentTypes())) {
    ++word;
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      continue;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (operand->get() == body.getArgument(number))
        for (auto [axis, expr] :
             llvm::enumerate(op.getMatchingIndexingMap(operand).getResults()))
          if (expr == dim && tensor.isDynamicDim(axis))
            return Expr::symbol(
                "word" +
                std::to_string(word + tensor.getDynamicDimIndex(axis)));
    word += tensor.getNumDynamicDims() + (getRowAxis(body, number) >= 0);
  }
  return std::nullopt;
}

/// The steps that the blocks of `tile` rows take, where only keys up to those
/// of `mask` are walked.
static Expr getSteps(AttentionPlan &plan, const AttentionLayout &layout,
                     const CausalMask &mask, const Expr &queries,
                     const Expr &keys, const Expr &tile) {
  Expr end = Expr::min(tile * Expr(layout.getRows()) + Expr(layout.getRows()),
                       queries * Expr(plan.groupSize));
  Expr query = Expr::floorDiv(end - Expr(1), plan.groupSize);
  Expr offset = Expr(mask.constant + 1);
  if (mask.isAtEnd)
    offset = offset + keys - queries;
  Expr seen = Expr::min(Expr::max(query + offset, 0), keys);
  return Expr::ceilDiv(seen, layout.getKeys());
}

static void describe(func::FuncOp body, AttentionPlan &plan,
                     const AttentionLayout &layout,
                     const std::optional<CausalMask> &mask,
                     NamedAttrList &fields) {
  Builder builder(body.getContext());
  auto add = [&](StringRef name, int64_t value) {
    fields.set(name, builder.getI64IntegerAttr(value));
  };
  add("rows", layout.getRows());
  add("keys", layout.getKeys());
  add("key_warps", layout.keyWarps);
  if (layout.usesMatrices)
    fields.set("matrix",
               builder.getStringAttr(getMatrixName(layout.getKind())));
  Expr heads = 1; // groups of them
  for (unsigned loop = 0; loop < plan.numBatch; ++loop) {
    std::optional<Expr> size = getSize(body, plan.scores, loop);
    if (size && loop + 1 == plan.numBatch && plan.groupSize != 1)
      size = Expr(plan.scores.getStaticLoopRanges()[loop] / plan.groupSize);
    if (!size)
      return;
    heads = heads * *size;
  }
  std::optional<Expr> queries = getSize(body, plan.scores, plan.numBatch),
                      keys = getSize(body, plan.scores, plan.numBatch + 1);
  if (!queries || !keys)
    return;
  Expr rows = *queries * Expr(plan.groupSize);
  Expr tiles = Expr::ceilDiv(rows, layout.getRows());
  int64_t bytes = layout.element.getIntOrFloatBitWidth() / 8;
  Expr ops = heads * Expr(layout.getMatrixOps());
  Expr queryBytes = heads * rows * Expr(plan.headSize * bytes);
  Expr keyBytes = heads * Expr((plan.headSize + plan.valueSize) * bytes);
  auto set = [&](StringRef name, const std::string &text) {
    fields.set(name, builder.getStringAttr(text));
  };
  if (!mask) {
    if (layout.usesMatrices)
      set("matrix_count",
          (ops * tiles * Expr::ceilDiv(*keys, layout.getKeys())).str());
    set("load_bytes", (queryBytes + keyBytes * tiles * *keys).str());
    return;
  }
  // Expressions have no sums of a number of terms that is not known.
  auto sum = [&](const Expr &factor, const Expr &term) {
    return "(" + factor.str() + ") * sum(" + term.str() +
           " for tile in range(" + tiles.str() + "))";
  };
  Expr steps =
      getSteps(plan, layout, *mask, *queries, *keys, Expr::symbol("tile"));
  if (layout.usesMatrices)
    set("matrix_count", sum(ops, steps));
  Expr walked = Expr::min(steps * Expr(layout.getKeys()), *keys);
  set("load_bytes", queryBytes.str() + " + " + sum(keyBytes, walked));
}

DeviceSchedule cinch::describeAttention(func::FuncOp body, AttentionPlan &plan,
                                        const AttentionLayouts &layouts,
                                        const std::optional<CausalMask> &mask) {
  DeviceSchedule schedule;
  const AttentionLayout &many = layouts.many;
  schedule.threads = many.getThreads();
  schedule.sharedBytes = many.sharedBytes;
  schedule.name =
      many.usesMatrices ? "attention by matrix instructions" : "attention";
  schedule.reason = "heads of " + std::to_string(plan.headSize) + " and " +
                    std::to_string(plan.valueSize) + " elements, " +
                    std::to_string(plan.groupSize) +
                    " of them with the same keys and values";
  if (mask)
    schedule.reason += ", without the keys that a causal mask hides";
  NamedAttrList fields;
  describe(body, plan, many, mask, fields);
  if (layouts.few) {
    schedule.sharedBytes =
        std::max(schedule.sharedBytes, layouts.few->sharedBytes);
    NamedAttrList few;
    describe(body, plan, *layouts.few, mask, few);
    fields.set("few", few.getDictionary(body.getContext()));
  }
  schedule.details.append(fields.begin(), fields.end());
  return schedule;
}
