//===- OperandReader.h - elements of the operands of a contraction --------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_OPERANDREADER_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_OPERANDREADER_H

#include "lib/Lowering/KernelToGPU/ContractionRoles.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// The sizes of a contraction as values of one function.
struct ContractionSizes {
  llvm::SmallVector<mlir::Value> loops; ///< per role loop
  mlir::Value batch, rows, columns, depth;
  mlir::Value get(Role role) const;
};
/// Returns false after an error.
bool getContractionSizes(const ContractionRoles &roles, ElementEmitter &emitter,
                         ContractionSizes &sizes);
/// Sets the loops of `role` in `at` for the linear index `linear` over them.
void decodeRole(const ContractionRoles &roles, Role role, mlir::Value linear,
                const ContractionSizes &sizes, ElementEmitter &emitter,
                llvm::MutableArrayRef<mlir::Value> at);

/// True if the elements that `operand` reads along `role` from multiples of
/// `count` on are neighbours in memory, at a multiple of `count`.
bool comesInGroups(const ContractionRoles &roles,
                   const ContractionOperand &operand, Role role, int64_t count);
/// True if neighbours along the depth are more likely neighbours in memory than
/// rows (columns) are.
bool isAlongDepth(const ContractionRoles &roles,
                  const ContractionOperand &operand);

/// Reads one operand of a contraction for one value of its batch.
class OperandReader {
public:
  /// `operand`: one of `roles`, or an argument of a coded one. `at`: per role
  /// loop the value, set for the loops of the batch.
  OperandReader(const ContractionRoles &roles, const ContractionSizes &sizes,
                const ContractionOperand &operand, ElementEmitter &emitter,
                llvm::ArrayRef<mlir::Value> at);

  /// A row, a column or a place along the depth.
  struct Point {
    mlir::Value isInside; ///< i1; null: always
    llvm::SmallVector<mlir::Value> at;
    mlir::Value offset; ///< elements, of a linear operand
  };
  /// The point of `role` at `linear`, the first of `count` neighbours that are
  /// read together; if it `mayBeOutside`, the last ones take their place there.
  /// `needsIndices`: not only the address will be asked for.
  Point makePoint(Role role, mlir::Value linear, bool mayBeOutside,
                  bool needsIndices, int64_t count = 1);
  /// Whether both points are inside; null: always.
  mlir::Value isInside(const Point &major, const Point &depth);
  /// The element at a row (column) and a place along the depth, through what is
  /// in front of the operand; null after an error.
  mlir::Value read(const Point &major, const Point &depth);
  /// Its address, of a linear operand; where elements share bytes, it is the
  /// first of one.
  mlir::Value getAddress(const Point &major, const Point &depth);
  /// `element` as the contraction multiplies it, of type `type`.
  mlir::Value widen(mlir::Value element, mlir::Type type);

  const ContractionOperand &operand;

private:
  const ContractionRoles &roles;
  const ContractionSizes &sizes;
  ElementEmitter &emitter;
  llvm::SmallVector<mlir::Value> batchAt;
  mlir::Value batchOffset;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_OPERANDREADER_H
