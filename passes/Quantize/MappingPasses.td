//===- MappingPasses.td - the graph before few bits --------*- tablegen -*-===//
#ifndef CINCH_PASSES_QUANTIZE_MAPPINGPASSES
#define CINCH_PASSES_QUANTIZE_MAPPINGPASSES

include "passes/Quantize/PlanPasses.td"

def FoldNormalizationPass : Pass<"fold-normalization", "::mlir::func::FuncOp"> {
  let summary = "Folds means and gains of norms into weights";
  let description = [{
    ```mlir
    %h = graph.matmul %a by %o {names = ["h"]} : tensor<8x32xf32> by tensor<32x64xf32> -> tensor<8x64xf32>
    %x = graph.layer_norm %h scale %g bias %b {names = ["x"], …} : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32> -> tensor<8x64xf32>
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes, with %p = %o less the mean of each row, %v = %g * %w by rows and %c = %b * %w
    %h = graph.matmul %a by %p {names = ["h/centered"]} : tensor<8x32xf32> by tensor<32x64xf32> -> tensor<8x64xf32>
    %x = graph.rms_norm %h scale %ones {names = ["x/scaled/normalized"], …} : tensor<8x64xf32>, tensor<64xf32> -> tensor<8x64xf32>
    %l = graph.matmul %x by %v {names = ["y/linear"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    %y = graph.add %l, %c {names = ["y"]} : tensor<8x32xf32>, tensor<32xf32> -> tensor<8x32xf32>
    ```
    Means (`center`): a layer_norm over the last axis, or a subtraction of the mean over
    it, reads the values of one residual stream: what is connected by sums, factors that
    are the same for all channels, and moved data. If constants of f32 (weights of
    products, biases, embedding tables) are all that writes it, and norms that subtract
    the mean all that reads it, those constants are centered, and the norms need not:
    a layer_norm becomes an rms_norm. The values are then `h/centered`.

    Gains: a scale (and shift) per channel behind a norm, of the norm itself or of a
    multiplication and an addition with constants, that only products with constant
    matrices read: their weights take the scale in, and an addition behind them, or the
    one that is there, the shift. The norm is then `x/normalized`, with a gain of ones.

    What is computed stays the same but for the rounding of f32. New weights are
    `w/centered` and `w/folded`; where something else reads the old ones too, such as a
    tied embedding table, both are stored (bytes_added). What is left is a remark with
    the value that is in the way: another reader or writer, such as the sum behind a
    norm with a gain (post-norm models). Applying the pass again changes nothing.

    Counts, in the attribute `graph.fold_normalization_report` of the function when
    `report` is set: centered (norms), folded (gains), left: kept_means (another reader
    or writer), kept_gains (another reader), unselected; bytes_added (of weights that
    are stored in both forms).
    Source: Ashkboos et al., "SliceGPT", 2024, section 3.1 and figure 3. Ours: which
    values belong to a stream follows from the graph.
  }];
  let options = [
    Option<"select", "select", "std::string", /*default=*/"\"\"",
           "Norms (layer_norm, rms_norm, or the sub, mul and add that stand for one) to change (passes/Common/Selector.h); empty: all">,
    Option<"centers", "center", "bool", /*default=*/"true", "Fold means, not only gains">,
    ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

#endif // CINCH_PASSES_QUANTIZE_MAPPINGPASSES
