//===- RowViews.h - rows of images that need no kernel --------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_ROWVIEWS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_ROWVIEWS_H

#include "dialects/Exec/Exec.h"

namespace cinch {

/// On a call of a kernel that only takes rows of an image, [N, C, H, W]: the
/// number of the first one.
inline constexpr llvm::StringLiteral firstRowAttrName = "exec.first_row";
/// On a call of a kernel that only joins rows of images.
inline constexpr llvm::StringLiteral joinsRowsAttrName = "exec.joins_rows";

/// Replaces `kernel`, erasing it, by a view or an assembly if it only takes or
/// joins rows that are neighbours in memory; false otherwise.
bool replaceByRowView(exec::KernelOp kernel);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_ROWVIEWS_H
