//===- PackWeights.cpp - weights in the layout of their microkernels ------===//
//
// A microkernel reads a block of columns of B row after row; in a wide matrix
// every row is on another page, and rows a power of two apart share cache sets.
// Packed, the block is contiguous: [ceil(N / nb)][K][nb], zero padded. The
// layout is fixed by the weight alone, so every number of rows shares one copy.
//
// Of 8-bit integers, four neighbours along the depth are together (fours).
//
// A filter is A of one GEMM per tap. With the taps in front each is a matrix.
// Where values are in blocks of channels it is B, in blocks of filters.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/Passes.h"

#include "dialects/Exec/Exec.h"
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "lib/Lowering/KernelToLLVM/BlockedConvolutionPlan.h"
#include "lib/Lowering/KernelToLLVM/DotProducts.h"
#include "lib/Lowering/KernelToLLVM/WeightLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

namespace cinch {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;

namespace {

/// An argument of a kernel body that is one operand of a contraction and
/// nothing else.
struct PackedArgument {
  func::FuncOp body;
  unsigned argument;
  Layout layout;
};

struct PackWeights : public cinch::impl::PackWeightsPassBase<PackWeights> {
  using PackWeightsPassBase::PackWeightsPassBase;
  void runOnOperation() override;

private:
  void findArguments();
  bool addFilter(func::FuncOp body, const KernelSchedule &schedule);
  void addMatrix(func::FuncOp body, ContractionPlan &plan);
  void addParameters(func::FuncOp body, linalg::GenericOp computed);
  std::optional<Layout> getLayout(exec::WeightOp weight);
  void dropUnusable();
  LogicalResult packWeight(exec::WeightOp weight, Layout layout);
  void rewriteBody(const PackedArgument &packed);
  void rewriteFilter(const PackedArgument &packed);
  void rewriteParameter(const PackedArgument &packed);

  /// Candidates in module order, by function name and argument.
  llvm::MapVector<std::pair<StringAttr, unsigned>, PackedArgument> candidates;
  llvm::StringMap<SmallVector<exec::KernelOp>> users;
};

} // namespace

/// The static argument that `value` is and that nothing else reads.
static BlockArgument getOwnArgument(Value value, int64_t minRank) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto type = argument ? dyn_cast<RankedTensorType>(argument.getType())
                       : RankedTensorType();
  bool isUsable = type && type.getRank() >= minRank && type.hasStaticShape() &&
                  argument.hasOneUse() && type.getNumElements() != 0;
  return isUsable ? argument : BlockArgument();
}

/// The same, of f32.
static BlockArgument getFilterArgument(OpOperand *operand) {
  BlockArgument argument = getOwnArgument(operand->get(), /*minRank=*/3);
  return argument && getElementTypeOrSelf(argument.getType()).isF32()
             ? argument
             : BlockArgument();
}

/// The argument that is B of `plan`, in its element type, or from whose
/// elements of few bits B is computed.
static BlockArgument getMatrixArgument(const ContractionPlan &plan) {
  Value matrix = plan.rhs->get();
  OpOperand *source = plan.integers ? nullptr : findFewBits(matrix);
  if (source)
    return matrix.hasOneUse() ? getOwnArgument(source->get(), /*minRank=*/2)
                              : BlockArgument();
  BlockArgument argument = getOwnArgument(matrix, /*minRank=*/2);
  Type element = getElementTypeOrSelf(matrix.getType());
  bool isUsable = plan.integers ? element.isInteger(8) : element.isF32();
  return isUsable ? argument : BlockArgument();
}

/// Adds a filter of taps or blocks; false if the body is no such convolution.
bool PackWeights::addFilter(func::FuncOp body, const KernelSchedule &schedule) {
  if (auto blocked =
          BlockedConvolutionPlan::compute(schedule, /*isPacked=*/false)) {
    BlockArgument argument = getFilterArgument(blocked->getFilter());
    if (!argument)
      return true;
    auto blocks = exec::FilterBlocksAttr::get(
        &getContext(), blocked->filterBlock, blocked->partChannels);
    candidates.insert({{body.getSymNameAttr(), argument.getArgNumber()},
                       {body, argument.getArgNumber(),
                        Layout(Layout::FilterBlocks, blocks)}});
    return true;
  }
  std::optional<ConvolutionPlan> plan =
      ConvolutionPlan::compute(schedule, /*isPacked=*/false);
  if (BlockArgument argument =
          plan ? getFilterArgument(plan->getFilter()) : BlockArgument())
    candidates.insert(
        {{body.getSymNameAttr(), argument.getArgNumber()},
         {body, argument.getArgNumber(), Layout(Layout::TapsFirst)}});
  return plan.has_value();
}

void PackWeights::addMatrix(func::FuncOp body, ContractionPlan &plan) {
  if (plan.packedArgument || plan.columns.size() != 1)
    return;
  BlockArgument argument = getMatrixArgument(plan);
  AffineMap map = plan.op.getMatchingIndexingMap(plan.rhs);
  if (!argument)
    return;
  SmallVector<AffineExpr> axes(map.getResults());
  AffineExpr column =
      getAffineDimExpr(plan.loopOfDim[plan.columns[0]], &getContext());
  bool isTransposed = axes[0] == column;
  if (axes[isTransposed ? 0 : 1] != column ||
      (!isTransposed && axes.size() != 2))
    return;
  axes.erase(axes.begin() + !isTransposed);
  // What is left is the depth, in order.
  if (!llvm::equal(axes, plan.reduced, [&](AffineExpr axis, unsigned loop) {
        return axis == getAffineDimExpr(loop, &getContext());
      }))
    return;
  Layout::Kind kind = isTransposed ? Layout::RowBlocks : Layout::ColumnBlocks;
  if (plan.integers)
    kind = isTransposed ? Layout::RowFours : Layout::ColumnFours;
  candidates.insert({{body.getSymNameAttr(), argument.getArgNumber()},
                     {body, argument.getArgNumber(), Layout(kind)}});
  auto computed = plan.rhs->get().getDefiningOp<linalg::GenericOp>();
  if (isTransposed && computed)
    addParameters(body, computed);
}

/// Adds what `computed`, of blocks of its first axis, reads for each of its
/// rows: the panels want neighbours along that axis of it too.
void PackWeights::addParameters(func::FuncOp body, linalg::GenericOp computed) {
  computed.walk([&](tensor::ExtractOp extract) {
    BlockArgument parameter =
        getOwnArgument(extract.getTensor(), /*minRank=*/2);
    if (parameter && extract.getIndices().size() == 2)
      candidates.insert(
          {{body.getSymNameAttr(), parameter.getArgNumber()},
           {body, parameter.getArgNumber(), Layout(Layout::Transposed)}});
  });
}

void PackWeights::findArguments() {
  for (auto body : getOperation().getOps<func::FuncOp>()) {
    if (!body->hasAttr(exec::kernelBodyAttrName) ||
        exec::getKernelKind(body) != "contraction")
      continue;
    // A body outside the grammar is reported by lower-kernels.
    ScopedDiagnosticHandler silence(&getContext(),
                                    [](Diagnostic &) { return success(); });
    FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
    if (failed(schedule))
      continue;
    if (addFilter(body, *schedule))
      continue;
    for (ContractionPlan &plan :
         ContractionPlan::compute(*schedule, /*packsWeights=*/true))
      addMatrix(body, plan);
  }
}

/// The layout of `weight` if every use of it is a candidate, all of one layout.
std::optional<Layout> PackWeights::getLayout(exec::WeightOp weight) {
  if (!weight || !isa<graph::WeightAttr, DenseElementsAttr>(weight.getValue()))
    return std::nullopt;
  std::optional<Layout> layout;
  for (OpOperand &use : weight->getUses()) {
    auto kernel = dyn_cast<exec::KernelOp>(use.getOwner());
    if (!kernel)
      return std::nullopt;
    auto found = candidates.find(
        {kernel.getCalleeAttr().getAttr(), use.getOperandNumber()});
    if (found == candidates.end() ||
        (layout && *layout != found->second.layout))
      return std::nullopt;
    layout = found->second.layout;
  }
  return layout;
}

/// Drops candidates that some call gives anything but a weight that can be
/// packed.
void PackWeights::dropUnusable() {
  for (bool changed = true; changed;) {
    changed = false;
    SmallVector<std::pair<StringAttr, unsigned>> dropped;
    for (auto &[key, packed] : candidates) {
      auto &calls = users[key.first.getValue()];
      if (calls.empty() ||
          !llvm::all_of(calls, [&, &packed = packed](exec::KernelOp call) {
            return getLayout(call.getInputs()[packed.argument]
                                 .getDefiningOp<exec::WeightOp>())
                .has_value();
          }))
        dropped.push_back(key);
    }
    for (auto &key : dropped)
      candidates.erase(key);
    changed = !dropped.empty();
  }
}

static std::string getLayoutName(Layout layout) {
  switch (layout.kind) {
  case Layout::ColumnBlocks:
    return "column-blocks";
  case Layout::RowBlocks:
    return "row-blocks";
  case Layout::ColumnFours:
    return "column-fours";
  case Layout::RowFours:
    return "row-fours";
  case Layout::Transposed:
    return "transposed";
  case Layout::TapsFirst:
    return "taps-first";
  case Layout::FilterBlocks:
    return llvm::formatv("filter-blocks:{0}:{1}", layout.blocks.getFilters(),
                         layout.blocks.getChannels());
  }
  llvm_unreachable("unknown layout");
}

LogicalResult PackWeights::packWeight(exec::WeightOp weight, Layout layout) {
  auto type = cast<RankedTensorType>(weight.getType());
  RankedTensorType packedType = getPackedType(type, layout);
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes =
      graph::getConstantBytes(weight.getValue(), storage);
  if (!bytes)
    return weight.emitOpError() << llvm::toString(bytes.takeError());
  size_t numBytes = llvm::divideCeil(
      packedType.getNumElements() * packedType.getElementTypeBitWidth(), 8);
  std::unique_ptr<llvm::WritableMemoryBuffer> buffer =
      llvm::WritableMemoryBuffer::getNewUninitMemBuffer(numBytes);
  if (!buffer)
    return weight.emitOpError() << "no memory for " << numBytes << " bytes";
  pack(bytes->data(), type, buffer->getBufferStart(), packedType, layout);
  OpBuilder builder(weight);
  auto packed = exec::WeightOp::create(
      builder, weight.getLoc(), packedType,
      graph::makeConstant(packedType, std::move(buffer)));
  packed->setDiscardableAttrs(weight->getDiscardableAttrDictionary());
  packed->setAttr("exec.unpacked_shape",
                  builder.getDenseI64ArrayAttr(type.getShape()));
  packed->setAttr("exec.layout", builder.getStringAttr(getLayoutName(layout)));
  weight->replaceAllUsesWith(packed);
  weight->erase();
  return success();
}

static void setArgumentType(const PackedArgument &packed, Type type) {
  func::FuncOp body = packed.body;
  body.getArgument(packed.argument).setType(type);
  SmallVector<Type> types(body.getArgumentTypes());
  types[packed.argument] = type;
  body.setFunctionType(FunctionType::get(body.getContext(), types,
                                         body.getFunctionType().getResults()));
}

/// The map of the filter follows its axes.
void PackWeights::rewriteFilter(const PackedArgument &packed) {
  func::FuncOp body = packed.body;
  BlockArgument argument = body.getArgument(packed.argument);
  OpOperand &use = *argument.use_begin();
  auto op = cast<linalg::GenericOp>(use.getOwner());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap &map = maps[use.getOperandNumber()];
  SmallVector<AffineExpr> axes(map.getResults().drop_front(2));
  llvm::append_range(axes, map.getResults().take_front(2));
  map = AffineMap::get(map.getNumDims(), 0, axes, &getContext());
  op.setIndexingMapsAttr(Builder(&getContext()).getAffineMapArrayAttr(maps));
  setArgumentType(
      packed,
      getPackedType(cast<RankedTensorType>(argument.getType()), packed.layout));
}

/// The indices of the only element that is read are swapped.
void PackWeights::rewriteParameter(const PackedArgument &packed) {
  func::FuncOp body = packed.body;
  BlockArgument argument = body.getArgument(packed.argument);
  auto extract = cast<tensor::ExtractOp>(*argument.user_begin());
  SmallVector<Value> indices(llvm::reverse(extract.getIndices()));
  extract.getIndicesMutable().assign(indices);
  setArgumentType(
      packed,
      getPackedType(cast<RankedTensorType>(argument.getType()), packed.layout));
}

/// The argument becomes the packed matrix, seen as it was through a generic
/// that is marked with the block.
void PackWeights::rewriteBody(const PackedArgument &packed) {
  if (packed.layout.kind == Layout::TapsFirst)
    return rewriteFilter(packed);
  if (packed.layout.kind == Layout::Transposed)
    return rewriteParameter(packed);
  if (packed.layout.kind == Layout::FilterBlocks) {
    func::FuncOp body = packed.body;
    Type type = body.getArgument(packed.argument).getType();
    setArgumentType(packed,
                    getPackedType(cast<RankedTensorType>(type), packed.layout));
    return;
  }
  bool isTransposed = packed.layout.isTransposed();
  func::FuncOp body = packed.body;
  BlockArgument argument = body.getArgument(packed.argument);
  auto type = cast<RankedTensorType>(argument.getType());
  RankedTensorType packedType = getPackedType(type, packed.layout);
  Location loc = body.getLoc();
  OpBuilder builder = OpBuilder::atBlockBegin(&body.front());
  Value empty = tensor::EmptyOp::create(builder, loc, type, ValueRange());
  int64_t block = packedType.getDimSize(2);
  setArgumentType(packed, packedType);
  unsigned rank = type.getRank();
  auto unpack = linalg::GenericOp::create(
      builder, loc, TypeRange{type}, ValueRange(), ValueRange{empty},
      ArrayRef<AffineMap>{builder.getMultiDimIdentityMap(rank)},
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](OpBuilder &b, Location loc, ValueRange) {
        Value depth = linalg::IndexOp::create(b, loc, isTransposed ? 1 : 0);
        for (unsigned axis = 2; axis < rank; ++axis) {
          Value size =
              arith::ConstantIndexOp::create(b, loc, type.getDimSize(axis));
          depth = arith::MulIOp::create(b, loc, depth, size);
          Value inner = linalg::IndexOp::create(b, loc, axis);
          depth = arith::AddIOp::create(b, loc, depth, inner);
        }
        Value column = linalg::IndexOp::create(b, loc, isTransposed ? 0 : 1);
        Value width = arith::ConstantIndexOp::create(b, loc, block);
        Value number = arith::DivUIOp::create(b, loc, column, width);
        Value inner = arith::RemUIOp::create(b, loc, column, width);
        SmallVector<Value> place = {number, depth, inner};
        if (packed.layout.isInFours()) {
          Value four = arith::ConstantIndexOp::create(b, loc, dotDepth);
          place[1] = arith::DivUIOp::create(b, loc, depth, four);
          place.push_back(arith::RemUIOp::create(b, loc, depth, four));
        }
        Value element = tensor::ExtractOp::create(b, loc, argument, place);
        linalg::YieldOp::create(b, loc, element);
      });
  unpack->setAttr(unpackAttrName, builder.getI64IntegerAttr(block));
  argument.replaceUsesWithIf(unpack.getResult(0), [&](OpOperand &use) {
    return !unpack->isAncestor(use.getOwner());
  });
}

void PackWeights::runOnOperation() {
  candidates.clear();
  users.clear();
  getOperation().walk(
      [&](exec::KernelOp op) { users[op.getCallee()].push_back(op); });
  findArguments();
  dropUnusable();
  SmallVector<std::pair<exec::WeightOp, Layout>> weights;
  getOperation().walk([&](exec::WeightOp weight) {
    if (std::optional<Layout> layout = getLayout(weight))
      weights.push_back({weight, *layout});
  });
  for (auto [weight, layout] : weights)
    if (failed(packWeight(weight, layout)))
      return signalPassFailure();
  for (auto &[key, packed] : candidates)
    rewriteBody(packed);
}
