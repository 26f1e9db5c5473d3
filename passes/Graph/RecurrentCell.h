//===- RecurrentCell.h - one step of a recurrent operation ----------------===//
#ifndef CINCH_PASSES_GRAPH_RECURRENTCELL_H
#define CINCH_PASSES_GRAPH_RECURRENTCELL_H

#include "passes/Graph/NamedBuilder.h"
#include <optional>

namespace cinch::graph {

/// What a recurrence hands from step to step, [B, H] each; `cell` of an LSTM.
struct RecurrentState {
  mlir::Value hidden, cell;
};

/// The step of one direction of an LSTM, GRU or RNN. Sizes: B batch, H hidden
/// size, G gates.
struct RecurrentCell {
  enum class Kind { LSTM, GRU, RNN };

  NamedBuilder &b;
  Kind kind;
  int64_t hiddenSize;
  mlir::Type elementType;
  llvm::SmallVector<llvm::StringRef, 3> activations; ///< by kind of gate
  std::optional<double> clip; ///< bound of what goes into an activation
  bool inputForget = false;   ///< LSTM: forget what the input gate lets in

  bool resetsBefore = false; ///< GRU: resets the state before the product
  mlir::Value recurrence[4]; ///< [H, H] by gate: a kernel of the step has
                             ///< the products side by side
  mlir::Value bias[3];       ///< [H] of the state by gate, of a GRU that
                             ///< resets after the product
  mlir::Value peephole[3];   ///< [H] of input, output, forget gate, or null

  /// True if `activation` is one of those that `step` knows.
  static bool isKnownActivation(llvm::StringRef activation);
  /// Builds the step; `projected` [B, G*H] is what the input contributes.
  RecurrentState step(mlir::Value projected, RecurrentState state);

private:
  mlir::Value activate(unsigned which, mlir::Value input);
  mlir::Value gate(mlir::Value gates, int64_t position, llvm::StringRef piece);
  mlir::Value fromState(mlir::Value hidden, int64_t position,
                        llvm::StringRef piece);
  mlir::Value sum(mlir::Value projected, mlir::Value hidden, int64_t position,
                  llvm::StringRef piece);
  mlir::Value addPeephole(mlir::Value gate, unsigned which, mlir::Value cell);
  RecurrentState stepLSTM(mlir::Value projected, RecurrentState state);
  RecurrentState stepGRU(mlir::Value projected, RecurrentState state);
};

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_RECURRENTCELL_H
