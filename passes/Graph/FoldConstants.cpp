//===- FoldConstants.cpp - computes what depends on constants only --------===//
//
// Exporters leave transposes, casts and scalings of weights in the graph, which
// a run would repeat each time. They are computed once, by the compiler itself,
// so that no second definition of the operations exists. It costs one
// compilation of the small program that they are, and only where there are any.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/ElementTypes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Iterators.h"
#include "passes/Common/Evaluator.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Graph/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace cinch::graph {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

/// A value of at most so many bytes is stored whatever it replaces.
static constexpr int64_t maxFreeBytes = 64 * 1024;

namespace {

struct Counts {
  int64_t viewed = 0, evaluated = 0, stored = 0, kept = 0;
};

/// The operations of a function that are to be evaluated.
class Selection {
public:
  Selection(int64_t maxBytes, int64_t maxGrowthPercent)
      : maxBytes(maxBytes), maxGrowthPercent(maxGrowthPercent) {}

  /// Takes what has constant operands only, less what grows too much.
  void select(func::FuncOp function);
  bool contains(Operation *op) const { return ops.contains(op); }
  /// Values that others use, in program order.
  SmallVector<Value> getResults() const;
  /// In program order.
  ArrayRef<Operation *> getOps() const { return ops.getArrayRef(); }
  int64_t getNumKept() const { return numKept; }

private:
  bool canEvaluate(Operation *op) const;
  bool isUsedElsewhere(Value value) const;
  bool pays(Value value) const;

  int64_t maxBytes, maxGrowthPercent;
  llvm::SetVector<Operation *> ops;
  int64_t numKept = 0;
};

struct FoldConstants
    : public graph::impl::FoldConstantsPassBase<FoldConstants> {
  using FoldConstantsPassBase::FoldConstantsPassBase;
  void runOnOperation() override;

private:
  void foldViews();
  llvm::Error evaluate(const Selection &selection, const Evaluator &evaluator);

  Counts counts;
};

} // namespace

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// The same elements in another shape; null if the constant cannot be reshaped.
static TypedAttr reshape(TypedAttr constant, RankedTensorType type) {
  if (auto weight = dyn_cast<WeightAttr>(constant))
    return WeightAttr::get(constant.getContext(), weight.getFile(),
                           weight.getOffset(), weight.getLength(),
                           weight.getChecksum(), type);
  if (auto dense = dyn_cast<DenseElementsAttr>(constant))
    return dense.reshape(type);
  return {};
}

static void replaceByConstant(Value value, TypedAttr constant) {
  Operation *op = value.getDefiningOp();
  OpBuilder builder(op);
  value.replaceAllUsesWith(
      makeNamedConstant(builder, op->getLoc(), getValueName(value), constant));
}

void FoldConstants::foldViews() {
  getOperation().walk([&](Operation *op) {
    if (!isa<ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp>(op))
      return;
    TypedAttr constant = getConstantValue(op->getOperand(0));
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    // Bytes that others read in their own shape would be stored twice.
    TypedAttr view =
        constant && type.hasStaticShape() &&
                (op->getOperand(0).hasOneUse() ||
                 getStorageBytes(type).value_or(INT64_MAX) <= maxFreeBytes)
            ? reshape(constant, type)
            : TypedAttr();
    if (!view)
      return;
    replaceByConstant(op->getResult(0), view);
    op->erase();
    ++counts.viewed;
  });
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// Whether a run can take and give values of this type.
static bool isPlain(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && getStorageBytes(tensor) &&
         getStorageBits(tensor.getElementType()) != 0;
}

bool Selection::canEvaluate(Operation *op) const {
  // A quantized weight is stored in few bits on purpose.
  return isa<GraphDialect>(op->getDialect()) && isPure(op) &&
         !isa<DequantizeOp, UnpackOp>(op) && op->getNumOperands() != 0 &&
         llvm::all_of(op->getResultTypes(), isPlain) &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           Operation *producer = operand.getDefiningOp();
           return producer && isPlain(operand.getType()) &&
                  (isa<ConstantOp>(producer) || contains(producer));
         });
}

bool Selection::isUsedElsewhere(Value value) const {
  return llvm::any_of(value.getUsers(),
                      [&](Operation *user) { return !contains(user); });
}

/// Whether `value` may be stored: compares it with the constants that only the
/// selection uses and that `value` depends on.
bool Selection::pays(Value value) const {
  int64_t bytes = *getStorageBytes(cast<RankedTensorType>(value.getType()));
  if (bytes > maxBytes)
    return false;
  if (bytes <= maxFreeBytes)
    return true;
  llvm::SetVector<Operation *> before;
  before.insert(value.getDefiningOp());
  double freed = 0;
  for (size_t i = 0; i < before.size(); ++i)
    for (Value operand : before[i]->getOperands())
      if (before.insert(operand.getDefiningOp()) &&
          isa<ConstantOp>(operand.getDefiningOp()) && !isUsedElsewhere(operand))
        freed += *getStorageBytes(cast<RankedTensorType>(operand.getType()));
  return bytes <= freed * maxGrowthPercent / 100;
}

void Selection::select(func::FuncOp function) {
  function.walk([&](Operation *op) {
    if (!isa<ConstantOp>(op) && canEvaluate(op))
      ops.insert(op);
  });
  numKept = ops.size();
  // Without one that does not pay, what it uses is used elsewhere.
  for (bool changed = true; changed;) {
    changed = false;
    llvm::SmallPtrSet<Operation *, 8> dropped;
    for (Operation *op : ops)
      if (llvm::any_of(op->getResults(), [&](Value result) {
            return isUsedElsewhere(result) && !pays(result);
          }))
        dropped.insert(op);
    changed = !dropped.empty();
    ops.remove_if([&](Operation *op) { return dropped.contains(op); });
  }
  // Nor can what uses a dropped one be evaluated.
  for (bool changed = true; changed;)
    changed = ops.remove_if([&](Operation *op) {
      return llvm::any_of(op->getOperands(), [&](Value operand) {
        Operation *producer = operand.getDefiningOp();
        return !isa<ConstantOp>(producer) && !contains(producer);
      });
    });
  numKept -= ops.size();
}

SmallVector<Value> Selection::getResults() const {
  SmallVector<Value> results;
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (isUsedElsewhere(result))
        results.push_back(result);
  return results;
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

/// Whether a constant can decide shapes: it must be seen while compiling.
static bool mayBeShape(ConstantOp op) {
  return cast<RankedTensorType>(op.getType()).getNumElements() <=
             maxTrackedElements &&
         getIntegers(op.getValue()).has_value();
}

/// A module with an entry that computes `results` from `inputs`.
static OwningOpRef<ModuleOp> makeProgram(const Selection &selection,
                                         ArrayRef<Value> inputs,
                                         ArrayRef<Value> shapes,
                                         ArrayRef<Value> results) {
  Location loc = results.front().getLoc();
  OpBuilder builder(loc.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(
      builder, loc, "main",
      builder.getFunctionType(ValueRange(inputs).getTypes(),
                              ValueRange(results).getTypes()));
  function->setAttr("graph.entry", builder.getUnitAttr());
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  IRMapping mapping;
  for (auto [number, input] : llvm::enumerate(inputs)) {
    mapping.map(input, body->getArgument(number));
    function.setArgAttr(number, "graph.name",
                        builder.getStringAttr(getValueName(input)));
  }
  for (Value shape : shapes) {
    auto type = cast<RankedTensorType>(shape.getType());
    TypedAttr value =
        getIntegerConstant(type, *getIntegers(getConstantValue(shape)));
    Value constant =
        makeNamedConstant(builder, loc, getValueName(shape), value);
    mapping.map(shape, constant);
  }
  for (Operation *op : selection.getOps())
    builder.clone(*op, mapping);
  SmallVector<Value> returned;
  for (auto [number, result] : llvm::enumerate(results)) {
    returned.push_back(mapping.lookup(result));
    function.setResultAttr(number, "graph.name",
                           builder.getStringAttr(getValueName(result)));
  }
  func::ReturnOp::create(builder, loc, returned);
  return module;
}

/// The constant of `type` with the bytes of `buffer`: small ones as attributes.
static TypedAttr
makeResult(RankedTensorType type,
           std::unique_ptr<llvm::WritableMemoryBuffer> buffer) {
  ArrayRef<char> bytes(buffer->getBufferStart(), buffer->getBufferSize());
  if (type.getNumElements() > maxTrackedElements ||
      isPacked(type.getElementType()))
    return makeConstant(type, std::move(buffer));
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  SmallVector<bool> elements(bytes.begin(), bytes.end());
  return DenseElementsAttr::get(type, elements);
}

llvm::Error FoldConstants::evaluate(const Selection &selection,
                                    const Evaluator &evaluator) {
  SmallVector<Value> results = selection.getResults();
  llvm::SetVector<Value> inputs, shapes;
  for (Operation *op : selection.getOps())
    for (Value operand : op->getOperands())
      if (auto constant = operand.getDefiningOp<ConstantOp>())
        (mayBeShape(constant) ? shapes : inputs).insert(operand);

  std::vector<SmallVector<char, 0>> storage(inputs.size());
  SmallVector<ArrayRef<char>> given;
  for (auto [input, copy] : llvm::zip(inputs, storage)) {
    auto bytes = getConstantBytes(getConstantValue(input), copy);
    if (!bytes)
      return bytes.takeError();
    given.push_back(*bytes);
  }
  std::vector<std::unique_ptr<llvm::WritableMemoryBuffer>> buffers;
  SmallVector<MutableArrayRef<char>> wanted;
  for (Value result : results) {
    size_t bytes = *getStorageBytes(cast<RankedTensorType>(result.getType()));
    auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(bytes);
    if (!buffer)
      return llvm::createStringError("no memory for %zu bytes", bytes);
    buffers.push_back(std::move(buffer));
    wanted.push_back(buffers.back()->getBuffer());
  }
  OwningOpRef<ModuleOp> program = makeProgram(selection, inputs.getArrayRef(),
                                              shapes.getArrayRef(), results);
  if (llvm::Error error = evaluator.run(*program, given, wanted))
    return error;

  for (auto [result, buffer] : llvm::zip(results, buffers))
    replaceByConstant(result,
                      makeResult(cast<RankedTensorType>(result.getType()),
                                 std::move(buffer)));
  counts.stored += results.size();
  counts.evaluated += selection.getOps().size();
  for (Operation *op : llvm::reverse(selection.getOps()))
    op->erase();
  return llvm::Error::success();
}

void FoldConstants::runOnOperation() {
  counts = Counts();
  func::FuncOp function = getOperation();
  int64_t bytes = maxBytes, growth = maxGrowthPercent;
  if (bytes < 0 || growth < 0) {
    function.emitError("fold-constants: expected ")
        << (bytes < 0 ? "max-bytes" : "max-growth-percent") << " >= 0, but got "
        << std::min(bytes, growth);
    return signalPassFailure();
  }
  foldViews();
  Selection selection(maxBytes, maxGrowthPercent);
  selection.select(function);
  counts.kept = selection.getNumKept();
  const Evaluator *evaluator = Evaluator::get(&getContext());
  if (!selection.getOps().empty()) {
    llvm::Error error = evaluator ? evaluate(selection, *evaluator)
                                  : llvm::createStringError("no evaluator");
    if (error) {
      counts.kept += selection.getOps().size();
      function.emitRemark(
          "fold-constants: constants are computed at run time: ")
          << llvm::toString(std::move(error));
    }
  }
  function.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    if (isa<GraphDialect>(op->getDialect()) && isOpTriviallyDead(op))
      op->erase();
  });
  if (report)
    function->setAttr(
        "graph.fold_constants_report",
        getNumbersAttr(&getContext(), {{"evaluated", counts.evaluated},
                                       {"kept", counts.kept},
                                       {"stored", counts.stored},
                                       {"viewed", counts.viewed}}));
}
