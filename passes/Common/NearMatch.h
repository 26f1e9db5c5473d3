//===- NearMatch.h - what a name that is not there may have meant ---------===//
#ifndef CINCH_PASSES_COMMON_NEARMATCH_H
#define CINCH_PASSES_COMMON_NEARMATCH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace cinch {

/// "; did you mean 'x'?" with the one of `known` that is nearest to `name` by
/// edit distance; empty if none is near. A name is also near if one of its
/// parts between `/`, `.` and `::` is.
std::string suggest(llvm::StringRef name, llvm::ArrayRef<std::string> known);

} // namespace cinch

#endif // CINCH_PASSES_COMMON_NEARMATCH_H
