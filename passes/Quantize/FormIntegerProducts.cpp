//===- FormIntegerProducts.cpp - quantized products in integers -----------===//
//
// Products of 8-bit integers take a quarter of the bytes and of the
// instructions of f32. IntegerProduct.cpp has the algebra and its source.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/Report.h"
#include "passes/Common/Selector.h"
#include "passes/Common/SymbolicShape.h"
#include "passes/Quantize/IntegerProduct.h"
#include "passes/Quantize/Passes.h"

namespace cinch::quantize {
#define GEN_PASS_DEF_FORMINTEGERPRODUCTSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {
struct FormIntegerProducts
    : public quantize::impl::FormIntegerProductsPassBase<FormIntegerProducts> {
  using FormIntegerProductsPassBase::FormIntegerProductsPassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    llvm::Expected<Selector> selector = Selector::parse(select);
    if (!selector) {
      function.emitError("form-integer-products: select: ")
          << llvm::toString(selector.takeError());
      return signalPassFailure();
    }
    selector->number(function);
    SmallVector<Operation *> products;
    function.walk([&](Operation *op) {
      if (isa<MatmulOp, ConvOp>(op))
        products.push_back(op);
    });
    SmallVector<int64_t> counts(static_cast<size_t>(Reason::Unselected) + 1, 0);
    std::optional<SymbolicShapeAnalysis> analysis;
    ShapeInference inference;
    for (Operation *op : products) {
      IntegerProduct product(op, inference);
      Reason reason =
          selector->matches(op) ? product.check() : Reason::Unselected;
      ++counts[static_cast<size_t>(reason)];
      if (reason != Reason::None)
        continue;
      if (!analysis) {
        auto computed = SymbolicShapeAnalysis::compute(function);
        if (failed(computed))
          return signalPassFailure();
        analysis = std::move(*computed);
      }
      for (Value leaf : product.getLeaves())
        if (!inference.get(leaf))
          inference.set(leaf, *analysis->get(leaf));
      if (failed(product.form()))
        return signalPassFailure();
    }
    if (!report)
      return;
    auto count = [&](Reason reason) {
      return counts[static_cast<size_t>(reason)];
    };
    function->setAttr(
        "graph.form_integer_products_report",
        getNumbersAttr(&getContext(),
                       {{"formed", count(Reason::None)},
                        {"groups", count(Reason::Groups)},
                        {"overflow", count(Reason::Overflow)},
                        {"scales", count(Reason::Scales)},
                        {"unquantized", count(Reason::Unquantized)},
                        {"unselected", count(Reason::Unselected)},
                        {"zeros", count(Reason::Zeros)}}));
  }
};
} // namespace
