//===- RowTiles.h - a warp or a block per row -----------------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_ROWTILES_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_ROWTILES_H

#include "lib/Lowering/KernelToGPU/KernelToGPU.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace cinch {

/// Items of a row that a thread takes at once.
struct ItemGroup {
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> points; ///< indices of each
  mlir::Value isInside;                                     ///< null: always
};

class RowTiles {
public:
  RowTiles(const DeviceBody &body, const KernelSchedule &schedule,
           ElementEmitter &emitter, DeviceSchedule &out)
      : body(body), schedule(schedule), emitter(emitter), out(out) {}
  mlir::Value makeSpace();
  mlir::LogicalResult emitBlock();

private:
  void chooseThreads();
  llvm::SmallVector<mlir::Value> getRowIndices(mlir::Value row);
  llvm::ArrayRef<ItemGroup> getGroups(llvm::ArrayRef<mlir::Value> sizes);
  mlir::LogicalResult
  forItems(llvm::ArrayRef<mlir::Value> sizes, mlir::ValueRange init,
           llvm::function_ref<mlir::FailureOr<llvm::SmallVector<mlir::Value>>(
               llvm::ArrayRef<mlir::Value>, mlir::ValueRange)>
               emit,
           llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult emitStatistic(const KernelReduction &reduction,
                                    llvm::ArrayRef<mlir::Value> row);
  mlir::LogicalResult emitRowResults(llvm::ArrayRef<mlir::Value> indices);
  mlir::LogicalResult emitItems(llvm::SmallVector<mlir::Value> indices);
  bool isRowFollowedByBarrier();
  mlir::LogicalResult emitAlone(llvm::SmallVector<mlir::Value> indices);
  void guardedStore(mlir::Value condition,
                    llvm::ArrayRef<RootElement> elements);
  mlir::Value lessThan(mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpIOp::create(emitter.builder, emitter.loc,
                                       mlir::arith::CmpIPredicate::ult, a, b);
  }

  const DeviceBody &body;
  const KernelSchedule &schedule;
  ElementEmitter &emitter;
  DeviceSchedule &out;
  SpaceSizes space;
  llvm::SmallVector<KernelReduction> statistics; ///< of a row, in order
  llvm::SmallVector<unsigned> rowDims, itemDims; ///< of the space
  mlir::Value rows, blocks, lane;
  bool hasBranch = false;        ///< that not all threads of a row take
  int64_t rowThreads = 1;        ///< threads of a row; 1: it is walked alone
  int64_t width = 1, length = 0; ///< items at once, in a row (0: not static)
  std::vector<std::pair<llvm::SmallVector<mlir::Value>, std::vector<ItemGroup>>>
      groups;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_ROWTILES_H
