//===- JoinRows.cpp - kernels that write rows where they are joined -------===//
//
// Rows of several images are no neighbours in any layout, so that joining them
// would be a copy. A generic kernel stores its results element by element and
// can store them into rows of a larger value as well: each kernel adds its rows
// to what the one before has written.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/Passes.h"
#include "lib/Lowering/KernelToLLVM/RowViews.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace cinch {
#define GEN_PASS_DEF_JOINROWSPASS
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;

static constexpr int64_t rowAxis = 2;

namespace {

struct JoinRows : public cinch::impl::JoinRowsPassBase<JoinRows> {
  void runOnOperation() override;

private:
  bool canWriteRows(exec::KernelOp kernel);
  func::FuncOp getBody(exec::KernelOp kernel, Type whole, bool isFirst);
  void join(exec::KernelOp concat);

  std::optional<SymbolTable> symbols;
  std::map<std::tuple<const void *, const void *, bool>, func::FuncOp> bodies;
};

} // namespace

bool JoinRows::canWriteRows(exec::KernelOp kernel) {
  if (!kernel || kernel.getNumResults() != 1 ||
      !kernel.getResult(0).hasOneUse() || !kernel.getUpdates().empty())
    return false;
  auto body = symbols->lookup<func::FuncOp>(kernel.getCallee());
  Value result = body.front().getTerminator()->getOperand(0);
  return exec::getKernelKind(body) == "generic" &&
         result.getDefiningOp<linalg::GenericOp>();
}

/// The body of `kernel`, writing from the row that its last scalar says into a
/// value of the type `whole`, over the operand behind its inputs unless
/// `isFirst`.
func::FuncOp JoinRows::getBody(exec::KernelOp kernel, Type whole,
                               bool isFirst) {
  auto original = symbols->lookup<func::FuncOp>(kernel.getCallee());
  func::FuncOp &body = bodies[{original, whole.getAsOpaquePointer(), isFirst}];
  if (body)
    return body;
  body = original.clone();
  body.setSymName((original.getSymName() + "_rows").str());
  symbols->insert(body, ++Block::iterator(original));
  Location loc = body.getLoc();
  Block &entry = body.front();
  BlockArgument part = entry.getArguments().back();
  auto partType = cast<RankedTensorType>(part.getType());
  if (!isFirst)
    entry.insertArgument(kernel.getInputs().size(), whole, loc);
  OpBuilder builder(&getContext());
  BlockArgument offset = entry.insertArgument(entry.getNumArguments() - 1,
                                              builder.getIndexType(), loc);
  BlockArgument destination = entry.addArgument(whole, loc);
  builder.setInsertionPointToStart(&entry);
  SmallVector<Value> dynamicSizes;
  SmallVector<OpFoldResult> sizes;
  for (auto [axis, size] : llvm::enumerate(partType.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      sizes.push_back(builder.getIndexAttr(size));
      continue;
    }
    dynamicSizes.push_back(
        tensor::DimOp::create(builder, loc, destination, axis));
    sizes.push_back(dynamicSizes.back());
  }
  Value empty = tensor::EmptyOp::create(builder, loc, partType, dynamicSizes);
  part.replaceAllUsesWith(empty);
  entry.eraseArgument(part.getArgNumber());
  Operation *end = entry.getTerminator();
  builder.setInsertionPoint(end);
  SmallVector<OpFoldResult> offsets(partType.getRank(),
                                    builder.getIndexAttr(0)),
      strides(partType.getRank(), builder.getIndexAttr(1));
  offsets[rowAxis] = offset;
  Value into =
      isFirst ? destination : entry.getArgument(kernel.getInputs().size());
  end->setOperand(0, tensor::InsertSliceOp::create(builder, loc,
                                                   end->getOperand(0), into,
                                                   offsets, sizes, strides));
  body.setFunctionType(
      builder.getFunctionType(entry.getArgumentTypes(), {whole}));
  return body;
}

void JoinRows::join(exec::KernelOp concat) {
  Type whole = concat.getResultTypes()[0];
  SmallVector<exec::KernelOp> parts;
  for (Value input : concat.getInputs()) {
    auto part = input.getDefiningOp<exec::KernelOp>();
    auto type = cast<RankedTensorType>(input.getType());
    // Where the number of the first row is known, and the layouts agree.
    if (!canWriteRows(part) || part->getBlock() != concat->getBlock() ||
        (!parts.empty() && !parts.back()->isBeforeInBlock(part)) ||
        type.isDynamicDim(rowAxis) ||
        type.getEncoding() != cast<RankedTensorType>(whole).getEncoding())
      return;
    parts.push_back(part);
  }
  if (parts.size() < 2)
    return;
  Builder builder(&getContext());
  int64_t row = 0;
  Value written;
  for (exec::KernelOp part : parts) {
    int64_t numRows =
        cast<RankedTensorType>(part.getResultTypes()[0]).getDimSize(rowAxis);
    part.setCallee(getBody(part, whole, !written).getSymName());
    SmallVector<Attribute> scalars(part.getScalars().getValue());
    scalars.push_back(builder.getStringAttr(Twine(row)));
    part.setScalarsAttr(builder.getArrayAttr(scalars));
    part.setInPlaceAttr(builder.getArrayAttr({}));
    if (written) {
      int64_t number = part.getInputs().size();
      auto pairs =
          builder.getArrayAttr({builder.getDenseI64ArrayAttr({number, 0})});
      part.getInputsMutable().append(written);
      part.setInPlaceAttr(pairs);
      part.setUpdatesAttr(pairs);
    }
    part.setDimsAttr(concat.getDims());
    part.getResult(0).setType(whole);
    written = part.getResult(0);
    row += numRows;
  }
  parts.back()->setAttr("names", concat->getAttr("names"));
  concat.getResult(0).replaceAllUsesWith(written);
  concat.erase();
}

void JoinRows::runOnOperation() {
  bodies.clear();
  symbols.emplace(getOperation());
  SmallVector<exec::KernelOp> concats;
  getOperation().walk([&](exec::KernelOp kernel) {
    if (kernel->hasAttr(joinsRowsAttrName))
      concats.push_back(kernel);
  });
  for (exec::KernelOp concat : concats)
    join(concat);
  // The bodies that were called here alone.
  llvm::StringSet<> called;
  getOperation().walk(
      [&](exec::KernelOp kernel) { called.insert(kernel.getCallee()); });
  for (auto body :
       llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
    if (!concats.empty() && body->hasAttr(exec::kernelBodyAttrName) &&
        !called.contains(body.getSymName()))
      body.erase();
}
