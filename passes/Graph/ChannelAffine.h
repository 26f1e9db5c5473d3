//===- ChannelAffine.h - a scale and a shift for every channel ------------===//
#ifndef CINCH_PASSES_GRAPH_CHANNELAFFINE_H
#define CINCH_PASSES_GRAPH_CHANNELAFFINE_H

#include "dialects/Graph/Graph.h"
#include <optional>

namespace cinch::graph {

/// y = scale[c] * x + shift[c] for the elements of channel c, in double.
struct ChannelAffine {
  llvm::SmallVector<double> scale, shift;

  /// The identity.
  static ChannelAffine get(int64_t numChannels);
  /// This function of what `inner` returns.
  ChannelAffine after(const ChannelAffine &inner) const;
  bool hasScale() const;
  bool hasShift() const;
  bool isFinite() const;
};

/// The function that `op` applies to its operand `input` [.., channels at
/// `axis`, ..], which has the shape of the result: of an addition, subtraction,
/// multiplication or division with a constant per channel or for all, and of a
/// batch norm with constant parameters. nullopt for everything else.
std::optional<ChannelAffine> getChannelAffine(mlir::Operation *op,
                                              mlir::Value input, unsigned axis,
                                              int64_t numChannels);

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_CHANNELAFFINE_H
