//===- CausalMask.cpp - keys that no query of a block looks at ------------===//
#include "lib/Lowering/KernelToGPU/CausalMask.h"

#include "lib/Lowering/KernelToGPU/MaskElement.h"

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

/// The size of loop `loop` of `op` in `call`, over the symbols of the program;
/// nullopt if no operand that `op` reads in place has it.
static std::optional<Expr> getSize(func::FuncOp body, exec::KernelOp call,
                                   linalg::GenericOp op, unsigned loop) {
  AffineExpr dim = getAffineDimExpr(loop, op.getContext());
  for (OpOperand *operand : op.getDpsInputOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand->get());
    if (!argument || argument.getArgNumber() >= call.getInputs().size())
      continue;
    auto dims = getProgramDims(call.getInputs()[argument.getArgNumber()]);
    if (!dims)
      continue;
    for (auto [axis, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(operand).getResults()))
      if (expr == dim)
        return (*dims)[axis];
  }
  int64_t size = op.getStaticLoopRanges()[loop];
  return ShapedType::isDynamic(size) ? std::nullopt : std::optional<Expr>(size);
}

static std::optional<CausalMask>
findInCall(func::FuncOp body, AttentionPlan &plan, exec::KernelOp call) {
  unsigned row = plan.numBatch, key = row + 1;
  MaskElements indices(key + 1);
  indices[row] = MaskElement::number(0, MaskElement::Query);
  indices[key] = MaskElement::number(0, MaskElement::Key);
  MaskElement logit = getBodyElement(call, plan.logits, indices);
  if (logit.kind != MaskElement::Hidden)
    return std::nullopt;
  if (auto constant = logit.value.asConstant())
    return CausalMask{/*isAtEnd=*/false, *constant};
  std::optional<Expr> queries = getSize(body, call, plan.scores, row),
                      keys = getSize(body, call, plan.scores, key);
  if (!queries || !keys)
    return std::nullopt;
  auto rest = (logit.value - (*keys - *queries)).asConstant();
  return rest ? std::optional(CausalMask{/*isAtEnd=*/true, *rest})
              : std::nullopt;
}

std::optional<CausalMask>
cinch::findCausalMask(func::FuncOp body, AttentionPlan &plan,
                      ArrayRef<exec::KernelOp> calls) {
  std::optional<CausalMask> mask;
  for (exec::KernelOp call : calls) {
    std::optional<CausalMask> found = findInCall(body, plan, call);
    if (!found || (mask && !(*mask == *found)))
      return std::nullopt;
    mask = found;
  }
  return mask;
}
