//===- KernelForming.cpp - bodies of the kernels of a function ------------===//
#include "dialects/Graph/ElementTypes.h"
#include "dialects/Graph/Rounding.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/Program.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

static bool isGraphOp(Operation *op) {
  return isa_and_nonnull<graph::GraphDialect>(op->getDialect());
}

/// Marks what is needed to have the elements of `value` in memory.
void ProgramWriter::needed(Value value) {
  SmallVector<Value> pending = {value};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op || !isGraphOp(op) || !live.insert(op).second)
      continue;
    if (getPlace(op, shapes) == Place::Shape)
      continue;
    for (OpOperand &operand : op->getOpOperands())
      if (isRead(operand))
        pending.push_back(operand.get());
  }
}

void ProgramWriter::findLive() {
  function.walk([&](Operation *op) {
    if (isa<graph::ExpectOp>(op))
      return needed(op->getResult(0));
    if (op == function || isGraphOp(op))
      return;
    for (Value operand : op->getOperands())
      if (isa<TensorType>(operand.getType()))
        needed(operand);
  });
}

static std::string getKernelName(ArrayRef<Operation *> ops) {
  constexpr size_t maxNamed = 6;
  std::string name = "k"; // no kernel is called like a function of libm
  for (Operation *op : ops.take_front(maxNamed)) {
    name += '_';
    name += op->getName().stripDialect();
  }
  if (ops.size() > maxNamed)
    name += "_" + std::to_string(ops.size() - maxNamed) + "_more";
  return name;
}

/// Whether the kernel of `op` can read and write elements of `type`: those of
/// few bits are moved and converted, and floats among them take part in what is
/// computed element by element.
static bool canHold(Operation *op, const Lowering &lowering, Type type) {
  if (!graph::isPacked(type) && !graph::isNarrowFloat(type))
    return true;
  switch (lowering.opClass) {
  case OpClass::Elementwise:
    return !isa<graph::BatchNormOp>(op);
  case OpClass::Movement:
    return !isa<graph::RangeOp, graph::EyeOp, graph::LRNOp>(op);
  case OpClass::Update: // part of a tensor may end within a byte
    return !graph::isPacked(type);
  case OpClass::Reduction:
  case OpClass::Contraction:
  case OpClass::Opaque:
    return isa<graph::ExpectOp>(op) && !graph::isPacked(type);
  }
  llvm_unreachable("unknown class");
}

/// Fails with a message if `op` would compute with elements it cannot hold.
static LogicalResult checkElements(Operation *op, const Lowering &lowering) {
  for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()),
                                         SmallVector<Value>(op->getResults())))
    if (Type type = getElementTypeOrSelf(value.getType());
        !canHold(op, lowering, type)) {
      emitUnsupported(op) << "it does not compute with elements of type "
                          << type << " (cast them to a wider type)";
      return failure();
    }
  return success();
}

static StringRef getKindName(KernelKind kind) {
  switch (kind) {
  case KernelKind::Generic:
    return "generic";
  case KernelKind::Contraction:
    return "contraction";
  case KernelKind::Attention:
    return "attention";
  case KernelKind::Loops:
    return "loops";
  }
  llvm_unreachable("unknown kind");
}

LogicalResult ProgramWriter::formKernel(Group group) {
  const LoweringTable &table = LoweringTable::get();
  Operation *root = group.ops.back();
  KernelBody body(root->getLoc(), shapes, group.inputs, group.results);
  body.mayUpdate = fuse;
  SmallVector<Attribute> names;
  Expr flops(0);
  Builder builder(root->getContext());
  bool isLowered = true;
  for (Operation *op : group.ops) {
    names.push_back(builder.getStringAttr(op->getName().stripDialect()));
    SmallVector<graph::Dims> operandDims, resultDims;
    for (Value operand : op->getOperands())
      if (const graph::ValueShape *shape = analysis.get(operand))
        operandDims.push_back(shape->dims);
      else
        operandDims.emplace_back();
    for (Value result : op->getResults())
      resultDims.push_back(shapes.get(result).dims);
    if (auto cost = dyn_cast<graph::CostInterface>(op);
        cost && !(fuse && isUpdate(op)))
      flops = flops + cost.getFlops(operandDims, resultDims);
    if (group.readThrough.contains(op))
      continue;
    body.setLoc(op->getLoc());
    body.roundsAtStore = function->hasAttr(graph::roundsAtStoreAttrName) &&
                         !op->hasAttr(graph::roundsAttrName);
    const Lowering *lowering = table.find(op);
    if (!lowering) {
      emitUnsupported(op) << "it has no kernel";
      isLowered = false;
    } else if (failed(checkElements(op, *lowering)) ||
               failed(lowering->lower(op, body))) {
      isLowered = false;
    }
    if (!isLowered)
      return failure();
  }
  FormedKernel kernel;
  kernel.scalars.assign(body.getScalars().begin(), body.getScalars().end());
  kernel.faults.assign(body.getFaults().begin(), body.getFaults().end());
  KernelKind kind = group.isAttention ? KernelKind::Attention : body.kind;
  SmallVector<Value> products;
  for (Operation *op : group.ops)
    if (group.isAttention && isa<graph::MatmulOp>(op))
      products.push_back(body.tensor(op->getResult(0)).value);
  kernel.body = body.finish();
  kernel.body->setAttr(exec::kernelBodyAttrName, builder.getUnitAttr());
  kernel.body->setAttr(exec::kindAttrName,
                       builder.getStringAttr(getKindName(kind)));
  kernel.body->setAttr("exec.ops", builder.getArrayAttr(names));
  kernel.name = getKernelName(group.ops);
  kernel.flops = flops;
  // The others write an element once, after their last read at its place.
  if (fuse && kind != KernelKind::Loops)
    for (auto [input, result] :
         findInPlacePairs(kernel.body, group.inputs.size(), products))
      if (isa<TensorType>(group.inputs[input].getType()) &&
          shapes.get(group.inputs[input]).dims ==
              shapes.get(group.results[result]).dims &&
          !group.inputs[input].getDefiningOp<graph::ConstantOp>())
        kernel.inPlace.push_back({input, result});
  if (fuse && isUpdate(root)) {
    Value into = cast<graph::StepSetOp>(root).getInto();
    unsigned input = llvm::find(group.inputs, into) - group.inputs.begin();
    kernel.updates.push_back({input, 0});
  }
  kernel.group = std::move(group);
  kernels[root] = std::move(kernel);
  return success();
}

/// True for element types that kernels compute with and buffers hold.
static bool isStorable(Type type) {
  return !type.isIndex() && graph::getStorageBits(type) != 0;
}

/// Element types must have a place in memory, and every size of what is stored
/// must be known before a run.
LogicalResult ProgramWriter::checkTypes() {
  llvm::StringSet<> dataSymbols;
  for (const std::string &symbol : analysis.getDataSymbols())
    dataSymbols.insert(symbol);
  bool isKnown = true;
  for (Type input : function.getArgumentTypes())
    if (!isStorable(getElementTypeOrSelf(input))) {
      cinch::emitUnsupportedError(function)
          << "an input has elements of type " << getElementTypeOrSelf(input);
      isKnown = false;
    }
  function.walk([&](Operation *op) {
    if (isGraphOp(op) && !live.contains(op))
      return;
    for (Value result : op->getResults()) {
      const graph::ValueShape *shape = analysis.get(result);
      if (!shape || !isa<TensorType>(result.getType()))
        continue;
      Type element = getElementTypeOrSelf(result.getType());
      if (!isStorable(element)) {
        cinch::emitUnsupportedError(op)
            << "'" << op->getName() << "' has elements of type " << element;
        isKnown = false;
        return;
      }
      for (const Expr &dim : shape->dims)
        for (const std::string &symbol : dim.symbols())
          if (dataSymbols.contains(symbol)) {
            cinch::emitUnsupportedError(op)
                << "'" << op->getName()
                << "' has a result whose size is only known while "
                << "the model runs: " << graph::toString(shape->dims);
            isKnown = false;
            return;
          }
    }
  });
  return success(isKnown);
}

LogicalResult ProgramWriter::formKernels() {
  findLive();
  bool allFormed = succeeded(checkTypes());
  function.walk([&](Block *block) {
    for (Group &group : formGroups(*block, shapes, live, fuse))
      allFormed &= succeeded(formKernel(std::move(group)));
  });
  if (!allFormed)
    for (auto &[root, kernel] : kernels)
      kernel.body.erase();
  return success(allFormed);
}
