//===- LoweringTable.h - how each graph operation becomes linalg ----------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_LOWERINGTABLE_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_LOWERINGTABLE_H

#include "lib/Lowering/GraphToExec/KernelBody.h"
#include "llvm/ADT/StringMap.h"

namespace cinch::form {

/// What grouping may do with an operation.
enum class OpClass {
  Elementwise, ///< computed where it is read: one element from few
  Movement,    ///< the same, but reads elements at other places
  Reduction,   ///< reductions over trailing axes, used per row or returned
  Contraction, ///< matmul, convolution: one per kernel
  Update,      ///< the same at the end of a kernel, where isUpdate
  Opaque,      ///< a kernel of its own
};

struct Lowering {
  /// Builds the operation in a body and defines its results there. On failure
  /// has emitted an error that begins with `unsupported: `.
  using Fn = llvm::LogicalResult (*)(mlir::Operation *op, KernelBody &body);
  Fn lower = nullptr;
  OpClass opClass = OpClass::Opaque;
  /// Costs about as much as reading its result from memory.
  bool isCheap = false;
};

/// The lowering of each operation, by name.
class LoweringTable {
public:
  /// The table of all operations; made on first use.
  static const LoweringTable &get();
  /// nullptr if there is none.
  const Lowering *find(mlir::Operation *op) const;

  template <typename OpTy> void add(Lowering lowering) {
    lowerings[OpTy::getOperationName()] = lowering;
  }

private:
  LoweringTable();
  llvm::StringMap<Lowering> lowerings;
};

void addElementwiseLowerings(LoweringTable &table);
void addContractionLowerings(LoweringTable &table);
void addConvTransposeLowerings(LoweringTable &table);
void addReductionLowerings(LoweringTable &table);
void addNormalizationLowerings(LoweringTable &table);
void addPoolingLowerings(LoweringTable &table);
void addMovementLowerings(LoweringTable &table);
void addGeneratorLowerings(LoweringTable &table);
void addIndexingLowerings(LoweringTable &table);
void addResizeLowerings(LoweringTable &table);
void addGridSampleLowerings(LoweringTable &table);
void addQuantizationLowerings(LoweringTable &table);
void addLoopsLowerings(LoweringTable &table);

/// Starts the error about an operation that cannot be lowered.
mlir::InFlightDiagnostic emitUnsupported(mlir::Operation *op);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_LOWERINGTABLE_H
