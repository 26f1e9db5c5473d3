//===- Phases.cpp - how far a compilation is ------------------------------===//
#include "lib/Pipeline/Phases.h"
#include "llvm/Support/ErrorHandling.h"

using namespace cinch;

/// The phases of a compilation to a shared library, with their shares of its
/// time, measured on the models of test/models in f32.
static constexpr struct {
  llvm::StringLiteral name;
  double share;
} phases[] = {{"import", 0.005},
              {"simplify", 0.005},
              {"calibrate", 0},
              {"quantize", 0},
              {"compare with f32", 0},
              {"observe values", 0},
              {"reach the error goal", 0},
              {"plan memory", 0.01},
              {"lower", 0.05},
              {"read weights", 0.01},
              {"optimize", 0.48},
              {"generate code", 0.42},
              {"write", 0.02}};

/// The share of a compilation that calibration takes, if there is one, with a
/// few hundred samples.
static constexpr double calibrationShare = 0.6;

double cinch::getShareDone(llvm::StringRef phase, double shareOfPhase,
                           bool calibrates) {
  double before = 0, others = calibrates ? 1 - calibrationShare : 1;
  for (const auto &entry : phases) {
    double share = entry.name == "calibrate" && calibrates
                       ? calibrationShare
                       : entry.share * others;
    if (entry.name == phase)
      return before + share * shareOfPhase;
    before += share;
  }
  llvm_unreachable("a phase that has no share");
}
