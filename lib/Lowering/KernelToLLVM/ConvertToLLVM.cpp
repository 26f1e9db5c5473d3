//===- ConvertToLLVM.cpp - emitted kernel functions to the llvm dialect ---===//
//
// 16-bit floats are computed in f32; bf16 conversions become integer arithmetic
// (the C library has no routine for them, f16 is an instruction of the target).
// Math functions become polynomials that LLVM vectorizes, or calls of libm.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"

#include "dialects/Graph/Unsupported.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace cinch;

namespace {

/// truncf f64 -> 16 bits: through f32, as no instruction does it at once.
struct SplitTruncation : public OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getIn().getType().isF64() ||
        op.getType().getIntOrFloatBitWidth() > 16)
      return rewriter.notifyMatchFailure(op, "one instruction does it");
    Value single = arith::TruncFOp::create(rewriter, op.getLoc(),
                                           rewriter.getF32Type(), op.getIn());
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), single);
    return success();
  }
};

/// Integer conversions of 16-bit floats go through f32.
template <typename Op> struct WidenConversion : public OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType(), to = op.getType();
    auto isSmall = [](Type type) {
      return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 16;
    };
    Type f32 = rewriter.getF32Type();
    if (isSmall(from)) {
      Value wide =
          arith::ExtFOp::create(rewriter, op.getLoc(), f32, op.getIn());
      rewriter.replaceOpWithNewOp<Op>(op, to, wide);
      return success();
    }
    if (isSmall(to)) {
      Value wide = Op::create(rewriter, op.getLoc(), f32, op.getIn());
      rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, to, wide);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no 16-bit float");
  }
};

/// math.log10 -> math.log, as there is no polynomial of its own.
struct ExpandLog10 : public OpRewritePattern<math::Log10Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Log10Op op,
                                PatternRewriter &rewriter) const override {
    constexpr double log10e = 0.43429448190325182765;
    Type type = op.getType();
    Value log = math::LogOp::create(rewriter, op.getLoc(), op.getOperand());
    Value scale = arith::ConstantOp::create(rewriter, op.getLoc(),
                                            FloatAttr::get(type, log10e));
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, log, scale);
    return success();
  }
};

} // namespace

/// Math functions -> polynomials and the instructions of a GPU, in f32. What is
/// left would be a call.
static LogicalResult expandForDevice(ModuleOp module) {
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  math::populateExpansionPatterns(patterns,
                                  {"sinh", "cosh", "tan", "asinh", "acosh",
                                   "atanh", "exp2", "powf", "fpowi"});
  patterns.add<ExpandLog10>(context);
  populateMathPolynomialApproximationPatterns(patterns,
                                              [](StringRef) { return true; });
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return failure();
  WalkResult result = module.walk([&](Operation *op) {
    bool isInstruction =
        isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
            math::CountLeadingZerosOp, math::CtPopOp,
            math::CountTrailingZerosOp, math::FloorOp, math::FmaOp,
            math::IsFiniteOp, math::IsInfOp, math::IsNaNOp, math::IsNormalOp,
            math::RoundOp, math::RoundEvenOp, math::RsqrtOp, math::SqrtOp,
            math::TruncOp>(op);
    if (!isa<math::MathDialect>(op->getDialect()) || isInstruction)
      return WalkResult::advance();
    emitUnsupportedError(op) << "'" << op->getName() << "' of "
                             << op->getOperand(0).getType() << " on a GPU";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Math functions that have no LLVM intrinsic -> calls of libm.
static LogicalResult callLibm(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateMathToLibmConversionPatterns(patterns);
  ConversionTarget target(*module.getContext());
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  target.addIllegalOp<math::AcosOp, math::AcoshOp, math::AsinOp, math::AsinhOp,
                      math::AtanOp, math::Atan2Op, math::AtanhOp, math::CbrtOp,
                      math::CosOp, math::CoshOp, math::ErfOp, math::ErfcOp,
                      math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp,
                      math::Log2Op, math::Log10Op, math::Log1pOp, math::PowFOp,
                      math::SinOp, math::SinhOp, math::TanOp, math::TanhOp>();
  return applyPartialConversion(module, target, std::move(patterns));
}

LogicalResult
cinch::convertToLLVM(ModuleOp module,
                     function_ref<LogicalResult(OpPassManager &)> run,
                     bool isDevice) {
  MLIRContext *context = module.getContext();
  OpPassManager widen("builtin.module");
  {
    math::MathExtendToSupportedTypesOptions options;
    widen.addNestedPass<func::FuncOp>(
        math::createMathExtendToSupportedTypes(options));
    arith::ArithEmulateUnsupportedFloatsOptions floats;
    floats.sourceTypeStrs = {"f16", "bf16"};
    widen.addPass(arith::createArithEmulateUnsupportedFloats(floats));
  }
  if (failed(run(widen)))
    return failure();

  RewritePatternSet patterns(context);
  patterns
      .add<SplitTruncation, WidenConversion<arith::SIToFPOp>,
           WidenConversion<arith::UIToFPOp>, WidenConversion<arith::FPToSIOp>,
           WidenConversion<arith::FPToUIOp>>(context);
  // Those that are within 1e-6 of the exact value over the whole range.
  auto approximates = [](StringRef name) {
    return llvm::is_contained({"math.exp", "math.log", "math.log2",
                               "math.log1p", "math.expm1", "math.tanh",
                               "math.erf", "math.asin", "math.acos"},
                              name);
  };
  if (!isDevice)
    populateMathPolynomialApproximationPatterns(patterns, approximates);
  if (failed(applyPatternsGreedily(module, std::move(patterns))) ||
      (isDevice && failed(expandForDevice(module))))
    return failure();

  OpPassManager lower("builtin.module");
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  lower.addNestedPass<func::FuncOp>(arith::createArithExpandOpsPass(expand));
  lower.addPass(memref::createExpandStridedMetadataPass());
  lower.addPass(createLowerAffinePass());
  lower.addPass(createSCFToControlFlowPass());
  if (failed(run(lower)) || (!isDevice && failed(callLibm(module))))
    return failure();

  OpPassManager convert("builtin.module");
  convert.addPass(createConvertMathToLLVMPass());
  convert.addPass(createConvertIndexToLLVMPass());
  convert.addPass(createFinalizeMemRefToLLVMConversionPass());
  convert.addPass(createArithToLLVMConversionPass());
  convert.addPass(createConvertControlFlowToLLVMPass());
  convert.addPass(createConvertFuncToLLVMPass());
  convert.addPass(createUBToLLVMConversionPass());
  convert.addPass(createReconcileUnrealizedCastsPass());
  if (failed(run(convert)))
    return failure();
  for (Operation &op : *module.getBody())
    if (!isa<LLVM::LLVMFuncOp, LLVM::GlobalOp>(op))
      return op.emitOpError("was not lowered to the llvm dialect");
  WalkResult result = module.walk([&](Operation *op) {
    // Left behind by the emulation of 16-bit floats.
    if (isa_and_nonnull<arith::FastMathFlagsAttr>(op->getAttr("fastmath")))
      op->removeAttr("fastmath");
    if (op == module ||
        isa<LLVM::LLVMDialect, NVVM::NVVMDialect>(op->getDialect()))
      return WalkResult::advance();
    op->emitOpError("was not lowered to the llvm dialect");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
