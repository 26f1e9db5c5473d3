//===- KernelSchedule.h - the loop order of a generated kernel ------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELSCHEDULE_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELSCHEDULE_H

#include "dialects/Exec/Exec.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace cinch {

/// A result of a kernel body and the argument it is written to.
struct KernelRoot {
  mlir::linalg::LinalgOp op;
  unsigned result;
  unsigned argument;
  /// Where the result is part of a tensor: from position `offset`, a scalar of
  /// the body, along `axis`; one position if the result does not have it.
  unsigned axis = 0;
  mlir::Value offset;
  bool hasAxis = false;
  /// It has one element for each row of the first root, which has statistics.
  bool isOfRow = false;
};

/// A reduction of the kernel that is not nested in another one.
struct KernelReduction {
  mlir::linalg::GenericOp op;
  /// Dimensions of the parallel space that its indices depend on, as bits.
  uint64_t dims = 0;
  /// Per loop: the dimension of the space that it is, or -1.
  llvm::SmallVector<int> spaceDims;
  /// The loop over the channels that the space splits, or -1.
  int splitLoop = -1;
  /// It reads memory along the last dimension of the space, so it is computed
  /// for a block of columns at a time (accumulators in a stack buffer).
  bool byColumns = false;
};

/// Two dimensions of the space that are one loop over channels, because the
/// first root is stored in blocks of them.
struct ChannelSplit {
  unsigned outer, inner;
  int64_t block; ///< iterations of `inner`
};

/// How the parallel space of a kernel is walked: tiles over `tileDims` (and, if
/// `splitLast`, blocks of the last dimension), then loops over `innerDims`,
/// then the last dimension. Dimensions are positions in the parallel space: the
/// parallel loops of the roots in the order in which the first root is stored,
/// those of one iteration first. A loop over channels that are stored in
/// several blocks is two dimensions.
struct KernelSchedule {
  llvm::SmallVector<KernelRoot> roots;
  unsigned rank = 0;
  llvm::SmallVector<unsigned> tileDims, innerDims;
  bool splitLast = true;
  /// Whether there are statistics: reductions that are no result and the same
  /// for several elements; the dimensions that they depend on, as bits.
  bool hasStatistics = false;
  uint64_t statisticDims = 0;
  llvm::SmallVector<KernelReduction> reductions;
  /// `merged[d]`: d is walked together with d + 1, as one linear index.
  llvm::SmallVector<bool> merged;
  /// `isUnit[d]`: d has one iteration. Such dimensions come first.
  llvm::SmallVector<bool> isUnit;
  std::optional<ChannelSplit> split;

  /// The schedule of `body`; failure after an error was emitted.
  static mlir::FailureOr<KernelSchedule> compute(mlir::func::FuncOp body);
};

class ElementEmitter;

/// The sizes of the dimensions of a space as values of one function, and the
/// first index of each: 0 but for rows of a state, which may be there already.
struct SpaceSizes {
  llvm::SmallVector<mlir::Value> sizes, starts;
};
/// Returns false after an error.
bool getSpaceSizes(const KernelSchedule &schedule, ElementEmitter &emitter,
                   SpaceSizes &space);
/// A number that the length of the last dimension, as it is walked, is a
/// multiple of; 1 if its first index is not 0. `space`: not merged.
int64_t getRunLength(const KernelSchedule &schedule, const SpaceSizes &space);
/// Makes the size of a dimension that is merged into the next 1, and that of
/// the next the product.
void mergeSizes(const KernelSchedule &schedule, ElementEmitter &emitter,
                SpaceSizes &space);

/// A result of the kernel at one point of the space, not stored yet.
struct RootElement {
  mlir::Value value;
  unsigned argument;                      ///< it is written to
  llvm::SmallVector<mlir::Value> indices; ///< there
};
/// Emits the results of the kernel at the indices `indices` of the space and
/// adds them to `elements`: those that have an element for each point, or, if
/// `ofRows`, those that have one for each row.
mlir::LogicalResult computeRoots(const KernelSchedule &schedule,
                                 ElementEmitter &emitter,
                                 llvm::ArrayRef<mlir::Value> indices,
                                 llvm::SmallVectorImpl<RootElement> &elements,
                                 bool ofRows = false);
/// Stores `elements`. Of a result whose elements share bytes, those of each
/// byte must be there, in order, the first where a byte begins.
void storeRoots(ElementEmitter &emitter, llvm::ArrayRef<RootElement> elements);
/// The same as computeRoots, and then their stores: elements are whole bytes.
mlir::LogicalResult emitRoots(const KernelSchedule &schedule,
                              ElementEmitter &emitter,
                              llvm::ArrayRef<mlir::Value> indices,
                              bool ofRows = false);

/// The loop of `op` per dimension of the parallel space; both dimensions of a
/// split have the same.
llvm::SmallVector<unsigned> getSpaceLoops(const KernelSchedule &schedule,
                                          const KernelRoot &root);

/// The channel blocks of a tensor type; null where it is stored row-major.
exec::ChannelBlocksAttr getChannelBlocks(mlir::Type type);
/// The same of the first root, if its channels are a loop.
exec::ChannelBlocksAttr getRootBlocks(const KernelSchedule &schedule);
/// Whether an argument of `body` is stored in channel blocks.
bool hasChannelBlocks(mlir::func::FuncOp body);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_KERNELSCHEDULE_H
