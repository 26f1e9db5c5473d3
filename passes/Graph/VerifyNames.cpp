//===- VerifyNames.cpp - every value has a unique name --------------------===//
//
// Selectors, calibration, plans and reports find values by name, so a pass that
// loses or doubles one breaks them without a word. One walk over the function.
//
//===----------------------------------------------------------------------===//
#include "dialects/Exec/Exec.h"
#include "passes/Graph/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace cinch::graph {
#define GEN_PASS_DEF_VERIFYNAMESPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {
struct VerifyNames : public graph::impl::VerifyNamesPassBase<VerifyNames> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    llvm::StringMap<Location> seen;
    auto claim = [&](StringRef name, Location loc) -> LogicalResult {
      auto [entry, isNew] = seen.try_emplace(name, loc);
      if (isNew)
        return success();
      auto diagnostic = emitError(loc, "verify-names: two values are named '")
                        << name << "'";
      diagnostic.attachNote(entry->second) << "the other is here";
      return failure();
    };
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto name = function.getArgAttrOfType<StringAttr>(i, "graph.name"))
        if (failed(claim(name, function.getArgument(i).getLoc())))
          return signalPassFailure();
    WalkResult result = function.walk([&](Operation *op) -> WalkResult {
      if (!isa_and_nonnull<GraphDialect, exec::ExecDialect>(op->getDialect()) ||
          op->getNumResults() == 0)
        return WalkResult::advance();
      auto names = op->getAttrOfType<ArrayAttr>("names");
      if (!names || names.size() != op->getNumResults())
        return op->emitOpError("verify-names: expected ")
               << op->getNumResults() << " names, but got "
               << (names ? names.size() : 0);
      for (Attribute entry : names) {
        auto name = dyn_cast<StringAttr>(entry);
        if (!name || name.empty())
          return op->emitOpError("verify-names: expected names that are not "
                                 "empty, but got ")
                 << names;
        if (failed(claim(name, op->getLoc())))
          return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
