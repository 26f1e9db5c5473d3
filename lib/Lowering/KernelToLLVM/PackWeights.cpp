//===- PackWeights.cpp - weights in the layout of their microkernels ------===//
//
// A microkernel reads a block of columns of B row after row; in a wide matrix
// every row is on another page, and rows a power of two apart share cache sets.
// Packed, the block is contiguous: [ceil(N / nb)][K][nb], zero padded. The
// layout is fixed by the weight alone, so every number of rows shares one copy.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/Passes.h"

#include "dialects/Exec/Exec.h"
#include "dialects/Graph/Graph.h"
#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

namespace cinch {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;

namespace {

/// An argument of a kernel body that is B of a contraction and nothing else.
struct PackedArgument {
  func::FuncOp body;
  unsigned argument;
  /// The matrix is [columns, depth] rather than [depth, columns].
  bool isTransposed;
};

struct PackWeights : public cinch::impl::PackWeightsPassBase<PackWeights> {
  using PackWeightsPassBase::PackWeightsPassBase;
  void runOnOperation() override;

private:
  void findArguments();
  bool canPack(exec::WeightOp weight, bool &isTransposed);
  void dropUnusable();
  LogicalResult packWeight(exec::WeightOp weight, bool isTransposed);
  void rewriteBody(const PackedArgument &packed);

  /// Candidates in module order, by function name and argument.
  llvm::MapVector<std::pair<StringAttr, unsigned>, PackedArgument> candidates;
  llvm::StringMap<SmallVector<exec::KernelOp>> users;
};

} // namespace

/// Columns per block of a matrix of `numColumns`: least padding, then widest.
static int64_t getBlockColumns(int64_t numColumns) {
  if (numColumns <= 64)
    return std::max<int64_t>(numColumns, 1);
  int64_t best = 64;
  for (int64_t width : {56, 48})
    if (llvm::alignTo(numColumns, width) < llvm::alignTo(numColumns, best))
      best = width;
  return best;
}

static RankedTensorType getPackedType(RankedTensorType type,
                                      bool isTransposed) {
  int64_t depth = type.getDimSize(isTransposed ? 1 : 0);
  int64_t columns = type.getDimSize(isTransposed ? 0 : 1);
  int64_t block = getBlockColumns(columns);
  return RankedTensorType::get(
      {static_cast<int64_t>(llvm::divideCeil(columns, block)), depth, block},
      type.getElementType());
}

void PackWeights::findArguments() {
  for (auto body : getOperation().getOps<func::FuncOp>()) {
    auto kind = body->getAttrOfType<StringAttr>("exec.kind");
    if (!body->hasAttr(exec::kernelBodyAttrName) || !kind ||
        kind != "contraction")
      continue;
    // A body outside the grammar is reported by lower-kernels.
    ScopedDiagnosticHandler silence(&getContext(),
                                    [](Diagnostic &) { return success(); });
    FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
    if (failed(schedule))
      continue;
    std::optional<ContractionPlan> plan =
        ContractionPlan::compute(*schedule, /*packsWeights=*/true);
    if (!plan || plan->packedArgument || plan->columns.size() != 1)
      continue;
    auto argument = dyn_cast<BlockArgument>(plan->rhs->get());
    auto type = argument ? dyn_cast<RankedTensorType>(argument.getType())
                         : RankedTensorType();
    if (!type || type.getRank() != 2 || !type.hasStaticShape() ||
        !type.getElementType().isF32() || !argument.hasOneUse() ||
        type.getNumElements() == 0)
      continue;
    AffineMap map = plan->op.getMatchingIndexingMap(plan->rhs);
    AffineExpr column =
        getAffineDimExpr(plan->loopOfDim[plan->columns[0]], &getContext());
    bool isTransposed = map.getResult(0) == column;
    auto inner = dyn_cast<AffineDimExpr>(map.getResult(isTransposed ? 1 : 0));
    if (map.getResult(isTransposed ? 0 : 1) != column || !inner ||
        plan->reduced != SmallVector<unsigned>{inner.getPosition()})
      continue;
    unsigned number = argument.getArgNumber();
    candidates[{body.getSymNameAttr(), number}] = {body, number, isTransposed};
  }
}

/// True if every use of `weight` is a candidate, all of one orientation.
bool PackWeights::canPack(exec::WeightOp weight, bool &isTransposed) {
  if (!weight || !isa<graph::WeightAttr, DenseElementsAttr>(weight.getValue()))
    return false;
  std::optional<bool> orientation;
  for (OpOperand &use : weight->getUses()) {
    auto kernel = dyn_cast<exec::KernelOp>(use.getOwner());
    if (!kernel)
      return false;
    auto found = candidates.find(
        {kernel.getCalleeAttr().getAttr(), use.getOperandNumber()});
    if (found == candidates.end() ||
        (orientation && *orientation != found->second.isTransposed))
      return false;
    orientation = found->second.isTransposed;
  }
  isTransposed = orientation.value_or(false);
  return orientation.has_value();
}

/// Drops candidates that some call gives anything but a weight that can be
/// packed.
void PackWeights::dropUnusable() {
  for (bool changed = true; changed;) {
    changed = false;
    SmallVector<std::pair<StringAttr, unsigned>> dropped;
    for (auto &[key, packed] : candidates) {
      bool isTransposed = false;
      auto &calls = users[key.first.getValue()];
      if (calls.empty() ||
          !llvm::all_of(calls, [&, &packed = packed](exec::KernelOp call) {
            return canPack(call.getInputs()[packed.argument]
                               .getDefiningOp<exec::WeightOp>(),
                           isTransposed);
          }))
        dropped.push_back(key);
    }
    for (auto &key : dropped)
      candidates.erase(key);
    changed = !dropped.empty();
  }
}

LogicalResult PackWeights::packWeight(exec::WeightOp weight,
                                      bool isTransposed) {
  auto type = cast<RankedTensorType>(weight.getType());
  RankedTensorType packedType = getPackedType(type, isTransposed);
  auto &files =
      getContext().getOrLoadDialect<graph::GraphDialect>()->getWeightFiles();
  const char *source = nullptr;
  SmallVector<float> values;
  if (auto reference = dyn_cast<graph::WeightAttr>(weight.getValue())) {
    llvm::Expected<ArrayRef<char>> bytes = files.getBytes(reference);
    if (!bytes)
      return weight.emitOpError() << llvm::toString(bytes.takeError());
    source = bytes->data();
  } else {
    for (float value :
         cast<DenseElementsAttr>(weight.getValue()).getValues<float>())
      values.push_back(value);
    source = reinterpret_cast<const char *>(values.data());
  }

  int64_t depth = packedType.getDimSize(1), block = packedType.getDimSize(2);
  int64_t columns = type.getDimSize(isTransposed ? 0 : 1);
  int64_t depthStride = isTransposed ? 1 : columns;
  int64_t columnStride = isTransposed ? depth : 1;
  size_t numBytes = packedType.getNumElements() * sizeof(float);
  std::unique_ptr<llvm::WritableMemoryBuffer> buffer =
      llvm::WritableMemoryBuffer::getNewUninitMemBuffer(numBytes);
  if (!buffer)
    return weight.emitOpError() << "no memory for " << numBytes << " bytes";
  char *target = buffer->getBufferStart();
  for (int64_t first = 0; first < columns; first += block)
    for (int64_t row = 0; row < depth; ++row)
      for (int64_t column = first; column < first + block;
           ++column, target += sizeof(float)) {
        // Sources may be unaligned.
        if (column < columns)
          memcpy(target,
                 source + (row * depthStride + column * columnStride) *
                              sizeof(float),
                 sizeof(float));
        else
          memset(target, 0, sizeof(float));
      }

  std::string file = files.addBuffer(std::move(buffer));
  OpBuilder builder(weight);
  auto value =
      graph::WeightAttr::get(&getContext(), file, /*offset=*/0, numBytes,
                             /*checksum=*/0, packedType);
  auto packed =
      exec::WeightOp::create(builder, weight.getLoc(), packedType, value);
  packed->setDiscardableAttrs(weight->getDiscardableAttrDictionary());
  packed->setAttr("exec.unpacked_shape",
                  builder.getDenseI64ArrayAttr(type.getShape()));
  packed->setAttr(
      "exec.layout",
      builder.getStringAttr(isTransposed ? "row-blocks" : "column-blocks"));
  weight->replaceAllUsesWith(packed);
  weight->erase();
  return success();
}

/// The argument becomes the packed matrix, seen as it was through a generic
/// that is marked with the block.
void PackWeights::rewriteBody(const PackedArgument &packed) {
  func::FuncOp body = packed.body;
  BlockArgument argument = body.getArgument(packed.argument);
  auto type = cast<RankedTensorType>(argument.getType());
  RankedTensorType packedType = getPackedType(type, packed.isTransposed);
  Location loc = body.getLoc();
  OpBuilder builder = OpBuilder::atBlockBegin(&body.front());
  Value empty = tensor::EmptyOp::create(builder, loc, type, ValueRange());
  int64_t block = packedType.getDimSize(2);
  argument.setType(packedType);
  auto unpack = linalg::GenericOp::create(
      builder, loc, TypeRange{type}, ValueRange(), ValueRange{empty},
      ArrayRef<AffineMap>{builder.getMultiDimIdentityMap(2)},
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [&](OpBuilder &b, Location loc, ValueRange) {
        Value depth =
            linalg::IndexOp::create(b, loc, packed.isTransposed ? 1 : 0);
        Value column =
            linalg::IndexOp::create(b, loc, packed.isTransposed ? 0 : 1);
        Value width = arith::ConstantIndexOp::create(b, loc, block);
        Value number = arith::DivUIOp::create(b, loc, column, width);
        Value inner = arith::RemUIOp::create(b, loc, column, width);
        Value element = tensor::ExtractOp::create(
            b, loc, argument, ValueRange{number, depth, inner});
        linalg::YieldOp::create(b, loc, element);
      });
  unpack->setAttr(unpackAttrName, builder.getI64IntegerAttr(block));
  argument.replaceUsesWithIf(unpack.getResult(0), [&](OpOperand &use) {
    return !unpack->isAncestor(use.getOwner());
  });
  SmallVector<Type> types(body.getArgumentTypes());
  types[packed.argument] = packedType;
  body.setFunctionType(
      builder.getFunctionType(types, body.getFunctionType().getResults()));
}

void PackWeights::runOnOperation() {
  candidates.clear();
  users.clear();
  getOperation().walk(
      [&](exec::KernelOp op) { users[op.getCallee()].push_back(op); });
  findArguments();
  dropUnusable();
  SmallVector<std::pair<exec::WeightOp, bool>> weights;
  getOperation().walk([&](exec::WeightOp weight) {
    bool isTransposed = false;
    if (canPack(weight, isTransposed))
      weights.push_back({weight, isTransposed});
  });
  for (auto [weight, isTransposed] : weights)
    if (failed(packWeight(weight, isTransposed)))
      return signalPassFailure();
  for (auto &[key, packed] : candidates)
    rewriteBody(packed);
}
