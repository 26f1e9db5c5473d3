//===- Phases.h - how far a compilation is --------------------------------===//
#ifndef CINCH_LIB_PIPELINE_PHASES_H
#define CINCH_LIB_PIPELINE_PHASES_H

#include "llvm/ADT/StringRef.h"

namespace cinch {

/// The share of the time of a compilation that is over when `shareOfPhase` of
/// `phase` is, from 0 to 1, as it is for most models; with or without samples
/// that the model is calibrated on.
double getShareDone(llvm::StringRef phase, double shareOfPhase,
                    bool calibrates);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PHASES_H
