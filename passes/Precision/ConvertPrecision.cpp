//===- ConvertPrecision.cpp - f32 values and weights in 16 bits -----------===//
//
// Half the bytes of weights and of what operations pass on, and products that
// tensor cores compute; the cost is one rounding per value that is stored
// (Micikevicius et al., "Mixed Precision Training", 2018, section 3).
//
//===----------------------------------------------------------------------===//
#include "passes/Common/Report.h"
#include "passes/Precision/Converter.h"
#include "passes/Precision/CountBytes.h"
#include "passes/Precision/Passes.h"

namespace cinch::precision {
#define GEN_PASS_DEF_CONVERTPRECISIONPASS
#include "passes/Precision/Passes.h.inc"
} // namespace cinch::precision

using namespace mlir;
using namespace cinch;
using namespace cinch::precision;

namespace {

struct ConvertPrecision
    : public precision::impl::ConvertPrecisionPassBase<ConvertPrecision> {
  using ConvertPrecisionPassBase::ConvertPrecisionPassBase;
  void runOnOperation() override;
};

} // namespace

void ConvertPrecision::runOnOperation() {
  func::FuncOp function = getOperation();
  if (function.isExternal())
    return;
  llvm::Expected<Selector> selector = Selector::parse(select);
  if (!selector) {
    function.emitError("convert-precision: select: ")
        << llvm::toString(selector.takeError());
    return signalPassFailure();
  }
  selector->number(function);
  FloatType element = type == Type16::f16
                          ? FloatType(Float16Type::get(&getContext()))
                          : FloatType(BFloat16Type::get(&getContext()));
  Bytes before = countBytes(function);
  Converter converter(function, element, *selector);
  if (llvm::Error error = converter.run()) {
    function.emitError("convert-precision: ")
        << llvm::toString(std::move(error));
    return signalPassFailure();
  }
  const KeptValues &kept = converter.getKept();
  if (!kept.getOutOfRange().empty())
    function.emitRemark("convert-precision: ") << kept.describe();
  if (!report)
    return;
  function->setAttr("graph.precision_kept", kept.getReasons());
  Bytes after = countBytes(function);
  const Counts &counts = converter.getCounts();
  auto left = [&](Reason why) { return counts.left[static_cast<int>(why)]; };
  function->setAttr(
      "graph.convert_precision_report",
      getNumbersAttr(&getContext(), {{"clamped", counts.clamped},
                                     {"converted", counts.converted},
                                     {"counts", left(Reason::Counts)},
                                     {"goal", left(Reason::Goal)},
                                     {"out_of_range", left(Reason::OutOfRange)},
                                     {"quantized", left(Reason::Quantized)},
                                     {"range", left(Reason::Range)},
                                     {"recurrent", left(Reason::Recurrent)},
                                     {"state", left(Reason::State)},
                                     {"unselected", counts.unselected},
                                     {"value_bytes_after", after.values},
                                     {"value_bytes_before", before.values},
                                     {"weight_bytes_after", after.weights},
                                     {"weight_bytes_before", before.weights}}));
}
