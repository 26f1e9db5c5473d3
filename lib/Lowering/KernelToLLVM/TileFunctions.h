//===- TileFunctions.h - the two functions of a kernel --------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_TILEFUNCTIONS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_TILEFUNCTIONS_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// Emits the function that computes a range of tiles of `body` and the one that
/// counts them. `makeTiles(emitter)` gives an object with `makeSpace()`, the
/// number of tiles (null after an error), and `emitTiles()`, which follows it.
template <typename MakeTiles>
llvm::LogicalResult
emitTileFunctions(mlir::OpBuilder &builder, mlir::func::FuncOp body,
                  llvm::ArrayRef<bool> shared, bool fast, MakeTiles makeTiles) {
  mlir::OpBuilder::InsertionGuard guard(builder);
  KernelFunctions functions(builder, body, shared);
  mlir::OpBuilder::InsertPoint point = builder.saveInsertionPoint();
  {
    ElementEmitter emitter(builder, functions.beginBody(), fast);
    auto function = mlir::cast<mlir::func::FuncOp>(
        builder.getInsertionBlock()->getParentOp());
    auto tiles = makeTiles(emitter);
    if (!tiles.makeSpace() || mlir::failed(tiles.emitTiles()) ||
        mlir::failed(lowerAssertions(function, emitter.frame)))
      return mlir::failure();
  }
  builder.restoreInsertionPoint(point);
  ElementEmitter emitter(builder, functions.beginTiles(), fast);
  mlir::Value count = makeTiles(emitter).makeSpace();
  if (!count)
    return mlir::failure();
  functions.endTiles(count);
  return mlir::success();
}

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_TILEFUNCTIONS_H
