//===- OrientWeights.cpp - weights in few bits as products read them ------===//
//
// Codes are decoded, for a product with floats, four columns at once, and for
// one with other codes they are multiplied as they are, along the depth. A
// constant may lie either way; turned while compiling, it is copied to shared
// memory 16 bytes at once.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/Passes.h"

#include "dialects/Exec/Exec.h"
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "lib/Lowering/KernelToGPU/CodedOperand.h"
#include "lib/Lowering/KernelToGPU/OperandReader.h"
#include "lib/Lowering/KernelToLLVM/WeightLayout.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

namespace cinch {
#define GEN_PASS_DEF_ORIENTWEIGHTSPASS
#include "lib/Lowering/KernelToGPU/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;

namespace {
struct OrientWeights
    : public cinch::impl::OrientWeightsPassBase<OrientWeights> {
  using OrientWeightsPassBase::OrientWeightsPassBase;
  void runOnOperation() override;

private:
  /// An argument of a kernel body.
  using Argument = std::pair<func::FuncOp, unsigned>;
  void findArguments(func::FuncOp body);
  void addOperand(func::FuncOp body, const ContractionRoles &roles,
                  bool isRight);
  void add(func::FuncOp body, BlockArgument argument);
  bool isTurned(exec::WeightOp weight);
  void dropUnusable();
  LogicalResult turn(exec::WeightOp weight);

  llvm::MapVector<std::pair<StringRef, unsigned>, Argument> candidates;
  llvm::StringMap<SmallVector<exec::KernelOp>> users;
};
} // namespace

/// Adds `argument` if it is a matrix that has one reader.
void OrientWeights::add(func::FuncOp body, BlockArgument argument) {
  auto type = cast<RankedTensorType>(argument.getType());
  if (type.getRank() == 2 && type.hasStaticShape() && argument.hasOneUse())
    candidates.insert({{body.getSymName(), argument.getArgNumber()},
                       {body, argument.getArgNumber()}});
}

/// Adds what of one operand does not lie as the product reads it.
void OrientWeights::addOperand(func::FuncOp body, const ContractionRoles &roles,
                               bool isRight) {
  const CodedOperand *coded = roles.getOperand(isRight).coded.get();
  if (!coded)
    return;
  bool isOfCodes = roles.getOperand(!isRight).coded != nullptr;
  if (isAlongDepth(roles, coded->codes) != isOfCodes)
    add(body, coded->codes.source);
  // Those of groups are read for all columns of a tile.
  for (const auto *parameter : {&coded->scale, &coded->zero})
    if (*parameter && (*parameter)->groupSize > 0 &&
        isAlongDepth(roles, (*parameter)->operand))
      add(body, (*parameter)->operand.source);
}

void OrientWeights::findArguments(func::FuncOp body) {
  // A body outside the grammar is reported by lower-kernels-to-gpu.
  ScopedDiagnosticHandler silence(&getContext(),
                                  [](Diagnostic &) { return success(); });
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return;
  SmallVector<int64_t> alignments(body.getNumArguments(), 16);
  auto roles = ContractionRoles::compute(*schedule, alignments);
  if (!roles)
    return;
  addOperand(body, *roles, /*isRight=*/false);
  addOperand(body, *roles, /*isRight=*/true);
}

/// Whether every reader of `weight` wants it turned.
bool OrientWeights::isTurned(exec::WeightOp weight) {
  if (!weight || !isa<graph::WeightAttr, DenseElementsAttr>(weight.getValue()))
    return false;
  return llvm::all_of(weight->getUses(), [&](OpOperand &use) {
    auto kernel = dyn_cast<exec::KernelOp>(use.getOwner());
    return kernel &&
           candidates.count({kernel.getCallee(), use.getOperandNumber()});
  });
}

/// Drops arguments that some call gives anything but such a weight.
void OrientWeights::dropUnusable() {
  for (bool changed = true; changed;) {
    size_t before = candidates.size();
    candidates.remove_if([&](auto &candidate) {
      auto [callee, argument] = candidate.first;
      auto &calls = users[callee];
      return calls.empty() ||
             !llvm::all_of(calls, [&, number = argument](exec::KernelOp call) {
               return isTurned(call.getInputs()[number]
                                   .template getDefiningOp<exec::WeightOp>());
             });
    });
    changed = candidates.size() != before;
  }
}

static RankedTensorType getTurned(Type type) {
  return getPackedType(cast<RankedTensorType>(type),
                       Layout(Layout::Transposed));
}

LogicalResult OrientWeights::turn(exec::WeightOp weight) {
  auto type = cast<RankedTensorType>(weight.getType());
  RankedTensorType turned = getTurned(type);
  SmallVector<char> storage;
  auto bytes = graph::getConstantBytes(weight.getValue(), storage);
  if (!bytes)
    return weight.emitOpError() << llvm::toString(bytes.takeError());
  size_t numBytes = bytes->size();
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(numBytes);
  if (!buffer)
    return weight.emitOpError() << "no memory for " << numBytes << " bytes";
  pack(bytes->data(), type, buffer->getBufferStart(), turned,
       Layout(Layout::Transposed));
  OpBuilder builder(weight);
  auto result =
      exec::WeightOp::create(builder, weight.getLoc(), turned,
                             graph::makeConstant(turned, std::move(buffer)));
  result->setDiscardableAttrs(weight->getDiscardableAttrDictionary());
  result->setAttr("exec.unpacked_shape",
                  builder.getDenseI64ArrayAttr(type.getShape()));
  result->setAttr("exec.layout", builder.getStringAttr("transposed"));
  weight->replaceAllUsesWith(result);
  weight->erase();
  return success();
}

/// Makes the only reader of an argument read it turned.
static void rewriteReader(BlockArgument argument) {
  OpOperand &use = *argument.use_begin();
  if (auto extract = dyn_cast<tensor::ExtractOp>(use.getOwner())) {
    SmallVector<Value> indices(llvm::reverse(extract.getIndices()));
    extract.getIndicesMutable().assign(indices);
    return;
  }
  auto op = cast<linalg::GenericOp>(use.getOwner());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap &map = maps[use.getOperandNumber()];
  SmallVector<AffineExpr> axes(llvm::reverse(map.getResults()));
  map = AffineMap::get(map.getNumDims(), 0, axes, op.getContext());
  op.setIndexingMapsAttr(Builder(op.getContext()).getAffineMapArrayAttr(maps));
}

void OrientWeights::runOnOperation() {
  candidates.clear();
  users.clear();
  ModuleOp module = getOperation();
  module.walk([&](exec::KernelOp op) { users[op.getCallee()].push_back(op); });
  for (auto body : module.getOps<func::FuncOp>())
    if (body->hasAttr(exec::kernelBodyAttrName) &&
        exec::getKernelKind(body) == "contraction")
      findArguments(body);
  dropUnusable();
  SmallVector<exec::WeightOp> weights;
  module.walk([&](exec::WeightOp weight) {
    if (!weight->use_empty() && isTurned(weight))
      weights.push_back(weight);
  });
  for (exec::WeightOp weight : weights)
    if (failed(turn(weight)))
      return signalPassFailure();
  for (auto &[key, candidate] : candidates) {
    auto [body, number] = candidate;
    BlockArgument argument = body.getArgument(number);
    rewriteReader(argument);
    argument.setType(getTurned(argument.getType()));
    body.setFunctionType(FunctionType::get(body.getContext(),
                                           body.getBody().getArgumentTypes(),
                                           body.getResultTypes()));
  }
}
