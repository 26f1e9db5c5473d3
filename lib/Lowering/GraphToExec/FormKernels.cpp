//===- FormKernels.cpp - from graph to exec -------------------------------===//
//
// Fusing producers into consumers keeps intermediate values in registers: they
// take no memory and no bandwidth. Its cost is recomputation, which grouping
// bounds.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/FewBits.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "lib/Lowering/GraphToExec/Passes.h"
#include "lib/Lowering/GraphToExec/Program.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
        placeFewBits(function);
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
