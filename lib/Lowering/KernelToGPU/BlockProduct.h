//===- BlockProduct.h - sums of products of a block of threads ------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_BLOCKPRODUCT_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_BLOCKPRODUCT_H

#include "lib/Lowering/KernelToGPU/ContractionSchedule.h"

namespace cinch {

/// Where the tiles of a step are in shared memory, !llvm.ptr<3>, and the scales
/// of the groups that begin in it or hold it; null where there are none.
struct StepTiles {
  mlir::Value lhs, rhs, lhsScales, rhsScales;
};

/// The sums of a tile of C in the registers of the threads of a block.
class BlockProduct {
public:
  virtual ~BlockProduct() = default;
  /// The sums that a thread has, of `type`.
  virtual int64_t getCount() const = 0;
  /// Adds the product of two tiles to `sums`.
  virtual void accumulate(const StepTiles &tiles,
                          llvm::SmallVectorImpl<mlir::Value> &sums) = 0;
  /// Stores the sums of this thread to the rows of its warp, which begin at
  /// `base` (!llvm.ptr<3>) and are `getSumPitch` elements apart.
  virtual void store(mlir::ValueRange sums, mlir::Value base) = 0;

  /// By multiply-adds of threads, or by matrix instructions. `warpRow`,
  /// `warpColumn`: numbers of the warp in the tile; `lane`: in the warp.
  static std::unique_ptr<BlockProduct>
  makeThreads(ElementEmitter &emitter, const ContractionRoles &roles,
              const ContractionSchedule &schedule, mlir::Value warpRow,
              mlir::Value warpColumn, mlir::Value lane);
  static std::unique_ptr<BlockProduct>
  makeMatrix(ElementEmitter &emitter, const ContractionRoles &roles,
             const ContractionSchedule &schedule, mlir::Value warpRow,
             mlir::Value warpColumn, mlir::Value lane);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_BLOCKPRODUCT_H
