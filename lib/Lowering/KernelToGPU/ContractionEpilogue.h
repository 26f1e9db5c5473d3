//===- ContractionEpilogue.h - results of a contraction -------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONEPILOGUE_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONEPILOGUE_H

#include "lib/Lowering/KernelToGPU/CodedOperand.h"
#include "lib/Lowering/KernelToGPU/DeviceFunctions.h"
#include "lib/Lowering/KernelToGPU/OperandReader.h"

namespace cinch {

/// Writes results of a contraction kernel for known sums.
class ContractionEpilogue {
public:
  /// All arguments live as long as this. `most`: largest group, 1, 2 or 4.
  ContractionEpilogue(const DeviceBody &body, const KernelSchedule &kernel,
                      const ContractionRoles &roles, ElementEmitter &emitter,
                      int64_t most = 4);

  /// Neighbouring columns that are written at once, from multiples of it on:
  /// those that are together in all results, in at most 16 bytes.
  int64_t getGroup() const { return group; }
  /// From now on sums are multiplied by the scale of `operand`, which has no
  /// groups.
  void scaleBy(const CodedOperand &operand) { scaled.push_back(&operand); }
  /// Emits the elements at `at`, a value per role loop, and at the columns
  /// behind it, whose sums are `sums`, `getGroup` of them.
  mlir::LogicalResult emit(llvm::ArrayRef<mlir::Value> at,
                           mlir::ValueRange sums);

private:
  bool isTogether(unsigned argument, mlir::Type type, int64_t count) const;
  mlir::Value readTogether(unsigned argument,
                           llvm::ArrayRef<mlir::Value> indices);
  void storeTogetherTo(llvm::ArrayRef<RootElement> elements);
  llvm::SmallVector<mlir::Value> moveTo(llvm::ArrayRef<mlir::Value> at,
                                        int64_t column);
  mlir::Value scale(mlir::Value sum, llvm::ArrayRef<mlir::Value> at);

  mlir::func::FuncOp source;
  llvm::ArrayRef<int64_t> alignments;
  const KernelSchedule &kernel;
  const ContractionRoles &roles;
  ElementEmitter &emitter;
  int64_t group = 1;
  llvm::SmallVector<const CodedOperand *> scaled;

  /// Of what `emit` emits now: the block, the index of the innermost dimension
  /// at the first column, the number of the column and its index.
  mlir::Block *block = nullptr;
  mlir::Value firstInner, inner;
  int64_t number = 0;
  /// What was read at all columns, by argument and outer indices.
  struct Read {
    unsigned argument;
    llvm::SmallVector<mlir::Value> outer, values;
  };
  llvm::SmallVector<Read> reads;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONEPILOGUE_H
