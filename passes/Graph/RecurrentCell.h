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

  mlir::Value recurrence;  ///< [G*H, H]; of a GRU that resets before the
                           ///< product, of its first two gates
  mlir::Value hiddenGate;  ///< [H, H], of such a GRU
  mlir::Value bias;        ///< [G*H] inside the reset, of a GRU that resets
                           ///< after the product
  mlir::Value peephole[3]; ///< [H] of input, output, forget gate, or null

  /// True if `activation` is one of those that `step` knows.
  static bool isKnownActivation(llvm::StringRef activation);
  /// Builds the step; `projected` [B, G*H] is what the input contributes.
  RecurrentState step(mlir::Value projected, RecurrentState state);

private:
  mlir::Value activate(unsigned which, mlir::Value input);
  mlir::Value gate(mlir::Value gates, int64_t position, llvm::StringRef piece);
  mlir::Value addPeephole(mlir::Value gate, unsigned which, mlir::Value cell);
  RecurrentState stepLSTM(mlir::Value projected, RecurrentState state);
  RecurrentState stepGRU(mlir::Value projected, RecurrentState state);
};

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_RECURRENTCELL_H
