//===- IntegerProduct.h - a product of quantized values -------------------===//
#ifndef CINCH_PASSES_QUANTIZE_INTEGERPRODUCT_H
#define CINCH_PASSES_QUANTIZE_INTEGERPRODUCT_H

#include "passes/Graph/NamedBuilder.h"
#include "passes/Quantize/IntegerOperand.h"

namespace cinch::quantize {

/// Why a product stays as it is; None: it does not.
enum class Reason {
  None,
  Unquantized,
  Scales,
  Zeros,
  Overflow,
  Groups,
  Unselected
};

/// One matmul or conv.
class IntegerProduct {
public:
  IntegerProduct(mlir::Operation *op, graph::ShapeInference &inference)
      : op(op), conv(mlir::dyn_cast<graph::ConvOp>(op)),
        matmul(mlir::dyn_cast<graph::MatmulOp>(op)),
        b(op, graph::getValueName(op->getResult(0)), inference),
        i32(b.builder.getI32Type()) {}

  /// Whether the operation has this form.
  Reason check();
  llvm::LogicalResult form();
  /// What the new operations read of the function.
  llvm::SmallVector<mlir::Value> getLeaves() const {
    llvm::SmallVector<mlir::Value> leaves;
    for (const IntegerOperand *operand : {&lhs, &rhs})
      for (mlir::Value leaf :
           {operand->integers, operand->zero, operand->scale})
        if (leaf)
          leaves.push_back(leaf);
    return leaves;
  }

private:
  bool isTransposed(bool isLhs) {
    return matmul &&
           (isLhs ? matmul.getTransposeLhs() : matmul.getTransposeRhs());
  }
  /// The axis of a matrix that the result does not have, and the other one.
  int64_t getDepthAxis(bool isLhs) {
    const IntegerOperand &operand = isLhs ? lhs : rhs;
    return operand.getRank() - (isLhs != isTransposed(isLhs) ? 1 : 2);
  }
  int64_t getFreeAxis(bool isLhs) {
    return 2 * (isLhs ? lhs : rhs).getRank() - 3 - getDepthAxis(isLhs);
  }
  std::optional<int64_t> getDepth();
  bool isConstantAlongDepth(mlir::Value parameter, bool isLhs);
  bool canCorrect();
  mlir::Value makeIntegers(const IntegerOperand &operand,
                           llvm::StringRef piece);
  mlir::Value alignToResult(mlir::Value parameter, bool isLhs);
  mlir::Value getZero(const IntegerOperand &operand, bool isLhs);
  mlir::Value sumOverDepth(const IntegerOperand &operand, bool isLhs);
  llvm::SmallVector<int64_t> sumConstant(const IntegerOperand &operand,
                                         bool isLhs);
  mlir::Value padInput(mlir::Value input);
  mlir::Value correct(mlir::Value sum, mlir::Value input);
  void subtract(mlir::Value &sum, mlir::Value term) {
    sum = b.binary<graph::SubOp>("corrected", sum, term);
  }
  mlir::Value multiply(mlir::Value a, mlir::Value b);

  mlir::Operation *op;
  graph::ConvOp conv;
  graph::MatmulOp matmul;
  graph::NamedBuilder b;
  mlir::Type i32;
  IntegerOperand lhs, rhs;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_INTEGERPRODUCT_H
