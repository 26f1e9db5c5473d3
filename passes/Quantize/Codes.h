//===- Codes.h - constants of few bits in the graph -----------------------===//
#ifndef CINCH_PASSES_QUANTIZE_CODES_H
#define CINCH_PASSES_QUANTIZE_CODES_H

#include "dialects/Graph/Graph.h"
#include "passes/Quantize/Format.h"
#include "llvm/Support/Error.h"

namespace cinch::quantize {

/// Codes of weights as constants.
struct Codes {
  graph::ConstantOp constant;
  mlir::Value value; ///< of the shape of the weights
  int64_t bytes = 0; ///< of the constant
};

/// The bytes that codes of weights of `type` take. Rows of 3 bits are whole
/// bytes, others are packed through.
int64_t getCodeBytes(mlir::RankedTensorType type, const Format &format);

/// Makes the constant `name`/q of `codes`, one element each, for weights of
/// `type`; of 3 bits bytes, which `name`/codes unpacks. Large ones, whose
/// elements no text shows, go to a temporary file; an error if it cannot be
/// written.
llvm::Expected<Codes> makeCodes(mlir::OpBuilder &builder, mlir::Location loc,
                                const std::string &name,
                                mlir::RankedTensorType type,
                                const Format &format,
                                llvm::ArrayRef<uint8_t> codes, bool isSmall);

/// The levels that `format` makes a dequantization of; null for none.
mlir::DenseF32ArrayAttr getLevels(const Format &format,
                                  mlir::MLIRContext *context);

/// The constant that the codes of `weight` are in; null if they are computed.
graph::ConstantOp findCodes(graph::DequantizeOp weight);
/// The format of the codes of `weight`; null for others than weights have.
const Format *findFormat(graph::DequantizeOp weight);
/// What the constant codes of `weight`, of `format`, stand for, without
/// scales; an error if they cannot be read.
llvm::Expected<std::vector<float>> readCodes(graph::DequantizeOp weight,
                                             const Format &format);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_CODES_H
