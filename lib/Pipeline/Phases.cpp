//===- Phases.cpp - how far a compilation is ------------------------------===//
#include "lib/Pipeline/Phases.h"
#include "llvm/Support/ErrorHandling.h"

using namespace cinch;

/// The phases of a compilation to a shared library, with their shares of its
/// time, measured on the models of test/models in f32.
static constexpr struct {
  llvm::StringLiteral name;
  double share;
} phases[] = {{"import", 0.005},       {"simplify", 0.005},
              {"observe values", 0},   {"reach the error goal", 0},
              {"plan memory", 0.01},   {"lower", 0.05},
              {"read weights", 0.01},  {"optimize", 0.48},
              {"generate code", 0.42}, {"write", 0.02}};

double cinch::getShareBefore(llvm::StringRef phase) {
  double done = 0;
  for (const auto &entry : phases) {
    if (entry.name == phase)
      return done;
    done += entry.share;
  }
  llvm_unreachable("a phase that has no share");
}
