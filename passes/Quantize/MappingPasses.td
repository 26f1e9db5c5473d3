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

def RotateActivationsPass : Pass<"rotate-activations", "::mlir::func::FuncOp"> {
  let summary = "Spreads outliers over channels by rotations";
  let description = [{
    ```mlir
    %h = graph.matmul %a by %o {names = ["h"]} : tensor<8x32xf32> by tensor<32x64xf32> -> tensor<8x64xf32>
    %x = graph.rms_norm %h scale %ones {names = ["x"], …} : tensor<8x64xf32>, tensor<64xf32> -> tensor<8x64xf32>
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes, with %p = %o R and %v = R^T %w
    %h = graph.matmul %a by %p {names = ["h/rotated"]} : tensor<8x32xf32> by tensor<32x64xf32> -> tensor<8x64xf32>
    %x = graph.rms_norm %h scale %ones {names = ["x/rotated"], …} : tensor<8x64xf32>, tensor<64xf32> -> tensor<8x64xf32>
    %y = graph.matmul %x by %v {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    ```
    For the inputs of products with a constant matrix of f32. R = diag(signs)
    blockdiag(H, …, H) with signs of `seed` and Hadamard matrices H of the largest power
    of two that divides the number of channels.

    | option | rotates | how |
    |---|---|---|
    | `residual` (R1) | all channels of a residual stream | in the weights |
    | `heads` (R2) | the channels of each head, between the products of values and outputs | in the weights |
    | `queries` (R3) | the channels of queries and keys | in the weights, or while running where they are not linear in them (positions) |
    | `inputs=middle` (R4) | what element-wise operations that are not linear make of products, as in the middle of two layers | while running |
    | `inputs=all` | every input that is not rotated in the weights | while running |

    In the weights: the flow of a value is all that is connected with it by operations
    that are linear in its channels (sums, factors that are the same for all channels,
    moved data, averages over other axes, products with values of the flow) and rms_norm
    with one gain. Constants must be all that writes a flow, and all that reads it must
    be products; anything else refuses all of it. So `fold-normalization` comes first.
    With `states`, caches that are passed in and out are part of a flow; then they
    hold rotated channels, and only a cache that this model has written fits.

    While running: signs and a product with a Hadamard matrix of at most 64 channels for
    each Kronecker factor of H, so that 512 channels take 512 * (32 + 16)
    multiplications.

    The model computes the same but for the rounding of f32. Values are then
    `x/rotated`, weights `w/rotated`; values of such names are left, so applying the
    pass again changes nothing. What is refused is a remark, with the operation
    in the way.
    Counts, in the attribute `graph.rotate_activations_report` of the function when
    `report` is set: residual, heads, queries (flows), inputs (values), online (products
    while running, of queries and inputs), left: rotated (before), kept (values),
    unselected (products); bytes_added (of weights that are stored in both forms).
    Source: Ashkboos et al., "QuaRot", 2024, section 4; Liu et al., "SpinQuant", 2025,
    section 3.1, for R1 to R4. Ours: block-diagonal matrices for sizes that are no power
    of two; what to rotate follows from the graph.
  }];
  let options = [
    Option<"residual", "residual", "bool", /*default=*/"true", "Rotate residual streams">,
    Option<"heads", "heads", "bool", /*default=*/"true", "Rotate values per head">,
    Option<"queries", "queries", "bool", /*default=*/"false", "Rotate queries and keys per head">,
    Option<"inputs", "inputs", "::cinch::quantize::OnlineInputs", /*default=*/"::cinch::quantize::OnlineInputs::None",
           "Inputs to rotate while running", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::OnlineInputs::None, "none", "None"),
             clEnumValN(::cinch::quantize::OnlineInputs::Middle, "middle", "Between two layers"),
             clEnumValN(::cinch::quantize::OnlineInputs::All, "all", "All that are not rotated in the weights"))}]>,
    Option<"states", "states", "bool", /*default=*/"false", "Rotate what caches hold, too">,
    Option<"seed", "seed", "uint64_t", /*default=*/"0", "Of the random signs">,
    SelectOption, ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def SmoothActivationsPass : Pass<"smooth-activations", "::mlir::func::FuncOp"> {
  let summary = "Moves outliers of activations into weights";
  let description = [{
    ```mlir
    %x = graph.rms_norm %h scale %g {names = ["x"], …} : tensor<8x64xf32>, tensor<64xf32> -> tensor<8x64xf32>
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes, with %f = %g / s and %v = s * %w by rows
    %x = graph.rms_norm %h scale %f {names = ["x/smoothed"], …} : tensor<8x64xf32>, tensor<64xf32> -> tensor<8x64xf32>
    %y = graph.matmul %x by %v {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    ```
    For every value that products with constant weights read (matmul, conv,
    conv_transpose of f32), channel j is divided by s_j = max|X_j|^alpha /
    max|W_j|^(1 - alpha), over the weights of all these products, which are multiplied by
    it. s_j is 1 where either maximum is 0, and within [1e-4, 1e4]. What the model
    computes is the same but for the rounding of f32.

    Where all that reads the value are such products, the division is folded into what
    makes it, found by following the graph: the gain (and bias) of layer_norm and rms_norm
    over the last axis, a multiplication or addition with one constant per channel, the
    weights of another product, through relu, max_pool, average_pool and one factor of
    an element-wise product, if nothing else reads what is between. Otherwise a
    multiplication by 1/s is inserted. Weights that others read as well are left.

    `mode=search` tries alpha = 0, 0.05, ..., 1 for each value and takes the one of least
    expected output error (the first of equal ones): the error of rounded weights is exact, tr(dW^T G dW)
    with the second moment G of the samples, or, where the statistics have only its
    diagonal, as if roundings were independent; that of activations is the expected one of
    random rounding, both for `activation-bits`, `weight-bits`, `granularity` and
    `group-size`, on up to 64 evenly spaced outputs of each product. The input of a
    convolution is smoothed by `alpha`.

    `factors=activations` takes s_j = (root mean square of X_j)^alpha, over the root of the
    largest times the smallest of them, instead: for weights in few bits alone
    (`activation-bits=16`), whose error counts by how large the channel is. `inserts=false`
    leaves the values whose division cannot be folded.

    The value is now `x/smoothed`, its weights are `w/smoothed`, what is between is
    `v/smoothed`; the attribute `graph.smoothed` of the function has the range of every
    smoothed value, which follows from the largest magnitudes of its channels, and, for a
    look, its alpha in `graph.smoothing_alpha`; `graph.smoothing_factors` has what its
    channels were divided by, from which its second moment follows. Values in there are left, so applying the
    pass again changes nothing.

    Counts, in the attribute `graph.smooth_activations_report` of the function when
    `report` is set: folded (values, into what makes them), inserted (multiplications),
    left by reason: unshown (no samples show the value), shared (weights), unfolded, unselected
    (products), smoothed (before); unsearched (values that mode=search smoothed by `alpha`).
    Source: Xiao et al., "SmoothQuant", 2023, equation 4; Lin et al., "AWQ", 2024, section
    3.2 for the search and for `factors=activations` (equation 4, with the root mean square
    for the mean magnitude). Ours: who feeds whom follows from the graph, not from names; the
    error comes from second moments instead of stored samples.
  }];
  let options = [
    CalibrationOption, SelectOption, ReportOption,
    Option<"mode", "mode", "::cinch::quantize::SmoothingMode",
           /*default=*/"::cinch::quantize::SmoothingMode::Fixed", "How alpha is found", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::SmoothingMode::Fixed, "fixed", "Is `alpha`"),
             clEnumValN(::cinch::quantize::SmoothingMode::Search, "search", "Least output error, for each value"))}]>,
    Option<"rule", "factors", "::cinch::quantize::SmoothingFactors",
           /*default=*/"::cinch::quantize::SmoothingFactors::Outliers", "What channels are divided by", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::SmoothingFactors::Outliers, "outliers", "Largest magnitudes of activations over those of weights"),
             clEnumValN(::cinch::quantize::SmoothingFactors::Activations, "activations", "Magnitudes of activations, for weights in few bits alone"))}]>,
    Option<"inserts", "inserts", "bool", /*default=*/"true",
           "Multiply by what cannot be folded; false: leave such values">,
    Option<"alpha", "alpha", "double", /*default=*/"0.5",
           "How much goes into the weights, 0 to 1">,
    Option<"activationBits", "activation-bits", "int64_t", /*default=*/"8",
           "Bits that the search assumes: 4, 8, or 16 for as they are">,
    Option<"weightBits", "weight-bits", "int64_t", /*default=*/"8",
           "Bits that the search assumes: 2, 4 or 8">,
    Option<"granularity", "granularity", "::cinch::quantize::ActivationGranularity",
           /*default=*/"::cinch::quantize::ActivationGranularity::Tensor",
           "Scales of activations that the search assumes", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::ActivationGranularity::Tensor, "tensor", "One, from samples"),
             clEnumValN(::cinch::quantize::ActivationGranularity::Token, "token", "One per row"))}]>,
    Option<"groupSize", "group-size", "int64_t", /*default=*/"0",
           "Weights that share a scale, which the search assumes, along the inputs; 0: all of an output">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

#endif // CINCH_PASSES_QUANTIZE_MAPPINGPASSES
