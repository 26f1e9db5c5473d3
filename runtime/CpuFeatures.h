//===- CpuFeatures.h - LLVM's feature names on the running CPU ------------===//
#ifndef CINCH_RUNTIME_CPUFEATURES_H
#define CINCH_RUNTIME_CPUFEATURES_H

#include <string_view>

namespace cinch::rt {

/// Returns whether the CPU (and the operating system, for wide registers) has
/// the feature that llvm::sys::getHostCPUFeatures calls `name`. A name that is
/// not known here counts as missing.
bool hostHasFeature(std::string_view name);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_CPUFEATURES_H
