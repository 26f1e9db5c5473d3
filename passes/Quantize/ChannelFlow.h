//===- ChannelFlow.h - where channels can be mixed ------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_CHANNELFLOW_H
#define CINCH_PASSES_QUANTIZE_CHANNELFLOW_H

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/MapVector.h"
#include <optional>
#include <string>

namespace cinch::quantize {

/// What is done to the vectors of channels of a flow.
enum class FlowMap {
  Rotation, ///< a block-diagonal orthogonal matrix, of equal blocks
  Centering ///< less their mean
};

/// The values, connected through linear operations, whose channels a linear map
/// can be applied to without changing what a model computes: constants take it
/// in where the flow begins (weights, biases, embedding tables) and, of a
/// rotation, where it ends. What is between commutes with the map: sums,
/// factors that are the same for all channels, moved, joined and cut data, root
/// mean squares, averages over other axes. Both factors of a product of
/// computed values that sums over the channels are parts of one flow.
class ChannelFlow {
public:
  struct Options {
    FlowMap map = FlowMap::Rotation;
    int64_t block = 0; ///< channels that are mixed; a divisor of each extent
    /// States may be part of it: arguments that are only joined with new rows,
    /// which are returned. Their channels change with the others.
    bool hasStates = false;
    /// A value that is not linear is rotated in place, where the flow begins.
    bool hasSources = false;
  };
  /// An operand of an operation of the flow, and how many axes behind that of
  /// the channels there are, plus 1.
  struct Use {
    mlir::OpOperand *operand;
    unsigned inner;
    int64_t extent; ///< channels
  };
  /// Why there is no flow.
  struct Refusal {
    mlir::Operation *op = nullptr; ///< at fault; null: an argument
    std::string reason;            ///< behind the name of the value
  };

  /// The flow that `value` with channels at `axis` belongs to; nullopt, and why
  /// in `refusal`, if an operation in it is not linear.
  static std::optional<ChannelFlow> find(mlir::Value value, unsigned axis,
                                         const Options &options,
                                         Refusal &refusal);
  /// That of both operands of a matmul of computed values.
  static std::optional<ChannelFlow> findFactors(graph::MatmulOp product,
                                                const Options &options,
                                                Refusal &refusal);

  /// Computed values, with the axis of their channels, in the order found.
  const llvm::MapVector<mlir::Value, unsigned> &getValues() const {
    return values;
  }
  /// Constant operands to change.
  llvm::ArrayRef<Use> getConstants() const { return constants; }
  /// Operands that are to be rotated in place.
  llvm::ArrayRef<Use> getSources() const { return sources; }
  /// What subtracts the mean, of a flow to center: layer_norm, and
  /// subtractions of a mean.
  llvm::ArrayRef<mlir::Operation *> getCenters() const { return centers; }

private:
  friend class FlowFinder;
  llvm::MapVector<mlir::Value, unsigned> values;
  llvm::SmallVector<Use> constants, sources;
  llvm::SmallVector<mlir::Operation *> centers;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_CHANNELFLOW_H
