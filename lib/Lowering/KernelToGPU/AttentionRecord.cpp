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

static void describe(func::FuncOp body, AttentionPlan &plan,
                     const AttentionLayout &layout, NamedAttrList &fields) {
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
  Expr blocks = heads * Expr::ceilDiv(rows, layout.getRows());
  if (layout.usesMatrices) {
    Expr count = blocks * Expr::ceilDiv(*keys, layout.getKeys()) *
                 Expr(layout.getMatrixOps());
    fields.set("matrix_count", builder.getStringAttr(count.str()));
  }
  int64_t bytes = layout.element.getIntOrFloatBitWidth() / 8;
  Expr load = heads * rows * Expr(plan.headSize * bytes) +
              blocks * *keys * Expr((plan.headSize + plan.valueSize) * bytes);
  fields.set("load_bytes", builder.getStringAttr(load.str()));
}

DeviceSchedule cinch::describeAttention(func::FuncOp body, AttentionPlan &plan,
                                        const AttentionLayouts &layouts) {
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
  NamedAttrList fields;
  describe(body, plan, many, fields);
  if (layouts.few) {
    schedule.sharedBytes =
        std::max(schedule.sharedBytes, layouts.few->sharedBytes);
    NamedAttrList few;
    describe(body, plan, *layouts.few, few);
    fields.set("few", few.getDictionary(body.getContext()));
  }
  schedule.details.append(fields.begin(), fields.end());
  return schedule;
}
