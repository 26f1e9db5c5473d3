//===- KernelMarks.h - attributes in kernel bodies ------------------------===//
#ifndef CINCH_DIALECTS_EXEC_KERNELMARKS_H
#define CINCH_DIALECTS_EXEC_KERNELMARKS_H

#include "llvm/ADT/StringRef.h"

namespace cinch::exec {

/// On an operation of a kernel body that dequantizes its input linearly: the
/// type that the elements of this have in the model. The body has integers, and
/// does not say whether they have a sign, or what floats they are.
inline constexpr llvm::StringLiteral decodesAttrName = "exec.decodes";

} // namespace cinch::exec

#endif // CINCH_DIALECTS_EXEC_KERNELMARKS_H
