//===- AttentionRecord.h - what an attention will do ----------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONRECORD_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONRECORD_H

#include "lib/Lowering/KernelToGPU/AttentionLayout.h"
#include "lib/Lowering/KernelToGPU/CausalMask.h"
#include "lib/Lowering/KernelToGPU/DeviceFunctions.h"

namespace cinch {

/// The schedule of attention `body`, with its record: `rows` of a block and
/// `keys` of a step, `key_warps` that share the rows, and expressions over the
/// words of a launch (`word0`, ...): `matrix_count`, the matrix instructions
/// (`matrix`: which) and `load_bytes`, what is read of queries, keys and values
/// where these are copied 16 bytes at once. With a `mask`, which the reason
/// names, they are sums over the tiles of rows. Where the number of rows
/// decides, `few` has the same for launches of at most its `rows` for each
/// group of heads.
DeviceSchedule describeAttention(mlir::func::FuncOp body, AttentionPlan &plan,
                                 const AttentionLayouts &layouts,
                                 const std::optional<CausalMask> &mask);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_ATTENTIONRECORD_H
