//===- Products.h - products whose operands can be quantized --------------===//
#ifndef CINCH_PASSES_QUANTIZE_PRODUCTS_H
#define CINCH_PASSES_QUANTIZE_PRODUCTS_H

#include "passes/Common/Selector.h"
#include "passes/Graph/LinearOp.h"
#include "passes/Quantize/Plan.h"
#include "passes/Quantize/WeightRounding.h"

namespace cinch::quantize {

/// A matmul, conv, conv_transpose or einsum.
bool isProduct(mlir::Operation *op);
/// The names of the results of `ops`, as a list of at most three.
std::string listNames(llvm::ArrayRef<mlir::Operation *> ops);
/// All of `function`, in program order.
llvm::SmallVector<mlir::Operation *> getProducts(mlir::func::FuncOp function);
/// Those whose operand 0 is `value`, in program order.
llvm::SmallVector<mlir::Operation *> getProductsOf(mlir::Value value);
/// Whether `value` is dequantized, also if only moved since.
bool isDequantized(mlir::Value value);
/// Whether operand 1 of `product` is a dequantized constant.
bool hasQuantizedWeight(mlir::Operation *product);

/// The attribute of a constant of codes with what they were rounded from.
constexpr llvm::StringLiteral originalAttributeName = "graph.original";

/// The axis of the filter of `linear` that is of its inputs, and of its
/// outputs.
unsigned getFilterInputAxis(const graph::LinearOp &linear);
unsigned getFilterOutputAxis(const graph::LinearOp &linear);
/// What shares a scale in a filter of `type`, and the shape of the scales.
Sharing getSharing(mlir::RankedTensorType type, unsigned axis,
                   const ValuePlan &plan);
llvm::SmallVector<int64_t> getScaleShape(mlir::RankedTensorType type,
                                         unsigned axis, Granularity granularity,
                                         int64_t group);

/// The MLIR type of the elements of `format`, and of scales.
mlir::Type getElementType(const Format &format, mlir::MLIRContext *context);
mlir::Type getElementType(ScaleFormat scales, mlir::MLIRContext *context);
/// What scales of a type are stored in; nullopt for other types.
std::optional<ScaleFormat> findScaleFormat(mlir::Type element);

/// Parses the option `select` of the pass `flag` and numbers the layers. Emits
/// a warning at `function` for each term that matches none of its products.
llvm::Expected<Selector> parseSelector(mlir::func::FuncOp function,
                                       llvm::StringRef flag,
                                       llvm::StringRef text);

/// Emits a warning of the pass `flag` for each name of `plan` that is neither a
/// value of `function` nor a weight that was quantized.
void warnOfUnknownNames(mlir::func::FuncOp function,
                        const QuantizationPlan &plan, llvm::StringRef flag);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_PRODUCTS_H
