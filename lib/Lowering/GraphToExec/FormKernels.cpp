//===- FormKernels.cpp - from graph to exec -------------------------------===//
//
// Fusing producers into consumers keeps intermediate values in registers: they
// take no memory and no bandwidth. Its cost is recomputation, which grouping
// bounds.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "lib/Lowering/GraphToExec/Passes.h"
#include "lib/Lowering/GraphToExec/Program.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/Graph/Names.h"
#include "llvm/ADT/SetVector.h"

namespace cinch {
#define GEN_PASS_DEF_FORMKERNELSPASS
#include "lib/Lowering/GraphToExec/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

func::FuncOp KernelLibrary::insert(func::FuncOp body, StringRef name) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  body.print(stream, OpPrintingFlags().printGenericOpForm().useLocalScope());
  func::FuncOp &known = byText[text];
  if (known) {
    body.erase();
    return known;
  }
  body.setName(name);
  symbols.insert(body); // makes the name unique
  return known = body;
}

/// True for a conversion of 16-bit elements to f32.
static bool widens16Bits(Operation *op) {
  if (!isa<graph::CastOp>(op))
    return false;
  Type from = getElementTypeOrSelf(op->getOperand(0).getType());
  return isa<FloatType>(from) && from.getIntOrFloatBitWidth() == 16 &&
         getElementTypeOrSelf(op->getResult(0).getType()).isF32();
}

/// Gives every reader of 16-bit elements in f32 a conversion of its own, and
/// every contraction that of elements of at most 8 bits, which they compute in
/// place; one for all would be stored, in several times the bytes.
static void splitWidening(func::FuncOp function) {
  SmallVector<Operation *> widening;
  function.walk([&](Operation *op) {
    if (widens16Bits(op) || isDecoded(op))
      widening.push_back(op);
  });
  for (Operation *op : widening) {
    llvm::SetVector<Operation *> users(op->user_begin(), op->user_end());
    for (size_t number = users.size(); number-- > 0;) {
      Operation *user = users[number];
      auto takesOwn = [&](OpOperand &use) {
        return use.getOwner() == user &&
               (widens16Bits(op) ? isa<graph::GraphDialect>(user->getDialect())
                                 : readsDecoded(use));
      };
      // The last one keeps the operation.
      if (llvm::none_of(op->getUses(), takesOwn) ||
          llvm::all_of(op->getUses(), takesOwn))
        continue;
      OpBuilder builder(op);
      builder.setInsertionPointAfter(op);
      Operation *own = builder.clone(*op);
      graph::setName(own, graph::getValueName(op->getResult(0)) + "_" +
                              Twine(number));
      op->replaceUsesWithIf(own->getResults(), takesOwn);
    }
  }
}

namespace {
struct FormKernelsPass
    : public cinch::impl::FormKernelsPassBase<FormKernelsPass> {
  using FormKernelsPassBase::FormKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() &&
          !function->hasAttr(exec::kernelBodyAttrName))
        functions.push_back(function);
    KernelLibrary library(module);
    for (func::FuncOp function : functions) {
      if (fuse)
        splitWidening(function);
      auto analysis = SymbolicShapeAnalysis::compute(function);
      if (failed(analysis))
        return signalPassFailure();
      ProgramWriter writer(function, *analysis, fuse);
      if (failed(writer.formKernels()))
        return signalPassFailure();
      writer.write(library);
    }
  }
};
} // namespace
