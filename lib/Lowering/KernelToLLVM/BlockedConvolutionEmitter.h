//===- BlockedConvolutionEmitter.h - convolutions of channel blocks -------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_BLOCKEDCONVOLUTIONEMITTER_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_BLOCKEDCONVOLUTIONEMITTER_H

#include "lib/Lowering/KernelToLLVM/BlockedConvolutionPlan.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"

namespace cinch {

/// A half-open range of indices.
struct Interval {
  mlir::Value begin, end;
};

/// Emits the tiles of a convolution of channel blocks.
class BlockedConvolutionEmitter {
public:
  BlockedConvolutionEmitter(const KernelSchedule &schedule,
                            BlockedConvolutionPlan &plan,
                            ElementEmitter &emitter,
                            MicrokernelTable &microkernels)
      : schedule(schedule), plan(plan), emitter(emitter),
        builder(emitter.builder), microkernels(microkernels) {}

  /// The number of tiles; null after an error.
  mlir::Value makeSpace();
  llvm::LogicalResult emitTiles();

private:
  mlir::Value constant(int64_t value) { return emitter.constant(value); }
  mlir::Value getSize(const BlockedAxis &axis) {
    return axis.out ? sizes[*axis.out] : constant(1);
  }
  mlir::Value getInputSize(const BlockedAxis &axis);
  void allocate();
  void setTile(mlir::Value tile);
  llvm::LogicalResult emitPart(mlir::Value part);
  llvm::LogicalResult pack();
  void multiplyPanel();
  void multiplyInPlace();
  Interval getTaps(const BlockedAxis &axis, mlir::Value out);
  Interval getInterior(const BlockedAxis &axis, Interval tile);
  void forBorder(Interval tile, Interval interior,
                 llvm::function_ref<void(mlir::Value)> emit);
  void setOffsets(Interval rowTaps, Interval columnTaps);
  mlir::Value getInput(mlir::Value row, mlir::Value column);
  void call(mlir::Value row, mlir::Value column, mlir::Value numPixels,
            bool isDownwards);
  void callRun(mlir::Value a, mlir::Value c, int64_t numPixels,
               bool isDownwards);
  llvm::LogicalResult emitResults();
  llvm::LogicalResult
  emitResultPixels(llvm::SmallVectorImpl<mlir::Value> &indices,
                   llvm::function_ref<llvm::LogicalResult()> emit);

  const KernelSchedule &schedule;
  BlockedConvolutionPlan &plan;
  ElementEmitter &emitter;
  mlir::OpBuilder &builder;
  MicrokernelTable &microkernels;

  llvm::SmallVector<mlir::Value> sizes, loops;
  mlir::Value numRows,
      numColumns; ///< of the output, where pixels are joined of 1 row
  mlir::Value rowTiles, columnTiles, filterTiles;
  mlir::Value accumulator, panel, count, inputOffsets, filterOffsets;
  mlir::Value splat; ///< the block of filters where all are the same
  // Of the current tile.
  Interval rows, columns;
  mlir::Value numTileRows, numTileColumns;
  mlir::Value firstFilter, width, isWhole;
  mlir::Value firstChannel, isFirstPart; ///< of the current part
  mlir::Value filterBase;
  mlir::Value localRow, localColumn, localFilter;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_BLOCKEDCONVOLUTIONEMITTER_H
