//===- KernelToGPU.h - device functions of kernel bodies ------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_KERNELTOGPU_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_KERNELTOGPU_H

#include "lib/Lowering/KernelToGPU/ContractionToGPU.h"

namespace cinch {

/// Emits the functions of `body`, of any kind but "loops": device code into
/// `device`, the count of its tiles at the builder. Failure after a diagnostic.
mlir::FailureOr<DeviceSchedule> emitGeneric(mlir::OpBuilder &builder,
                                            mlir::ModuleOp device,
                                            const DeviceBody &body,
                                            const ContractionOptions &options);

/// The same, with a thread for each element of the results or a few of them.
mlir::FailureOr<DeviceSchedule> emitElements(mlir::OpBuilder &builder,
                                             mlir::ModuleOp device,
                                             const DeviceBody &body,
                                             const KernelSchedule &schedule);

/// The same, where rows have statistics, or elements are reductions of rows: a
/// warp or a block for each row.
mlir::FailureOr<DeviceSchedule> emitRows(mlir::OpBuilder &builder,
                                         mlir::ModuleOp device,
                                         const DeviceBody &body,
                                         const KernelSchedule &schedule);
/// Whether that is the way for `schedule`.
bool isForRows(const KernelSchedule &schedule);
/// Whether the threads of a row write whole bytes of results whose elements
/// share them.
bool writesWholeBytes(const DeviceBody &body, const KernelSchedule &schedule);

/// The same for a body of kind "attention": an online softmax, a block for some
/// queries of one batch entry and group of heads. `options`: for what does not
/// fit into a block.
mlir::FailureOr<DeviceSchedule>
emitDeviceAttention(mlir::OpBuilder &builder, mlir::ModuleOp device,
                    const DeviceBody &body, const ContractionOptions &options);

/// The same for a body of kind "loops": one thread.
mlir::FailureOr<DeviceSchedule> emitOneThread(mlir::OpBuilder &builder,
                                              mlir::ModuleOp device,
                                              const DeviceBody &body);

/// Elements that a thread takes at once: of 16 bytes together, if all arguments
/// of more than one element are aligned and rows of `length` elements (or
/// multiples) consist of them.
int64_t getVectorWidth(const DeviceBody &body, int64_t length);

/// Joins the last indices of `points`, consecutive points of a space.
void joinLast(ElementEmitter &emitter,
              llvm::ArrayRef<llvm::SmallVector<mlir::Value>> points);

/// Stores what computeRoots computed, in vectors where items are joined.
void storeElements(ElementEmitter &emitter,
                   llvm::ArrayRef<RootElement> elements);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_KERNELTOGPU_H
