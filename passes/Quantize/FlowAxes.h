//===- FlowAxes.h - an axis through an operation --------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_FLOWAXES_H
#define CINCH_PASSES_QUANTIZE_FLOWAXES_H

#include "dialects/Graph/Graph.h"
#include <optional>

namespace cinch::quantize {

/// What an operand is to an operation that commutes with linear maps of the
/// channels of its result.
struct OperandAxis {
  enum Kind {
    None,     ///< does not commute: the operation is not linear in it
    Channels, ///< has the channels, at `axis`
    Repeated, ///< is added to all channels
    Free      ///< a factor of all channels, a shape or indices
  };
  Kind kind = None;
  unsigned axis = 0;
};

/// What operand `number` of `op` is, whose result has channels at `axis`, of
/// which blocks of `block` are mixed. The result of a contraction is none.
OperandAxis getOperandAxis(mlir::Operation *op, unsigned number, unsigned axis,
                           int64_t block);
/// Where the result of `op` has the channels that its operand `number` has at
/// `axis`; nullopt if it mixes them with others.
std::optional<unsigned> getResultAxis(mlir::Operation *op, unsigned number,
                                      unsigned axis, int64_t block);

int64_t getRank(mlir::Value value);
/// The extent of `axis`, which may be dynamic.
int64_t getExtent(mlir::Value value, unsigned axis);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_FLOWAXES_H
