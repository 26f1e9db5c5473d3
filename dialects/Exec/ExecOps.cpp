//===- ExecOps.cpp - verifiers of the exec operations ---------------------===//
#include "dialects/Exec/Exec.h"

using namespace mlir;
using namespace cinch::exec;
using cinch::plan::Expr;

#define GET_OP_CLASSES
#include "dialects/Exec/ExecOps.cpp.inc"

/// Checks that `text` parses as an expression over symbols.
static LogicalResult verifyExpression(Operation *op, StringRef what,
                                      StringRef text) {
  if (Expr::parse({text.data(), text.size()}))
    return success();
  return op->emitOpError() << what << " is not an expression: '" << text << "'";
}

/// Checks that `dims` has one entry per result, each of the rank of the result,
/// equal to its static dimensions.
static LogicalResult verifyDims(Operation *op, ArrayAttr dims) {
  if (dims.size() != op->getNumResults())
    return op->emitOpError() << "expected dims of " << op->getNumResults()
                             << " results, but got " << dims.size();
  for (auto [attr, result] : llvm::zip(dims, op->getResults())) {
    auto type = cast<RankedTensorType>(result.getType());
    auto list = dyn_cast<ArrayAttr>(attr);
    if (!list || static_cast<int64_t>(list.size()) != type.getRank())
      return op->emitOpError() << "expected dims of rank " << type.getRank()
                               << ", but got " << attr;
    for (auto [axis, dim] : llvm::enumerate(list)) {
      if (auto text = dyn_cast<StringAttr>(dim)) {
        if (failed(verifyExpression(op, "dimension", text.getValue())))
          return failure();
        continue;
      }
      auto number = dyn_cast<IntegerAttr>(dim);
      if (!number || (!type.isDynamicDim(axis) &&
                      number.getInt() != type.getDimSize(axis)))
        return op->emitOpError() << "expected dimension " << axis << " of "
                                 << type << ", but got " << dim;
    }
  }
  return success();
}

LogicalResult KernelOp::verify() {
  if (failed(verifyDims(*this, getDims())))
    return failure();
  for (auto scalar : getScalars().getAsValueRange<StringAttr>())
    if (failed(verifyExpression(*this, "scalar", scalar)))
      return failure();
  for (auto pair : getInPlace().getAsRange<DenseI64ArrayAttr>()) {
    auto indices = pair.asArrayRef();
    if (indices.size() != 2 || indices[0] < 0 ||
        indices[0] >= static_cast<int64_t>(getInputs().size()) ||
        indices[1] < 0 || indices[1] >= static_cast<int64_t>(getNumResults()))
      return emitOpError()
             << "expected an in_place pair [operand, result], but got " << pair;
  }
  for (Attribute pair : getUpdates())
    if (!llvm::is_contained(getInPlace(), pair))
      return emitOpError() << "expected updates to be among the pairs of "
                              "in_place, but got "
                           << pair;
  return success();
}

void KernelOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (!getFaults().empty())
    effects.emplace_back(MemoryEffects::Write::get());
}

LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *body = symbols.lookupNearestSymbolFrom(*this, getCalleeAttr());
  int64_t numFaults = getFaults().size();
  WalkResult asserts = WalkResult::advance();
  if (body)
    asserts = body->walk([&](Operation *inner) -> WalkResult {
      auto number = inner->getAttrOfType<IntegerAttr>(faultAttrName);
      if (!number || number.getInt() < numFaults)
        return WalkResult::advance();
      emitOpError() << "expected a message for assertion " << number.getInt()
                    << " of " << getCalleeAttr() << ", but faults has "
                    << numFaults;
      return WalkResult::interrupt();
    });
  if (asserts.wasInterrupted())
    return failure();
  FunctionType type;
  if (auto function = dyn_cast_or_null<func::FuncOp>(body);
      function && function->hasAttr(kernelBodyAttrName))
    type = function.getFunctionType();
  else if (auto signature =
               body ? body->getAttrOfType<TypeAttr>(signatureAttrName)
                    : TypeAttr())
    type = dyn_cast<FunctionType>(
        signature.getValue()); // lowered: its type is that of the ABI
  if (!type)
    return emitOpError() << "expected " << getCalleeAttr()
                         << " to be a function with " << kernelBodyAttrName;
  SmallVector<Type> expected(getInputs().getTypes());
  expected.append(getScalars().size(), IndexType::get(getContext()));
  llvm::append_range(expected, getResultTypes());
  if (type.getInputs() != ArrayRef<Type>(expected) ||
      !llvm::equal(type.getResults(), getResultTypes()))
    return emitOpError() << "expected " << getCalleeAttr() << " of type "
                         << FunctionType::get(getContext(), expected,
                                              getResultTypes())
                         << ", but it has " << type;
  return success();
}

OpFoldResult WeightOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ViewOp::verify() {
  if (failed(verifyDims(*this, getDims())))
    return failure();
  return verifyExpression(*this, "offset", getOffset());
}

LogicalResult AssembleOp::verify() {
  if (getInputs().empty())
    return emitOpError("expected at least one operand");
  Type element = getResult().getType().getElementType();
  for (Type type : getInputs().getTypes())
    if (cast<RankedTensorType>(type).getElementType() != element)
      return emitOpError() << "expected operands of element type " << element
                           << ", but got " << type;
  return verifyDims(*this, getDims());
}

LogicalResult CopyOp::verify() { return verifyDims(*this, getDims()); }

LogicalResult ShapeOp::verify() {
  if (static_cast<int64_t>(getElements().size()) !=
      getResult().getType().getNumElements())
    return emitOpError() << "expected "
                         << getResult().getType().getNumElements()
                         << " elements, but got " << getElements().size();
  for (auto element : getElements().getAsValueRange<StringAttr>())
    if (failed(verifyExpression(*this, "element", element)))
      return failure();
  return success();
}

LogicalResult ReadOp::verify() {
  auto type = getInput().getType();
  if (!type.hasStaticShape() || type.getNumElements() != 1 ||
      !type.getElementType().isInteger())
    return emitOpError() << "expected a one-element integer tensor, but got "
                         << type;
  return success();
}

LogicalResult CheckOp::verify() {
  return verifyExpression(*this, "condition", getZero());
}
