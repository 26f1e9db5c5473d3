//===- AttentionPlan.cpp - how an attention becomes blocks ----------------===//
#include "lib/Lowering/KernelToLLVM/AttentionPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace cinch;

/// Keys per block, rows per tile where few and where many: the block of scores
/// stays in the second level cache with the queries and the results.
static constexpr int64_t maxBlockKeys = 128, fewRows = 8, manyRows = 64;
/// Most heads whose access to keys and values is compared.
static constexpr int64_t maxHeads = 256;

/// What `value` is widened from; else `value`.
static Value skipWidening(Value value) {
  auto extend = value.getDefiningOp<arith::ExtFOp>();
  return extend ? extend.getIn() : value;
}

/// exp(x - y) for the arguments `x`, which may be widened, and `y` of the
/// region of `op`.
static bool isShiftedExp(Value value, linalg::GenericOp op) {
  auto exp = value.getDefiningOp<math::ExpOp>();
  auto shift =
      exp ? exp.getOperand().getDefiningOp<arith::SubFOp>() : arith::SubFOp();
  return shift &&
         skipWidening(shift.getLhs()) == op.getBlock()->getArgument(0) &&
         shift.getRhs() == op.getBlock()->getArgument(1);
}

static Value getYielded(linalg::GenericOp op) {
  return op.getBlock()->getTerminator()->getOperand(0);
}

/// What `value` is rounded from where probabilities are stored in 16 bits; else
/// `value`.
static Value skipRounding(Value value) {
  auto rounding = value.getDefiningOp<linalg::GenericOp>();
  if (!rounding || rounding.getNumDpsInputs() != 1 ||
      rounding.getNumReductionLoops() != 0 ||
      !rounding.getMatchingIndexingMap(rounding.getDpsInputOperand(0))
           .isIdentity())
    return value;
  auto truncate = getYielded(rounding).getDefiningOp<arith::TruncFOp>();
  return truncate && truncate.getIn() == rounding.getBlock()->getArgument(0)
             ? rounding.getInputs()[0]
             : value;
}

/// The logits if `value` is their softmax as form-kernels writes it: the
/// quotient of exp(x - max x) and its sum. Null if it is not.
static Value getLogits(Value value) {
  auto quotient = value.getDefiningOp<linalg::GenericOp>();
  if (!quotient || quotient.getNumDpsInputs() != 3 ||
      quotient.getNumReductionLoops() != 0)
    return nullptr;
  Value weight = getYielded(quotient);
  if (auto truncate = weight.getDefiningOp<arith::TruncFOp>())
    weight = truncate.getIn();
  auto divide = weight.getDefiningOp<arith::DivFOp>();
  if (!divide || !isShiftedExp(divide.getLhs(), quotient) ||
      divide.getRhs() != quotient.getBlock()->getArgument(2))
    return nullptr;
  Value logits = quotient.getInputs()[0];
  auto largest = quotient.getInputs()[1].getDefiningOp<linalg::GenericOp>();
  auto sum = quotient.getInputs()[2].getDefiningOp<linalg::GenericOp>();
  if (!largest || !sum || largest.getNumReductionLoops() != 1 ||
      sum.getNumReductionLoops() != 1 || largest.getNumDpsInputs() != 1 ||
      largest.getInputs()[0] != logits || sum.getNumDpsInputs() != 2 ||
      sum.getInputs()[0] != logits ||
      sum.getInputs()[1] != quotient.getInputs()[1])
    return nullptr;
  auto add = getYielded(sum).getDefiningOp<arith::AddFOp>();
  return add && isShiftedExp(add.getRhs(), sum) &&
                 getYielded(largest).getDefiningOp<arith::MaximumFOp>()
             ? logits
             : nullptr;
}

/// The contraction behind `logits`, through element-wise operations.
static linalg::GenericOp findScores(Value logits) {
  auto generic = logits.getDefiningOp<linalg::GenericOp>();
  if (!generic)
    return nullptr;
  if (generic.getNumReductionLoops() == 1 && isMultiplyAdd(generic) &&
      startsAtZero(generic))
    return generic;
  if (generic.getNumReductionLoops() == 0)
    for (Value input : generic.getInputs())
      if (isa<RankedTensorType>(input.getType()))
        if (linalg::GenericOp found = findScores(input))
          return found;
  return nullptr;
}

/// True if the results of `op` are its loops but the last, in order.
static bool isInOrder(linalg::GenericOp op) {
  unsigned numLoops = op.getNumLoops();
  AffineMap map = op.getIndexingMapsArray().back();
  return numLoops >= 3 && map.getNumResults() == numLoops - 1 &&
         map.isIdentity() == false && map.isProjectedPermutation() &&
         llvm::all_of(llvm::enumerate(map.getResults()), [](auto pair) {
           return cast<AffineDimExpr>(pair.value()).getPosition() ==
                  pair.index();
         });
}

/// The elements between neighbours along loop `along` where `operand` is in
/// memory and contiguous along loop `inner`.
static std::optional<int64_t> getRowStride(linalg::GenericOp op,
                                           OpOperand *operand, unsigned along,
                                           unsigned inner) {
  auto type = cast<RankedTensorType>(operand->get().getType());
  if (!isa<BlockArgument>(operand->get()) || !type.getElementType().isF32())
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(operand);
  std::optional<size_t> rowAxis = findAxis(map, along),
                        innerAxis = findAxis(map, inner);
  if (!rowAxis || !innerAxis || getStride(type, *innerAxis) != 1)
    return std::nullopt;
  std::optional<int64_t> stride = getStride(type, *rowAxis);
  // Strides of microkernels are 32 bits.
  if (!stride || *stride > (int64_t(1) << 24))
    return std::nullopt;
  return stride;
}

/// True if `op` reads the same of `operand` at all `size` indices of loop
/// `loop` that are in one group of `group`.
static bool isSharedByGroup(linalg::GenericOp op, OpOperand *operand,
                            unsigned loop, int64_t size, int64_t group) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  AffineExpr dim = getAffineDimExpr(loop, op.getContext());
  auto isShared = [&](AffineExpr expr) {
    if (!expr.isFunctionOfDim(loop))
      return true;
    auto at = [&](int64_t index) {
      return expr.replace(dim, getAffineConstantExpr(index, op.getContext()));
    };
    for (int64_t index = 0; index < size; ++index)
      if (at(index) != at(index - index % group))
        return false;
    return true;
  };
  return llvm::all_of(map.getResults(), isShared);
}

/// The largest group of heads that fits into a tile and reads the same keys and
/// values.
static int64_t findGroup(AttentionPlan &plan) {
  if (plan.numBatch == 0)
    return 1;
  unsigned loop = plan.numBatch - 1;
  int64_t size = plan.product.getStaticLoopRanges()[loop];
  if (ShapedType::isDynamic(size) || size > maxHeads)
    return 1;
  for (int64_t group = std::min(size, manyRows); group > 1; --group)
    if (size % group == 0 &&
        isSharedByGroup(plan.scores, plan.getKeys(), loop, size, group) &&
        isSharedByGroup(plan.product, plan.getValues(), loop, size, group))
      return group;
  return 1;
}

/// Rows per tile for `numRows` rows (nullopt: not known) of each of `groupSize`
/// heads.
static SmallVector<int64_t> chooseBlockRows(std::optional<int64_t> numRows,
                                            int64_t groupSize) {
  auto align = [](int64_t rows) -> int64_t {
    return llvm::alignTo(std::max(rows, fewRows), fewRows);
  };
  if (numRows && *numRows * groupSize <= manyRows)
    return {align(*numRows * groupSize)};
  // Of each head as many as make whole vectors.
  int64_t headRows = manyRows / groupSize;
  if (headRows > fewRows)
    headRows -= headRows % fewRows;
  int64_t few = align(groupSize), many = align(headRows * groupSize);
  if (numRows || few == many)
    return {many};
  return {few, many};
}

std::optional<AttentionPlan>
AttentionPlan::compute(const KernelSchedule &schedule) {
  AttentionPlan plan;
  const KernelReduction *product = nullptr;
  for (const KernelReduction &reduction : schedule.reductions)
    if (linalg::GenericOp op = reduction.op;
        isMultiplyAdd(op) && startsAtZero(op) &&
        getLogits(skipRounding(op.getInputs()[0])))
      product = &reduction;
  if (!product)
    return std::nullopt;
  plan.product = product->op;
  plan.logits = getLogits(skipRounding(plan.product.getInputs()[0]));
  plan.scores = findScores(plan.logits);
  unsigned numLoops = plan.product.getNumLoops();
  if (!plan.scores || !isInOrder(plan.product) || !isInOrder(plan.scores) ||
      plan.scores.getNumLoops() != numLoops || schedule.rank != numLoops - 1)
    return std::nullopt;
  for (int dim : ArrayRef<int>(product->spaceDims).drop_back()) {
    if (dim < 0)
      return std::nullopt;
    plan.dimOfLoop.push_back(dim);
  }
  plan.numBatch = numLoops - 3;
  unsigned row = plan.numBatch, middle = row + 1, last = row + 2;
  SmallVector<int64_t> scoreRanges = plan.scores.getStaticLoopRanges();
  SmallVector<int64_t> productRanges = plan.product.getStaticLoopRanges();
  plan.headSize = scoreRanges[last];
  plan.valueSize = productRanges[middle];
  if (ShapedType::isDynamic(plan.headSize) ||
      ShapedType::isDynamic(plan.valueSize))
    return std::nullopt;
  if (!ShapedType::isDynamic(scoreRanges[row]))
    plan.numRows = scoreRanges[row];
  if (!ShapedType::isDynamic(scoreRanges[middle]))
    plan.numKeys = scoreRanges[middle];
  plan.keyStride = getRowStride(plan.scores, plan.getKeys(), middle, last);
  plan.valueStride = getRowStride(plan.product, plan.getValues(), last, middle);

  plan.blockKeys = maxBlockKeys;
  if (plan.numKeys && *plan.numKeys < maxBlockKeys)
    plan.blockKeys = llvm::PowerOf2Ceil(std::max<int64_t>(*plan.numKeys, 1));
  plan.groupSize = findGroup(plan);
  plan.blockRows = chooseBlockRows(plan.numRows, plan.groupSize);
  return plan;
}
