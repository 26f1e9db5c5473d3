//===- BranchBuilder.h - low-rank branches beside products ----------------===//
#ifndef CINCH_PASSES_QUANTIZE_BRANCHBUILDER_H
#define CINCH_PASSES_QUANTIZE_BRANCHBUILDER_H

#include "dialects/Graph/Graph.h"
#include "passes/Algebra/Matrix.h"
#include "passes/Quantize/Options.h"
#include "llvm/Support/Error.h"

namespace cinch::quantize {

/// Makes y = X W + (X left) right of products y = X W.
class BranchBuilder {
public:
  /// Factors are stored in `precision`. Dense attributes hold them if
  /// `isSmall`, else a temporary file does.
  BranchBuilder(mlir::MLIRContext *context, BranchPrecision precision,
                bool isSmall);

  mlir::FloatType getType() const { return type; }
  /// `factor` as it will be stored.
  algebra::Matrix store(algebra::Matrix factor) const;
  /// X `left` before `product`, of the value X that it reads, named after
  /// `weight`.
  llvm::Expected<mlir::Value> addDown(graph::MatmulOp product,
                                      llvm::StringRef weight,
                                      const algebra::Matrix &left);
  /// Replaces `product` by itself with the weight `kept`, under the name
  /// y/`suffix`, plus `down` * `right`; the sum has its name.
  llvm::Error addUp(graph::MatmulOp product, llvm::StringRef weight,
                    mlir::Value down, const algebra::Matrix &right,
                    mlir::Value kept, llvm::StringRef suffix);
  /// Of all factors that were made.
  int64_t getBytes() const { return bytes; }

private:
  /// As f32.
  llvm::Expected<mlir::Value> makeFactor(mlir::OpBuilder &builder,
                                         mlir::Location loc,
                                         const std::string &name,
                                         const algebra::Matrix &factor);

  mlir::FloatType type;
  bool isSmall;
  int64_t bytes = 0;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_BRANCHBUILDER_H
