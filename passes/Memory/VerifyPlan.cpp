//===- VerifyPlan.cpp - replays the memory plan ---------------------------===//
//
// Believes nothing that plan-memory reasoned: only the places it wrote. Runs
// the program on a simulated memory at several sizes, so a mistake in a
// lifetime, an alias or an offset shows as a read of the wrong datum.
//
//===----------------------------------------------------------------------===//
#include "passes/Memory/Passes.h"
#include "passes/Memory/Program.h"
#include "passes/Memory/ProgramReplay.h"

namespace cinch::memory {
#define GEN_PASS_DEF_VERIFYPLANPASS
#include "passes/Memory/Passes.h.inc"
} // namespace cinch::memory

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Whether a run with `sizes` would pass the checks of the program.
static bool isValid(func::FuncOp entry, const Sizes &sizes) {
  WalkResult result = entry.walk([&](exec::CheckOp check) {
    std::optional<Expr> zero = Expr::parse(std::string_view(check.getZero()));
    std::optional<int64_t> value;
    if (zero)
      value = zero->evaluate([&](std::string_view name) {
        auto found = sizes.find(StringRef(name.data(), name.size()));
        return found == sizes.end() ? std::nullopt
                                    : std::optional<int64_t>(found->second);
      });
    return value == 0 ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !result.wasInterrupted();
}

namespace {

struct VerifyPlanPass
    : public cinch::memory::impl::VerifyPlanPassBase<VerifyPlanPass> {
  void runOnOperation() override {
    FailureOr<func::FuncOp> entry = memory::getEntry(getOperation());
    if (failed(entry))
      return signalPassFailure();
    FailureOr<Program> program = Program::analyze(*entry);
    if (failed(program))
      return signalPassFailure();
    // Smallest, largest (or some) and mixed sizes.
    for (int sample = 0; sample < 4; ++sample) {
      Sizes sizes;
      for (auto [index, symbol] : llvm::enumerate(program->getSymbols())) {
        int64_t low = std::max<int64_t>(symbol.min, 1),
                high = symbol.max.value_or(low + 16);
        bool isHigh = sample < 2 ? sample == 1 : (index + sample) % 2;
        sizes[symbol.name] = isHigh ? high : std::min(low, high);
      }
      if (isValid(*entry, sizes) &&
          failed(ProgramReplay(*program, getOperation(), sizes).run()))
        return signalPassFailure();
      if (program->getSymbols().empty())
        return;
    }
  }
};

} // namespace
