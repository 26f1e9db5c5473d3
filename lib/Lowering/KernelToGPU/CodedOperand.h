//===- CodedOperand.h - operands of products in few bits ------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CODEDOPERAND_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CODEDOPERAND_H

#include "lib/Lowering/KernelToGPU/ContractionRoles.h"

namespace cinch {

/// Scales or zero points of a coded operand: an argument.
struct CodeParameter {
  /// Linear. Where there are groups, its index along the depth is the number of
  /// the group.
  ContractionOperand operand;
  int64_t groupSize = 0; ///< places along the depth that share one; 0: all do
};

/// An operand (code - zero) * scale, whose codes are an argument of at most 8
/// bits.
struct CodedOperand {
  ContractionOperand codes; ///< linear
  /// Of the codes, as the model has it: an integer with or without sign, or a
  /// float.
  mlir::Type type;
  /// The scale may be a number instead, and is 1 where there is neither.
  std::optional<CodeParameter> scale, zero;
  mlir::FloatAttr number;

  int64_t getBits() const;
  bool isSigned() const; ///< an integer with sign
  bool isFloat() const { return mlir::isa<mlir::FloatType>(type); }
  /// The scale, where it changes along the depth; else null.
  const CodeParameter *getGroups() const {
    return scale && scale->groupSize > 0 ? &*scale : nullptr;
  }

  /// The parts of operand `operand` of `roles`; null where it is anything else.
  /// `alignments`: bytes, per argument of the body.
  static std::shared_ptr<const CodedOperand>
  match(const ContractionRoles &roles, const ContractionOperand &operand,
        llvm::ArrayRef<int64_t> alignments);
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CODEDOPERAND_H
