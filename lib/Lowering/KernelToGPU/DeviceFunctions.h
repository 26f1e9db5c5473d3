//===- DeviceFunctions.h - the functions of a kernel on a GPU -------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_DEVICEFUNCTIONS_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_DEVICEFUNCTIONS_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// What is known of a kernel body when it is lowered for a GPU.
struct DeviceBody {
  mlir::func::FuncOp body;
  /// Per argument: it may have the address of another argument.
  llvm::SmallVector<bool> shared;
  /// Per argument: bytes that the addresses of all calls are multiples of.
  llvm::SmallVector<int64_t> alignments;
  /// All calls of the body.
  llvm::ArrayRef<exec::KernelOp> calls;
};

/// How a device function is launched, and what `--kernel-report` says of it.
struct DeviceSchedule {
  int64_t threads = 0;     ///< of a block
  int64_t sharedBytes = 0; ///< dynamic shared memory of a block
  std::string name;        ///< such as "elementwise" or "rows"
  std::string reason;      ///< why this schedule
  /// The device is used badly, as there is no schedule for such a kernel.
  bool isFallback = false;
  /// More fields of the record.
  llvm::SmallVector<mlir::NamedAttribute> details;
};

/// The two functions emitted for one kernel body: on the device
/// `name(words...)`, which computes the tile of its block, and on the host
/// `name.tiles(args)`, which returns the number of tiles.
class DeviceFunctions {
public:
  /// Emits into `device`, a module of device functions, and at `builder`.
  DeviceFunctions(mlir::OpBuilder &builder, mlir::ModuleOp device,
                  const DeviceBody &body);

  /// Starts the device function: the builder is in its entry block, before the
  /// return. The frame has no range of tiles.
  KernelFrame beginBody();
  /// Starts `name.tiles`, to be ended with `endTiles`.
  KernelFrame beginTiles();
  void endTiles(mlir::Value numTiles) { host.endTiles(numTiles); }

private:
  mlir::OpBuilder &builder;
  mlir::ModuleOp device;
  const DeviceBody &body;
  KernelFunctions host;
  mlir::OpBuilder::InsertPoint hostPoint;
};

/// Number of this block and of this thread in it, an index.
mlir::Value getBlockNumber(ElementEmitter &emitter);
mlir::Value getThreadNumber(ElementEmitter &emitter, int64_t threads);
/// Number of this thread in its warp, an index.
mlir::Value getLaneNumber(ElementEmitter &emitter);

/// Emits both functions of `body`. `makeTiles(emitter)` gives an object with
/// `makeSpace()`, the number of blocks (null after an error), and
/// `emitBlock()`, which follows it on the device.
template <typename MakeTiles>
llvm::LogicalResult
emitDeviceFunctions(mlir::OpBuilder &builder, mlir::ModuleOp device,
                    const DeviceBody &body, MakeTiles makeTiles) {
  mlir::OpBuilder::InsertionGuard guard(builder);
  DeviceFunctions functions(builder, device, body);
  {
    ElementEmitter emitter(builder, functions.beginBody(), /*fast=*/true);
    auto function = mlir::cast<mlir::func::FuncOp>(
        builder.getInsertionBlock()->getParentOp());
    auto tiles = makeTiles(emitter);
    if (!tiles.makeSpace() || mlir::failed(tiles.emitBlock()) ||
        mlir::failed(lowerAssertions(function, emitter.frame)))
      return mlir::failure();
  }
  ElementEmitter emitter(builder, functions.beginTiles(), /*fast=*/true);
  mlir::Value count = makeTiles(emitter).makeSpace();
  if (!count)
    return mlir::failure();
  functions.endTiles(count);
  return mlir::success();
}

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_DEVICEFUNCTIONS_H
