//===- ContractionRoles.cpp - a contraction as a product of matrices ------===//
#include "lib/Lowering/KernelToGPU/ContractionRoles.h"

#include "lib/Lowering/KernelToGPU/CodedOperand.h"
#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"
#include "lib/Lowering/KernelToLLVM/KernelFrame.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace cinch;

SmallVector<unsigned> ContractionRoles::getLoops(Role role) const {
  SmallVector<unsigned> numbers;
  for (auto [number, loop] : llvm::enumerate(loops))
    if (loop.role == role)
      numbers.push_back(number);
  return numbers;
}

std::optional<int64_t> ContractionRoles::getSize(Role role) const {
  int64_t size = 1;
  for (const RoleLoop &loop : loops) {
    if (loop.role != role)
      continue;
    if (!loop.size)
      return std::nullopt;
    size *= *loop.size;
  }
  return size;
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

/// The input of `op` that `value` is, or that it converts (`widen`).
static OpOperand *findFactor(linalg::GenericOp op, Value value,
                             Operation *&widen) {
  widen = nullptr;
  if (Operation *def = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(def))
      return nullptr;
    widen = def;
    value = def->getOperand(0);
  }
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBlock() ||
      argument.getArgNumber() >= op.getNumDpsInputs())
    return nullptr;
  return op.getMatchingOpOperand(argument);
}

/// Finds the two factors of the sum that `op` is; false if it is none, or does
/// not start at zero.
static bool findFactors(ContractionRoles &roles) {
  linalg::GenericOp op = roles.op;
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Operation *add =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(add))
    return false;
  roles.accumulator = add->getResult(0).getType();
  if (!roles.accumulator.isF32() && !roles.accumulator.isInteger(32))
    return false;
  Value output = op.getBlock()->getArgument(2);
  if (add->getOperand(0) != output && add->getOperand(1) != output)
    return false;
  Operation *product =
      add->getOperand(add->getOperand(0) == output ? 1 : 0).getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(product))
    return false;
  ContractionOperand &lhs = roles.lhs, &rhs = roles.rhs;
  lhs.operand = findFactor(op, product->getOperand(0), lhs.widen);
  rhs.operand = findFactor(op, product->getOperand(1), rhs.widen);
  if (!lhs.operand || !rhs.operand || lhs.operand == rhs.operand)
    return false;
  for (ContractionOperand *operand : {&lhs, &rhs})
    operand->element = getElementTypeOrSelf(operand->operand->get().getType());
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  return fill && (matchPattern(fill.value(), m_PosZeroFloat()) ||
                  matchPattern(fill.value(), m_Zero()));
}

//===----------------------------------------------------------------------===//
// The loops
//===----------------------------------------------------------------------===//

/// The number that `map` divides loop `loop` by, if it does so with one number
/// only: the filters of a group.
static std::optional<int64_t> findDivisor(AffineMap map, unsigned loop) {
  std::optional<int64_t> divisor;
  bool isPlain = false;
  std::function<void(AffineExpr)> visit = [&](AffineExpr expr) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary) {
      isPlain |= expr == getAffineDimExpr(loop, map.getContext());
      return;
    }
    auto number = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (expr.getKind() == AffineExprKind::FloorDiv && number &&
        binary.getLHS() == getAffineDimExpr(loop, map.getContext())) {
      isPlain |= divisor && *divisor != number.getValue();
      divisor = number.getValue();
      return;
    }
    visit(binary.getLHS());
    visit(binary.getRHS());
  };
  for (AffineExpr expr : map.getResults())
    visit(expr);
  return isPlain ? std::nullopt : divisor;
}

/// Makes the role loops of the loops of `op`, and the maps of its operands.
static void makeLoops(ContractionRoles &roles) {
  linalg::GenericOp op = roles.op;
  MLIRContext *context = op.getContext();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<AffineExpr> whole;
  DenseMap<AffineExpr, AffineExpr> parts;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    int64_t range = ranges[loop];
    bool isStatic = !ShapedType::isDynamic(range);
    std::optional<int64_t> divisor;
    for (ContractionOperand *operand : {&roles.lhs, &roles.rhs})
      if (!divisor && isStatic)
        divisor =
            findDivisor(op.getMatchingIndexingMap(operand->operand), loop);
    if (divisor && (range % *divisor != 0 || *divisor < 1))
      divisor.reset();
    auto add = [&](int64_t scale, std::optional<int64_t> size) {
      roles.loops.push_back({loop, scale, size});
      return size == 1 ? getAffineConstantExpr(0, context)
                       : getAffineDimExpr(roles.loops.size() - 1, context);
    };
    AffineExpr dim = getAffineDimExpr(loop, context);
    if (divisor) {
      AffineExpr outer = add(*divisor, range / *divisor);
      AffineExpr inner = add(1, *divisor);
      parts[dim.floorDiv(*divisor)] = outer;
      whole.push_back(outer * *divisor + inner);
      continue;
    }
    whole.push_back(
        add(1, isStatic ? std::optional<int64_t>(range) : std::nullopt));
  }
  unsigned numLoops = op.getNumLoops(), numParts = roles.loops.size();
  for (ContractionOperand *operand : {&roles.lhs, &roles.rhs}) {
    SmallVector<AffineExpr> results;
    // Parts get numbers behind those of the loops while both are there.
    DenseMap<AffineExpr, AffineExpr> shifted;
    for (auto [from, to] : parts)
      shifted[from] = to.shiftDims(numParts, numLoops);
    SmallVector<AffineExpr> dims(whole);
    for (unsigned part = 0; part < numParts; ++part)
      dims.push_back(getAffineDimExpr(part, context));
    AffineMap map = op.getMatchingIndexingMap(operand->operand);
    for (AffineExpr expr : map.getResults())
      results.push_back(
          simplifyAffineExpr(expr.replace(shifted).replaceDims(dims), numParts,
                             /*numSymbols=*/0));
    operand->map = AffineMap::get(numParts, 0, results, context);
  }
}

static bool isUsed(const ContractionOperand &operand, unsigned loop) {
  return llvm::any_of(operand.map.getResults(), [&](AffineExpr expr) {
    return expr.isFunctionOfDim(loop);
  });
}

/// Gives every loop its role; B is the operand that the innermost dimension of
/// the results walks through.
static void giveRoles(ContractionRoles &roles) {
  SmallVector<unsigned> reduced;
  roles.op.getReductionDims(reduced);
  auto find = [&](unsigned number) {
    if (llvm::is_contained(reduced, roles.loops[number].loop))
      return Role::Depth;
    bool inLhs = isUsed(roles.lhs, number), inRhs = isUsed(roles.rhs, number);
    return inLhs == inRhs ? Role::Batch : inLhs ? Role::Row : Role::Column;
  };
  for (unsigned dim = roles.loopOfDim.size(); dim-- > 0;) {
    std::optional<Role> role;
    for (unsigned number = 0; number < roles.loops.size(); ++number)
      if (roles.loops[number].loop == roles.loopOfDim[dim] &&
          find(number) != Role::Batch)
        role = find(number);
    if (!role)
      continue;
    if (*role == Role::Row)
      std::swap(roles.lhs, roles.rhs);
    break;
  }
  for (unsigned number = 0; number < roles.loops.size(); ++number)
    roles.loops[number].role = find(number);
  // In the order of the results, so that neighbours there are neighbours here.
  SmallVector<unsigned> order;
  for (unsigned loop : roles.loopOfDim)
    for (unsigned number = 0; number < roles.loops.size(); ++number)
      if (roles.loops[number].loop == loop)
        order.push_back(number);
  for (unsigned number = 0; number < roles.loops.size(); ++number)
    if (roles.loops[number].role == Role::Depth)
      order.push_back(number);
  SmallVector<RoleLoop> loops;
  SmallVector<AffineExpr> dims(order.size());
  for (auto [position, number] : llvm::enumerate(order)) {
    loops.push_back(roles.loops[number]);
    dims[number] = getAffineDimExpr(position, roles.op.getContext());
  }
  roles.loops = loops;
  for (ContractionOperand *operand : {&roles.lhs, &roles.rhs})
    operand->map =
        operand->map.replaceDimsAndSymbols(dims, {}, order.size(), 0);
}

std::optional<ContractionRoles>
ContractionRoles::compute(const KernelSchedule &schedule,
                          ArrayRef<int64_t> alignments) {
  if (schedule.reductions.size() != 1 || schedule.split || schedule.rank == 0)
    return std::nullopt;
  auto body = schedule.roots.front().op->getParentOfType<func::FuncOp>();
  // Rows of a state that are there already are not computed again.
  if (body->hasAttr(exec::appendAttrName))
    return std::nullopt;
  const KernelReduction &reduction = schedule.reductions.front();
  ContractionRoles roles;
  roles.op = reduction.op;
  if (!findFactors(roles))
    return std::nullopt;
  roles.loopOfDim.assign(schedule.rank, ~0u);
  for (auto [loop, dim] : llvm::enumerate(reduction.spaceDims))
    if (dim >= 0)
      roles.loopOfDim[dim] = loop;
  // Every parallel loop is a dimension, and every dimension is a loop.
  if (llvm::is_contained(roles.loopOfDim, ~0u) ||
      roles.op.getNumParallelLoops() != schedule.rank)
    return std::nullopt;
  makeLoops(roles);
  giveRoles(roles);
  for (ContractionOperand *operand : {&roles.lhs, &roles.rhs}) {
    auto argument = dyn_cast<BlockArgument>(operand->operand->get());
    if (!argument)
      operand->coded = CodedOperand::match(roles, *operand, alignments);
    if (!argument || operand->element.isInteger(1) ||
        cast<RankedTensorType>(argument.getType()).getEncoding() ||
        getRowAxis(body, argument.getArgNumber()) >= 0)
      continue;
    operand->source = argument;
    operand->alignment = alignments[argument.getArgNumber()];
    findRuns(roles, *operand);
  }
  return roles;
}
