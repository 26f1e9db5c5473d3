//===- Constants.h - reading constant elements ----------------------------===//
#ifndef CINCH_DIALECTS_GRAPH_CONSTANTS_H
#define CINCH_DIALECTS_GRAPH_CONSTANTS_H

#include "dialects/Graph/Shape.h"
#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <optional>

namespace cinch::graph {

/// Number of elements of a static shape; nullopt if it is dynamic or more than
/// 63 bits count.
std::optional<int64_t> getNumElements(mlir::RankedTensorType type);
/// Bytes that a tensor takes in a file: a bool is one byte, narrower elements
/// are packed; nullopt as for `getNumElements`, or if the element type has no
/// size.
std::optional<int64_t> getStorageBytes(mlir::RankedTensorType type);

/// The `value` of the graph.constant that defines `value`; null if there is
/// none.
mlir::TypedAttr getConstantValue(mlir::Value value);

/// The elements of an integer or bool constant, sign or zero extended by its
/// type; nullopt if it has more than `maxElements` or one that int64_t lacks,
/// has another element type, or its weight file cannot be read.
std::optional<llvm::SmallVector<int64_t>>
getIntegers(mlir::TypedAttr constant, int64_t maxElements = maxTrackedElements);
/// The elements of a float constant; nullopt likewise.
std::optional<llvm::SmallVector<double>>
getFloats(mlir::TypedAttr constant, int64_t maxElements = maxTrackedElements);

/// The bytes of a constant as a file stores them: little endian, row-major,
/// elements below a byte packed, which may be unaligned. Those
/// that no file or attribute holds are put into `storage`. An error if they
/// cannot be read. Valid as long as the context and `storage`.
llvm::Expected<llvm::ArrayRef<char>>
getConstantBytes(mlir::TypedAttr constant,
                 llvm::SmallVectorImpl<char> &storage);
/// A constant whose bytes, as a file stores them, are those of `buffer`, which
/// the context owns from now on.
mlir::TypedAttr
makeConstant(mlir::RankedTensorType type,
             std::unique_ptr<llvm::WritableMemoryBuffer> buffer);

/// As `makeConstant`, with bytes that `fill` writes into a temporary file, so
/// that they need not stay in memory. An error if the file cannot be made.
llvm::Expected<mlir::TypedAttr> makeTemporaryConstant(
    mlir::RankedTensorType type,
    llvm::function_ref<void(llvm::MutableArrayRef<char>)> fill);

/// A dense constant of an integer or bool `type` with the given elements.
mlir::TypedAttr getIntegerConstant(mlir::RankedTensorType type,
                                   llvm::ArrayRef<int64_t> elements);

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_CONSTANTS_H
