//===- ContractionRoles.h - a contraction as a product of matrices --------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONROLES_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONROLES_H

#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

namespace cinch {

class ElementEmitter;
struct CodedOperand;

/// What a loop of a contraction is in C[batch, row, column] = sum over the
/// depth of A[batch, row, depth] * B[batch, depth, column].
enum class Role { Batch, Row, Column, Depth };

/// A loop of a contraction, or a part of one: the loop of a convolution over
/// filters is groups (the outer part) and filters of a group.
struct RoleLoop {
  unsigned loop;
  int64_t scale = 1;           ///< what one step of this part is of the loop
  std::optional<int64_t> size; ///< where it is static
  Role role = Role::Batch;
};

/// Neighbouring loops of one role that walk through an operand with one stride.
struct LinearRun {
  llvm::SmallVector<unsigned> loops; ///< outermost first
  int64_t stride;                    ///< elements
};

/// One of the two operands of the product.
struct ContractionOperand {
  mlir::OpOperand *operand = nullptr;
  mlir::AffineMap map; ///< of the role loops to its indices
  mlir::Type element;  ///< its type in memory, or as it is computed
  mlir::Operation *widen = nullptr; ///< the conversion in front of the product
  /// Where it is an argument and every index is a sum of multiples of loops:
  /// its element is `constant` + the sum of the runs. Loops of size 1 are in
  /// no run.
  bool isLinear = false;
  mlir::BlockArgument source; ///< the argument
  llvm::SmallVector<LinearRun> runs;
  int64_t constant = 0;
  int64_t alignment = 1; ///< bytes that its address is a multiple of
  /// Where it is computed from an argument in few bits: how; else null.
  std::shared_ptr<const CodedOperand> coded;
};

/// The roles of the loops of the only contraction of a kernel.
struct ContractionRoles {
  mlir::linalg::GenericOp op;
  llvm::SmallVector<RoleLoop> loops;
  ContractionOperand lhs, rhs; ///< A and B
  mlir::Type accumulator;      ///< type of the sums
  /// Per dimension of the space: the loop of `op`.
  llvm::SmallVector<unsigned> loopOfDim;

  /// The numbers of the loops of `role`, outermost first.
  llvm::SmallVector<unsigned> getLoops(Role role) const;
  /// The product of their sizes, where all are static.
  std::optional<int64_t> getSize(Role role) const;
  const ContractionOperand &getOperand(bool isRight) const {
    return isRight ? rhs : lhs;
  }

  /// The roles in the kernel of `schedule`; nullopt where it is not one sum of
  /// products, whose every result element needs one sum. `alignments`: bytes,
  /// per argument of the body.
  static std::optional<ContractionRoles>
  compute(const KernelSchedule &schedule, llvm::ArrayRef<int64_t> alignments);
};

/// Finds the runs of `operand`, whose source and map are known, if it is
/// linear. Dimensions of unknown size are walked through where they are
/// neighbours of one role.
void findRuns(const ContractionRoles &roles, ContractionOperand &operand);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CONTRACTIONROLES_H
