//===- ProgramWriter.cpp - writing the exec program -----------------------===//
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "lib/Lowering/GraphToExec/Program.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

static constexpr StringLiteral namesAttrName = "names";

static bool isGraphOp(Operation *op) {
  return isa_and_nonnull<graph::GraphDialect>(op->getDialect());
}

static void copyNames(Operation *from, Operation *to) {
  if (Attribute names = from->getAttr(namesAttrName))
    to->setAttr(namesAttrName, names);
}

/// Name of a result of a graph operation; empty if it has none.
static Attribute getName(Value value) {
  auto result = cast<OpResult>(value);
  auto names = result.getOwner()->getAttrOfType<ArrayAttr>(namesAttrName);
  if (names && result.getResultNumber() < names.size())
    return names[result.getResultNumber()];
  return StringAttr::get(value.getContext());
}

ArrayAttr ProgramWriter::getDims(ValueRange values) {
  SmallVector<Attribute> dims;
  for (Value value : values)
    dims.push_back(
        graph::getDimsAttr(function.getContext(), shapes.get(value).dims));
  return ArrayAttr::get(function.getContext(), dims);
}

/// The position of a loop as a tensor, made where the position is defined.
Value ProgramWriter::materializeIndex(Value index) {
  Value &known = written[index];
  if (known)
    return known;
  OpBuilder builder(index.getContext());
  builder.setInsertionPointAfterValue(index);
  auto type = RankedTensorType::get({}, builder.getI64Type());
  auto made = exec::WriteOp::create(builder, index.getLoc(), type, index);
  Attribute name = builder.getStringAttr("step/" + llvm::Twine(numSteps++));
  made->setAttr(namesAttrName, builder.getArrayAttr(name));
  return known = made.getResult();
}

/// The value in memory of a graph value: made at the place of the operation
/// that defines it, on first use.
Value ProgramWriter::materialize(Value value) {
  if (value.getType().isIndex())
    return materializeIndex(value);
  Operation *op = value.getDefiningOp();
  if (!op || !isGraphOp(op))
    return value;
  if (Value known = written.lookup(value))
    return known;
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Type type = dropSign(value.getType());
  Operation *made = nullptr;
  switch (getPlace(op, shapes)) {
  case Place::Constant: {
    auto constant = cast<graph::ConstantOp>(op).getValue();
    if (type != value.getType()) {
      if (auto dense = dyn_cast<DenseElementsAttr>(constant))
        constant = cast<TypedAttr>(
            dense.bitcast(cast<RankedTensorType>(type).getElementType()));
      else if (auto weight = dyn_cast<graph::WeightAttr>(constant))
        constant = graph::WeightAttr::get(
            op->getContext(), weight.getFile(), weight.getOffset(),
            weight.getLength(), weight.getChecksum(),
            cast<RankedTensorType>(type));
    }
    made = exec::WeightOp::create(builder, loc, type, constant);
    if (type != value.getType()) // what the weights file says of it
      made->setAttr("exec.element_type",
                    TypeAttr::get(getElementTypeOrSelf(value.getType())));
    break;
  }
  case Place::Shape: {
    SmallVector<Attribute> elements;
    ArrayRef<Expr> contents = *shapes.contents(value);
    for (const Expr &element : contents)
      elements.push_back(builder.getStringAttr(element.str()));
    made = exec::ShapeOp::create(builder, loc, type,
                                 builder.getArrayAttr(elements));
    break;
  }
  case Place::View: {
    std::string offset = getViewOffset(op, shapes)->str();
    made =
        exec::ViewOp::create(builder, loc, type, materialize(op->getOperand(0)),
                             builder.getStringAttr(offset), getDims(value));
    break;
  }
  case Place::Assemble: {
    SmallVector<Value> inputs;
    for (Value operand : op->getOperands())
      inputs.push_back(materialize(operand));
    made = exec::AssembleOp::create(builder, loc, type, inputs, getDims(value));
    break;
  }
  case Place::Kernel:
    llvm_unreachable("results of kernels are written before they are read");
  }
  copyNames(op, made);
  return written[value] = made->getResult(0);
}

/// Marks a call that only takes or joins rows of images: in another layout it
/// may need no kernel.
static void markRows(exec::KernelOp call, ArrayRef<Operation *> ops,
                     const ShapeTable &shapes) {
  auto type = cast<RankedTensorType>(call.getResultTypes()[0]);
  if (ops.size() != 1 || type.getRank() != 4)
    return;
  Builder builder(call.getContext());
  auto concat = dyn_cast<graph::ConcatOp>(ops[0]);
  if (concat && concat.getAxis() == 2)
    call->setAttr("exec.joins_rows", builder.getUnitAttr());
  if (auto slice = dyn_cast<graph::SliceOp>(ops[0]))
    if (auto rows = getStaticSlice(slice, shapes); rows && rows->axis == 2)
      call->setAttr("exec.first_row", builder.getI64IntegerAttr(rows->start));
}

void ProgramWriter::writeKernel(FormedKernel &kernel, KernelLibrary &library) {
  Operation *root = kernel.group.ops.back();
  OpBuilder builder(root);
  SmallVector<Value> inputs;
  for (Value input : kernel.group.inputs)
    inputs.push_back(materialize(input));
  SmallVector<Attribute> scalars, pairs, updates;
  for (const Expr &scalar : kernel.scalars)
    scalars.push_back(builder.getStringAttr(scalar.str()));
  for (auto [input, result] : kernel.inPlace)
    pairs.push_back(builder.getDenseI64ArrayAttr({input, result}));
  for (auto [input, result] : kernel.updates)
    updates.push_back(builder.getDenseI64ArrayAttr({input, result}));
  llvm::append_range(pairs, updates);
  SmallVector<StringRef> faults(kernel.faults.begin(), kernel.faults.end());
  func::FuncOp body = library.insert(kernel.body, kernel.name);
  auto call = exec::KernelOp::create(
      builder, root->getLoc(), body.getResultTypes(),
      FlatSymbolRefAttr::get(body), inputs, builder.getArrayAttr(scalars),
      getDims(kernel.group.results), builder.getArrayAttr(pairs),
      builder.getArrayAttr(updates), builder.getStrArrayAttr(faults));
  call->setAttr("exec.flops", builder.getStringAttr(kernel.flops.str()));
  SmallVector<Attribute> values; // one per entry of the body's `exec.ops`
  for (Operation *op : kernel.group.ops)
    values.push_back(getName(op->getResult(0)));
  call->setAttr("exec.values", builder.getArrayAttr(values));
  markRows(call, kernel.group.ops, shapes);
  SmallVector<Attribute> names;
  for (Value value : kernel.group.results)
    names.push_back(getName(value));
  call->setAttr(namesAttrName, builder.getArrayAttr(names));
  for (auto [value, result] :
       llvm::zip(kernel.group.results, call.getResults()))
    written[value] = result;
}

Value ProgramWriter::copy(OpBuilder &builder, Value value, ArrayAttr dims,
                          Attribute name) {
  auto made = exec::CopyOp::create(builder, value.getLoc(), value.getType(),
                                   value, dims);
  if (name)
    made->setAttr(namesAttrName, builder.getArrayAttr(name));
  return made.getResult();
}

/// The value whose buffer `value` is part of.
static Value getBuffer(Value value) {
  while (auto view = value.getDefiningOp<exec::ViewOp>())
    value = view.getInput();
  return value;
}

/// The name of a copy of a value.
static Attribute getCopyName(Builder &builder, Value value) {
  Operation *op = value.getDefiningOp();
  auto names = op ? op->getAttrOfType<ArrayAttr>(namesAttrName) : ArrayAttr();
  unsigned number = op ? cast<OpResult>(value).getResultNumber() : 0;
  if (!names || number >= names.size())
    return {};
  return builder.getStringAttr(cast<StringAttr>(names[number]).getValue() +
                               "/copy");
}

/// Gives every operand of a return or yield, and every initial value of a loop,
/// a buffer of its own that is made in the region: a copy where it has none.
void ProgramWriter::writeReturns(Operation *terminator) {
  DenseSet<Value> taken;
  auto function = dyn_cast<func::FuncOp>(terminator->getParentOp());
  for (OpOperand &operand : terminator->getOpOperands()) {
    Value value = operand.get();
    if (!isa<TensorType>(value.getType()))
      continue;
    Value made = materialize(value);
    Value buffer = getBuffer(made);
    Operation *definition = buffer.getDefiningOp();
    bool isOwn =
        definition && definition->getBlock() == terminator->getBlock() &&
        !isa<exec::WeightOp>(definition) && taken.insert(buffer).second;
    // An iteration may hand on what it was given.
    auto argument = dyn_cast<BlockArgument>(buffer);
    if (argument && argument.getOwner() == terminator->getBlock() &&
        isa<scf::YieldOp>(terminator) && buffer == made)
      isOwn = isa<scf::ForOp>(terminator->getParentOp()) &&
              argument.getArgNumber() == operand.getOperandNumber() + 1 &&
              taken.insert(buffer).second;
    if (!isOwn) {
      OpBuilder builder(terminator);
      Attribute name = getCopyName(builder, made);
      if (function)
        if (auto output = function.getResultAttr(operand.getOperandNumber(),
                                                 "graph.name"))
          name = output;
      made = copy(builder, made, getDims(value), name);
    }
    operand.set(made);
  }
}

/// Initial values are copied: the loop writes over them.
void ProgramWriter::writeLoop(Operation *loop) {
  for (OpOperand &operand : loop->getOpOperands()) {
    if (!isa<TensorType>(operand.get().getType()))
      continue;
    OpBuilder builder(loop);
    Value made = materialize(operand.get());
    operand.set(copy(builder, made, getDims(operand.get()),
                     getCopyName(builder, made)));
  }
}

/// tensor.extract of control flow -> exec.read.
void ProgramWriter::writeScalarRead(Operation *op) {
  auto extract = cast<tensor::ExtractOp>(op);
  OpBuilder builder(op);
  Value input = materialize(extract.getTensor());
  if (extract.getType().isInteger(1)) {
    Value read =
        exec::ReadOp::create(builder, op->getLoc(), builder.getI1Type(), input);
    op->replaceAllUsesWith(ValueRange{read});
  } else {
    Value read = exec::ReadOp::create(builder, op->getLoc(),
                                      builder.getIndexType(), input);
    for (Operation *user : op->getUsers())
      if (isa<arith::IndexCastOp>(user))
        user->replaceAllUsesWith(ValueRange{read});
    // Unused where only index casts read it.
    op->replaceAllUsesWith(ValueRange{arith::IndexCastOp::create(
        builder, op->getLoc(), dropSign(extract.getType()), read)});
  }
  replaced.push_back(op);
}

void ProgramWriter::writeBlock(Block &block, KernelLibrary &library) {
  for (Operation &operation : llvm::make_early_inc_range(block)) {
    Operation *op = &operation;
    if (isGraphOp(op)) {
      replaced.push_back(op);
      if (auto kernel = kernels.find(op); kernel != kernels.end())
        writeKernel(kernel->second, library);
      continue;
    }
    if (isa<tensor::ExtractOp>(op)) {
      writeScalarRead(op);
      continue;
    }
    if (isa<scf::ForOp, scf::WhileOp>(op))
      writeLoop(op);
    else if (!op->hasTrait<OpTrait::IsTerminator>())
      for (OpOperand &operand : op->getOpOperands()) // tensor.dim
        if (isa<TensorType>(operand.get().getType()))
          operand.set(materialize(operand.get()));
    for (Region &region : op->getRegions())
      for (Block &nested : region)
        writeBlock(nested, library);
    if (op->hasTrait<OpTrait::IsTerminator>())
      writeReturns(op);
  }
}

/// Makes the types of arguments and results signless. The entry keeps the
/// element types of its signature as attributes.
void ProgramWriter::dropSigns() {
  function.walk([](Operation *op) {
    for (Value result : op->getResults())
      result.setType(dropSign(result.getType()));
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          argument.setType(dropSign(argument.getType()));
  });
  auto type = function.getFunctionType();
  for (auto [number, input] : llvm::enumerate(type.getInputs()))
    if (input != dropSign(input))
      function.setArgAttr(number, "graph.element_type",
                          TypeAttr::get(getElementTypeOrSelf(input)));
  for (auto [number, result] : llvm::enumerate(type.getResults()))
    if (result != dropSign(result))
      function.setResultAttr(number, "graph.element_type",
                             TypeAttr::get(getElementTypeOrSelf(result)));
  SmallVector<Type> inputs, results;
  for (Type input : type.getInputs())
    inputs.push_back(dropSign(input));
  for (Type result : type.getResults())
    results.push_back(dropSign(result));
  function.setFunctionType(
      FunctionType::get(function.getContext(), inputs, results));
}

void ProgramWriter::write(KernelLibrary &library) {
  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  for (const graph::Requirement &requirement : analysis.getRequirements())
    exec::CheckOp::create(builder, function.getLoc(), requirement.zero.str(),
                          requirement.message);
  // Signs are dropped in the end: shapes and lowerings read the graph's types.
  writeBlock(function.getBody().front(), library);
  for (Operation *op : llvm::reverse(replaced)) {
    op->dropAllUses();
    op->erase();
  }
  dropSigns();
}
