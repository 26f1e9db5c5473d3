//===- ShapeHelpers.h - shared by the shape rules of the operations -------===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_SHAPEHELPERS_H
#define CINCH_DIALECTS_GRAPH_OPS_SHAPEHELPERS_H

#include "dialects/Graph/Shape.h"

namespace cinch::graph {

using Contents = llvm::SmallVector<plan::Expr, 4>;

/// Sets the only result's dims; succeeds.
llvm::LogicalResult setDims(ShapeContext &context, Dims dims);
/// Sets the only result's dims to those of operand `operand`.
llvm::LogicalResult copyDims(ShapeContext &context, unsigned operand = 0);
/// Stores the contents of result 0 if there are as many as its dims say, few,
/// each is defined and constants fit its element type; else leaves them
/// unknown.
void setContents(ShapeContext &context, std::optional<Contents> contents);

/// Emits an error unless 0 <= axis < rank.
llvm::LogicalResult checkAxis(ShapeContext &context, int64_t axis,
                              int64_t rank);
/// Emits an error unless axes are sorted, distinct and within the rank.
llvm::LogicalResult checkAxes(ShapeContext &context,
                              llvm::ArrayRef<int64_t> axes, int64_t rank);
/// Emits an error unless `values` has `size` entries.
llvm::LogicalResult checkSize(ShapeContext &context, llvm::StringRef what,
                              llvm::ArrayRef<int64_t> values, size_t size);
/// Emits an error unless every value is at least `low`.
llvm::LogicalResult checkAtLeast(ShapeContext &context, llvm::StringRef what,
                                 llvm::ArrayRef<int64_t> values, int64_t low);

/// For a result shape that depends on the unknown contents of operand
/// `operand`: in the verifier takes the dims from the result type; else emits
/// an error that says which value is not known.
llvm::LogicalResult useDeclaredDims(ShapeContext &context, unsigned operand);
/// The contents of an operand that is a list of `size` integers; nullptr if
/// unknown. Of another size (which the caller refuses) also nullptr.
const Contents *getList(ShapeContext &context, unsigned operand, size_t size);

/// Calls `visit` with every index into `shape`, in row-major order. Nothing is
/// visited for more than `maxTrackedElements` elements: returns false then.
bool forEachIndex(llvm::ArrayRef<int64_t> shape,
                  llvm::function_ref<void(llvm::ArrayRef<int64_t>)> visit);
/// Row-major position of `index`, aligned at the last axis and broadcast, in a
/// tensor of `shape`.
int64_t getBroadcastOffset(llvm::ArrayRef<int64_t> index,
                           llvm::ArrayRef<int64_t> shape);
/// Contents of result 0 (dims already set), each from the contents of all
/// operands at the broadcast position; nullopt if unknown or `compute` gives
/// nullopt.
std::optional<Contents>
mapContents(ShapeContext &context, llvm::function_ref<std::optional<plan::Expr>(
                                       llvm::ArrayRef<plan::Expr> operands)>
                                       compute);
/// Contents of result 0 (dims already set): element `index` is element
/// `source(index)` of operand 0, a row-major position.
std::optional<Contents>
moveContents(ShapeContext &context,
             llvm::function_ref<int64_t(llvm::ArrayRef<int64_t> index)> source);

/// Strides of a row-major tensor of `shape`.
llvm::SmallVector<int64_t, 4> getStrides(llvm::ArrayRef<int64_t> shape);

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_OPS_SHAPEHELPERS_H
