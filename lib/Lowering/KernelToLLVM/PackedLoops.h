//===- PackedLoops.h - loops of kernels whose elements share bytes --------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_PACKEDLOOPS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_PACKEDLOOPS_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

namespace cinch {

/// How the space of a kernel is walked, so that the elements of a byte of a
/// result are made together.
struct PackedWalk {
  /// Elements of the last dimension, as it is walked, that are taken at once,
  /// from a multiple of as many on; 1: one.
  int64_t unit = 1;
  /// The space is one run of elements instead (emitFlat), as rows begin within
  /// bytes.
  bool isFlat = false;

  /// `runLength`: see getRunLength.
  static PackedWalk choose(const KernelSchedule &schedule,
                           mlir::func::FuncOp body, int64_t runLength);
};

/// A multiple of this many elements is whole bytes in every tensor.
inline constexpr int64_t flatStep = 8;

/// The number of elements of the first result.
mlir::Value getFlatSize(const KernelSchedule &schedule,
                        ElementEmitter &emitter);
/// Emits, for each result, the bytes of the elements `begin` .. `end - 1` of
/// `size`, counted in the order in which it is stored. `begin` and `end` are
/// multiples of flatStep, of which `end` may be too large.
mlir::LogicalResult emitFlat(const KernelSchedule &schedule,
                             ElementEmitter &emitter, mlir::Value begin,
                             mlir::Value end, mlir::Value size);

/// Emits the results at the indices `indices` of the space, but for the last,
/// which is that of the elements of unit number `unit`.
mlir::LogicalResult emitUnit(const KernelSchedule &schedule,
                             ElementEmitter &emitter,
                             llvm::SmallVector<mlir::Value> indices,
                             mlir::Value unit, int64_t size);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_PACKEDLOOPS_H
