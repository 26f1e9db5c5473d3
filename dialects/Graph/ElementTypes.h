//===- ElementTypes.h - how elements are stored ---------------------------===//
#ifndef CINCH_DIALECTS_GRAPH_ELEMENTTYPES_H
#define CINCH_DIALECTS_GRAPH_ELEMENTTYPES_H

#include "mlir/IR/Types.h"

namespace cinch::graph {

/// Bits that an element of `type` takes in memory and in files: a bool takes a
/// byte, elements of 2 and 4 bits share one; 0: the type has no place there.
unsigned getStorageBits(mlir::Type type);

/// Elements that share a byte; 1 for those of whole bytes. They are packed
/// along the flattened row-major tensor, the first in the low bits:
///
///     byte 0                byte 1
///     bits 0..3   bits 4..7   bits 0..3   bits 4..7
///     element 0   element 1   element 2   element 3
///
/// The bits behind the last element of a tensor are 0.
unsigned getElementsPerByte(mlir::Type type);
inline bool isPacked(mlir::Type type) { return getElementsPerByte(type) > 1; }
/// Most elements of a byte, and of a row of packed elements that is rounded by
/// scales of the same kernel: the threads of a GPU hold it in registers.
inline constexpr int64_t maxPerByte = 4, maxPackedRow = 16384;

/// True for floats of at most 8 bits, which kernels hold as integers of as many
/// bits and decode where they compute with them.
bool isNarrowFloat(mlir::Type type);

} // namespace cinch::graph

#endif // CINCH_DIALECTS_GRAPH_ELEMENTTYPES_H
