//===- LowerKernels.cpp - kernel bodies to LLVM functions -----------------===//
//
// Emits the functions of every kernel body into a helper module, lowers that
// with the upstream conversions, and moves the result in place of the bodies.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/Passes.h"

#include "dialects/Exec/Exec.h"
#include "dialects/Graph/Graph.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"

namespace cinch {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;

namespace {
struct LowerKernels : public cinch::impl::LowerKernelsPassBase<LowerKernels> {
  using LowerKernelsPassBase::LowerKernelsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    LowerKernelsPassBase::getDependentDialects(registry);
    arith::registerBufferizableOpInterfaceExternalModels(registry);
    linalg::registerBufferizableOpInterfaceExternalModels(registry);
    scf::registerBufferizableOpInterfaceExternalModels(registry);
    tensor::registerBufferizableOpInterfaceExternalModels(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> bodies;
    for (auto body : module.getOps<func::FuncOp>())
      if (body->hasAttr(exec::kernelBodyAttrName))
        bodies.push_back(body);
    llvm::StringMap<SmallVector<exec::KernelOp>> users;
    module.walk(
        [&](exec::KernelOp op) { users[op.getCallee()].push_back(op); });

    OpBuilder builder(module.getBodyRegion());
    builder.setInsertionPointToEnd(module.getBody());
    auto helper = ModuleOp::create(builder, module.getLoc());
    llvm::StringMap<int64_t> grains;
    MicrokernelTable microkernels(module, dotProducts);
    bool failedAny = false;
    for (func::FuncOp body : bodies) {
      builder.setInsertionPointToEnd(helper.getBody());
      FailureOr<int64_t> grain = emitBody(
          builder, body, getSharedArguments(body, users[body.getName()]),
          microkernels);
      failedAny |= failed(grain);
      grains[body.getName()] = grain.value_or(1);
    }
    auto run = [&](OpPassManager &pipeline) {
      return runPipeline(pipeline, helper);
    };
    if (failedAny || failed(convertToLLVM(helper, run))) {
      helper.erase();
      signalPassFailure();
      return;
    }
    replaceBodies(module, helper, bodies, grains);
    microkernels.write(module);
  }

private:
  FailureOr<int64_t> emitBody(OpBuilder &builder, func::FuncOp body,
                              ArrayRef<bool> shared,
                              MicrokernelTable &microkernels) {
    if (failed(checkKernelBody(body)))
      return failure();
    StringRef kind = exec::getKernelKind(body);
    if (kind == "loops")
      return emitBufferizedKernel(builder, body, shared);
    if (kind == "contraction" && !reference)
      return emitBlockedConvolution(builder, body, shared, microkernels);
    if (kind == "attention" && !reference)
      return emitAttention(builder, body, shared, microkernels);
    return emitKernelLoops(builder, body, shared, reference);
  }

  /// Moves the functions of `helper` into `module` in place of `bodies`.
  static void replaceBodies(ModuleOp module, ModuleOp helper,
                            ArrayRef<func::FuncOp> bodies,
                            const llvm::StringMap<int64_t> &grains) {
    llvm::StringMap<FunctionType> signatures;
    llvm::StringMap<SmallVector<NamedAttribute>> states;
    for (func::FuncOp body : bodies) {
      signatures[body.getName()] = body.getFunctionType();
      for (NamedAttribute attr : body->getDiscardableAttrs())
        if (attr.getName() == exec::rowsAttrName ||
            attr.getName() == exec::appendAttrName)
          states[body.getName()].push_back(attr);
      func::FuncOp(body).erase();
    }
    SymbolTable symbols(module);
    Builder builder(module.getContext());
    for (Operation &op : llvm::make_early_inc_range(*helper.getBody())) {
      auto function = cast<LLVM::LLVMFuncOp>(op);
      // Declarations of the math library may be there already.
      if (function.isExternal() && symbols.lookup(function.getName()))
        continue;
      auto signature = signatures.find(function.getName());
      if (signature != signatures.end()) {
        function->setAttr("exec.signature", TypeAttr::get(signature->second));
        function->setAttr("exec.grain", builder.getI64IntegerAttr(
                                            grains.lookup(function.getName())));
        for (NamedAttribute attr : states.lookup(function.getName()))
          function->setAttr(attr.getName(), attr.getValue());
      }
      op.remove();
      symbols.insert(&op);
    }
    helper.erase();
  }
};
} // namespace
