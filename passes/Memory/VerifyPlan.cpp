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

/// Whether a run with `sizes` would pass the checks of the program, and no
/// dimension comes out negative (a convolution with an image smaller than its
/// filter).
static bool isValid(const Program &program, const Sizes &sizes) {
  for (Value value : program.getTensors())
    for (const Expr &dim : program.getDims(value))
      if (evaluate(dim, sizes).value_or(0) < 0)
        return false;
  WalkResult result = program.getEntry()->walk([&](exec::CheckOp check) {
    std::optional<Expr> zero = Expr::parse(std::string_view(check.getZero()));
    return zero && evaluate(*zero, sizes) == 0 ? WalkResult::advance()
                                               : WalkResult::interrupt();
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
      if (isValid(*program, sizes) &&
          failed(ProgramReplay(*program, getOperation(), sizes).run()))
        return signalPassFailure();
      if (program->getSymbols().empty())
        return;
    }
  }
};

} // namespace
