//===- PlanPasses.td - choosing and applying few bits ------*- tablegen -*-===//
#ifndef CINCH_PASSES_QUANTIZE_PLANPASSES
#define CINCH_PASSES_QUANTIZE_PLANPASSES

include "mlir/Pass/PassBase.td"

def SelectOption : Option<"select", "select", "std::string", /*default=*/"\"\"",
  "Products to change: kind, kind:regex, :regex, #layer or #first..last (products in program order, from 0), separated by `;`; empty: all">;
def ReportOption : Option<"report", "report", "bool", /*default=*/"false",
  "Write the counts to the function">;
def CalibrationOption : Option<"calibration", "calibration", "std::string", /*default=*/"\"\"",
  "File of statistics of the values (docs/formats.md); empty: none">;

def ChooseQuantizationPass : Pass<"choose-quantization", "::mlir::func::FuncOp"> {
  let summary = "Decides which values are stored in few bits, and how";
  let description = [{
    ```mlir
    func.func @main(…) {
      %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // gets the attribute
    graph.quantization_plan = {
      w = {format = "i8", granularity = "channel", method = "minmax", symmetric = true, dynamic = false, reason = "…"},
      x = {format = "i8", granularity = "tensor", method = "minmax", symmetric = true, dynamic = false, reason = "…"}}
    ```
    Candidates are products with a constant operand (matmul, conv, conv_transpose of
    f32). The plan has their weights and inputs by name, those that stay as they are with
    format `none` and the reason; `quantize-weights` and `quantize-activations` obey it.
    So are constant tables of two axes whose rows are looked up (gather): in i4 in groups of at most 32 along
    the row in `w4a16`, `w4a8`, `w3a16` and `nf4`, if it has at least an eighth of the
    elements of all constants (small ones save little), else in 8 bits with a scale for each row.
    Other values are not quantized: a sum of a residual network is only where a product
    reads it, and what else reads it keeps the float. A value that several products read
    is quantized once.

    | recipe | weights | activations |
    |---|---|---|
    | `w8a8` | i8 per output | i8, one static scale, from samples |
    | `w8a8-dynamic` | i8 per output | i8 per token: a scale for each row, computed while running |
    | `w8a16` | i8 per output | as they are |
    | `w4a16` | i4 in groups, scales in f16 | as they are |
    | `w4a8` | i4 in groups, scales in f16 | i8 per token |
    | `w4a4` | i4 in groups, scales in f16 | i4 per token, or in groups |
    | `w3a16` | i3 in groups, scales in f16 | as they are |
    | `nf4` | the 16 numbers of NF4 in groups, scales in f16 | as they are |
    | `fp8` | f8E4M3FN per output | f8E4M3FN, one static scale |
    | `mxfp8` | f8E4M3FN in groups of 32, scales are powers of two in 8 bits | the same, computed while running |
    | `mxfp4` | f4E2M1FN in groups of 32, scales are powers of two in 8 bits | the same, computed while running |

    `granularity` overrides that of activations: `tensor` makes one dynamic scale of all
    elements, `group` one for `group-size` elements of a row. Groups of weights run
    along the inputs, the last one may have fewer; where a row of inputs is no more than a
    group, there is one scale per output. Rows of activations that are no multiple of
    `group-size` have one scale per token. `symmetric=false` chooses ui8 with a zero
    point for static scales of integers.

    `mixed`, for recipes of static scales, also chooses what else than products read
    from memory (`others` of an entry): sums that norms and the next sums read, queries, keys and
    values, what several kernels read. They have one scale for each channel (axis 1 of
    images, else the last), the largest magnitude in the samples over the largest number, so that
    channels with outliers cost the others nothing; where a product writes the value
    and another reads it, its codes serve all. What softmax reads, arguments and results of the function
    stay. Which values are in memory follows from how kernels are formed; a plan may say otherwise.

    Left as they are, each with its reason: depthwise convolutions (an output sums only
    the elements of one small window, so errors do not average out, and there are few
    weights to save), weights of fewer than `min-elements` elements, weights that
    something else reads (an embedding table that is also the last layer would be stored twice),
    the rotations of `rotate-activations`, filters in 3 bits (which are packed by rows),
    convolutions whose input would need a scale per row, the inputs and weights of the
    first and last product if `keep-ends`, products whose input no sample of
    `calibration` shows (static scales only), and products that are quantized already. The first
    and last layers are quantized by default, which costs little at 8 bits; image
    networks in 4 bits usually want `keep-ends`.

    What `select` leaves out keeps the entries that the plan has, so that several runs
    with different recipes make one plan. `read-plan` takes the plan from a file instead,
    `write-plan` writes it, as JSON (of a module with one function):
    ```json
    {"cinch_quantization_plan": 1, "values": {"x": {"format": "i8", "granularity": "token", "dynamic": true}}}
    ```
    Counts, in the attribute `graph.choose_quantization_report` of the function when
    `report` is set: weights, activations, tables, stored (chosen; for others), left by reason (weights): depthwise,
    ends, filters, rotations, shared, tiny, unshown, window; computed (products without a constant), quantized
    (before), unselected (products).
    Source: the recipes are those of Xiao et al., "SmoothQuant", 2023, table 1, Frantar et al.,
    "GPTQ", 2023, Micikevicius et al., "FP8 Formats for Deep Learning", 2022, and Rouhani et
    al., "OCP Microscaling Formats (MX) Specification", 1.0, 2023.
  }];
  let options = [
    Option<"recipe", "recipe", "::cinch::quantize::Recipe", /*default=*/"::cinch::quantize::Recipe::W8A8",
           "Bits of weights and activations", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::Recipe::W8A8, "w8a8", "Static scales from samples"),
             clEnumValN(::cinch::quantize::Recipe::W8A8Dynamic, "w8a8-dynamic", "Scales of activations per token"),
             clEnumValN(::cinch::quantize::Recipe::W8A16, "w8a16", "Weights only"),
             clEnumValN(::cinch::quantize::Recipe::W4A16, "w4a16", "Weights only, in groups"),
             clEnumValN(::cinch::quantize::Recipe::W4A8, "w4a8", "Weights in groups, activations per token"),
             clEnumValN(::cinch::quantize::Recipe::W4A4, "w4a4", "Weights in groups, activations per token"),
             clEnumValN(::cinch::quantize::Recipe::W3A16, "w3a16", "Weights only, in groups"),
             clEnumValN(::cinch::quantize::Recipe::NF4, "nf4", "Weights only, in groups"),
             clEnumValN(::cinch::quantize::Recipe::FP8, "fp8", "f8E4M3FN, static scales"),
             clEnumValN(::cinch::quantize::Recipe::MXFP8, "mxfp8", "f8E4M3FN on both sides, groups of 32 with a power of two"),
             clEnumValN(::cinch::quantize::Recipe::MXFP4, "mxfp4", "f4E2M1FN on both sides, groups of 32 with a power of two"))}]>,
    Option<"method", "method", "::cinch::quantize::Method", /*default=*/"::cinch::quantize::Method::MinMax",
           "How static ranges of activations are found", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::Method::MinMax, "minmax", "Extremes of all samples"),
             clEnumValN(::cinch::quantize::Method::Percentile, "percentile", "Holds 99.99 % of the numbers"),
             clEnumValN(::cinch::quantize::Method::Entropy, "entropy", "Least information lost"),
             clEnumValN(::cinch::quantize::Method::Mse, "mse", "Least squared error"),
             clEnumValN(::cinch::quantize::Method::MovingAverage, "moving-average", "Average extremes of the samples"))}]>,
    Option<"weightMethod", "weight-method", "::cinch::quantize::WeightMethod",
           /*default=*/"::cinch::quantize::WeightMethod::Rtn", "How scales of weights are found", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::WeightMethod::Rtn, "rtn", "Largest magnitude"),
             clEnumValN(::cinch::quantize::WeightMethod::Mse, "mse", "Least squared error"))}]>,
    Option<"granularity", "granularity", "::cinch::quantize::ActivationGranularity",
           /*default=*/"::cinch::quantize::ActivationGranularity::Default", "What shares a scale in activations", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::ActivationGranularity::Default, "default", "As the recipe says"),
             clEnumValN(::cinch::quantize::ActivationGranularity::Tensor, "tensor", "All elements"),
             clEnumValN(::cinch::quantize::ActivationGranularity::Token, "token", "A row of the last axis"),
             clEnumValN(::cinch::quantize::ActivationGranularity::Group, "group", "`group-size` elements of a row"),
             clEnumValN(::cinch::quantize::ActivationGranularity::Mixed, "mixed", "All elements for products, a channel for what else is stored"))}]>,
    Option<"weightScales", "weight-scales", "::cinch::quantize::WeightScales",
           /*default=*/"::cinch::quantize::WeightScales::Default", "What scales of weights are stored in", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::WeightScales::Default, "default", "As the recipe says"),
             clEnumValN(::cinch::quantize::WeightScales::F32, "f32", "32 bits"),
             clEnumValN(::cinch::quantize::WeightScales::F16, "f16", "16 bits"),
             clEnumValN(::cinch::quantize::WeightScales::E8M0, "f8E8M0FNU", "Powers of two in 8 bits"))}]>,
    Option<"tableBits", "table-bits", "int64_t", /*default=*/"0",
           "Bits of tables that are looked up: 4, 8, or 0 for 4 of large ones in recipes w4a16, w4a8, w3a16 and nf4, else 8">,
    Option<"groupSize", "group-size", "int64_t", /*default=*/"64", "Elements of a group, above 0; of mxfp8 and mxfp4 always 32">,
    Option<"isSymmetric", "symmetric", "bool", /*default=*/"true", "Static integers have no zero point">,
    Option<"keepEnds", "keep-ends", "bool", /*default=*/"false", "Leave the first and the last product as they are">,
    Option<"minElements", "min-elements", "int64_t", /*default=*/"1024", "Elements of the smallest weight to quantize">,
    Option<"readPlan", "read-plan", "std::string", /*default=*/"\"\"", "JSON file of the plan to take; empty: choose">,
    Option<"writePlan", "write-plan", "std::string", /*default=*/"\"\"", "JSON file to write the plan to; empty: none">,
    CalibrationOption, SelectOption, ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def RoundingOption : Option<"rounding", "method", "::cinch::quantize::RoundingMethod",
           /*default=*/"::cinch::quantize::RoundingMethod::Nearest", "How weights are rounded", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::RoundingMethod::Nearest, "nearest", "Each to the nearest number"),
             clEnumValN(::cinch::quantize::RoundingMethod::Gptq, "gptq", "So that outputs change least"))}]>;
def ActOrderOption : Option<"actOrder", "act-order", "bool", /*default=*/"true",
           "With gptq: inputs of largest second moment first; false: from the first to the last">;

def QuantizeWeightsPass : Pass<"quantize-weights", "::mlir::func::FuncOp"> {
  let summary = "Stores weights in few bits";
  let description = [{
    ```mlir
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes
    %q = graph.constant … : tensor<64x32xi8> {names = ["w/q"]}
    %s = graph.constant … : tensor<32xf32> {names = ["w/scale"]}
    %d = graph.dequantize %q scale %s {axis = 1 : i64, names = ["w/dq"]} : tensor<64x32xi8>, tensor<32xf32> -> tensor<64x32xf32>
    %y = graph.matmul %x by %d {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    ```
    Obeys `graph.quantization_plan` for the constant operands of matmul, conv and
    conv_transpose of f32, and for tables whose rows are looked up: i8, i4, i3, i2, f8E4M3FN, f8E5M2, f4E2M1FN or nf4, symmetric, with one
    scale for the tensor, per output channel, or for `group` elements in a row along the
    inputs (of the scales [K / group, N] of a matrix [K, N] the last row may have fewer).
    A scale is the largest magnitude over the largest number (minmax), or the one of least
    squared error of 100 shrunken ones (mse), stored as `scales` of the plan says: f32, at
    least 2^-126, which a channel of zeros has; f16, at least 2^-14 (a weight that would need
    a scale outside of f16's normal numbers keeps f32, which is a remark); f8E8M0FNU, the power of two of the
    largest magnitude over that of the largest number (minmax), or one of the four beside it (mse).
    Rounded to nearest, ties to even, saturating at both ends alike. Elements of
    less than a byte are packed, the first in the low bits; rows of i3 are whole bytes, which
    `graph.unpack` reads, and filters in i3 are refused. nf4 are codes of 4 bits and the
    `levels` of `graph.dequantize`.

    `method=gptq` rounds one input after the other and spreads the error of each over
    the weights that follow, so that the outputs change least, by the second moment of
    what matmuls multiply the weight by (`calibration`; the sum, if these are several
    values; that of a smoothed value follows from the one it was). Inputs of largest
    second moment are rounded first, with scales of the weights as they were; without
    `act-order` they are rounded from the first to the last, and a group has the scale of its
    weights as they are when its turn comes. Both have the same form, and cost the same when
    running. An output for which this errs more than rounding to nearest keeps that.
    Weights without a second moment, such as those of convolutions and tables that are looked
    up, are rounded to nearest.
    Only weights that a selected product reads are rounded.

    Which model statistics are to be of is remembered in `graph.calibrated_model`, as the
    weights change here. A plan with a name that the function lacks is a warning, with
    the nearest name. Refused, with the value: unsigned or asymmetric weights, methods other than minmax
    and mse, a weight that products read along different axes, one that cannot be read.

    Counts, in the attribute `graph.quantize_weights_report` of the function when `report`
    is set: quantized (weights), bytes_before, bytes_after (with scales), error_ppm (root
    of the squared errors over that of the squares of all quantized weights, in
    millionths), unselected, widened (weights whose scales are f32 instead); with gptq also compensated, unshown (weights), and
    output_ppm (root of the squared errors of the outputs of compensated weights over those
    of rounding to nearest).
    Source: Krishnamoorthi, "Quantizing deep convolutional networks for efficient
    inference", 2018, section 3.1; Dettmers et al., "QLoRA", 2023, appendix E (nf4); Rouhani
    et al., "OCP Microscaling Formats (MX) Specification", 1.0, 2023, section 6.3 (f8E8M0FNU); Frantar et al., "GPTQ", 2023, algorithm 1, and the order of
    activations and the fixed scales of its implementation; the search is that of Nagel et
    al., "A White Paper on Neural Network Quantization", 2021, equation 12.
  }];
  let options = [
    RoundingOption, ActOrderOption,
    Option<"keepOriginals", "keep-originals", "bool", /*default=*/"false",
           "Note what each weight was, for compensate-low-rank">,
    CalibrationOption, SelectOption, ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def QuantizeActivationsPass : Pass<"quantize-activations", "::mlir::func::FuncOp"> {
  let summary = "Rounds what products read to few bits";
  let description = [{
    ```mlir
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes, with a static scale
    %s = graph.constant dense<0.03> : tensor<f32> {names = ["x/scale"]}
    %q = graph.quantize %x scale %s {axis = 0 : i64, names = ["x/q"]} : tensor<8x64xf32>, tensor<f32> -> tensor<8x64xi8>
    %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["x/dq"]} : tensor<8x64xi8>, tensor<f32> -> tensor<8x64xf32>
    %y = graph.matmul %d by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    ```
    Obeys `graph.quantization_plan` for the inputs of the products whose weight is
    quantized (a dequantized constant: after `quantize-weights`). The value is quantized
    once, where it is computed, so that the rounding fuses with what computes it. Its other readers
    keep the float, which is stored only if there are any, or get what `others` of its plan
    says: the same codes where that is the same grid, else codes of their own, of static scales,
    one for the tensor or one for each channel. Returned values stay. Names: `x/q`, `x/dq`,
    `x/scale`, `x/zero` and parts of a dynamic scale; for others `x/stored_q` and so on.

    Static scales come from `calibration` by the method of the plan (minmax, percentile,
    entropy, mse, moving-average); symmetric: largest magnitude over largest number, else
    (high - low) / (max - min) and zero point round(min - low / scale), with a range that
    holds 0. Dynamic scales are symmetric and computed from the value itself: the largest
    magnitude of the tensor, of each row of the last axis, or of each group of it, over
    the largest number. No scale is below 2^-126, so that rows of zeros stay zeros. The
    operation rounds to nearest, ties to even, and saturates. `scales` of f8E8M0FNU, dynamic
    only, are the power of two of the largest magnitude over that of the largest number. A
    result of softmax in `log2` is stored as q = round(-log2 p) in 4 bits, for all products
    that read it, and stands for 2^-q; q = 15, all that is below 2^-14.5, for 0, so that what
    a mask leaves out stays out. It has no scale.

    Refused, with the value: a static scale without statistics, or of a model that these
    are not of; a static scale per token or group; formats of weights only (i3, nf4); log2 of
    other values than softmax makes; scales in f16, which may have no number for what is computed, and static ones other than f32; scales per channel that are dynamic, of another method than minmax, or of
    a value that no kernel leaves in memory; an asymmetric one that is dynamic or of floats; groups that do
    not divide the last axis. A plan with a name that the function lacks is a warning,
    with the nearest name. Applying the pass again changes nothing.

    Counts, in the attribute `graph.quantize_activations_report` of the function when
    `report` is set: static, dynamic (values), products, others (that read them), bits_before,
    bits_after (of an element, summed over the values), left (values of the plan that nothing
    reads that it is for).
    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2018, section 2.1; one scale for products and others for
    what reads no product: Xi et al., "COAT", 2025, section 4, with channels for its groups;
    methods as in Wu et al., "Integer Quantization for Deep Learning Inference", 2020, section
    3.3, and Migacz, "8-bit Inference with TensorRT", 2017, where a histogram of 4096 bins
    stands for the numbers; log2: Ryu et al., "DGQ", 2025; ours is that its last code is 0.
  }];
  let options = [
    Option<"percentile", "percentile", "double", /*default=*/"99.99",
           "Numbers that the range of method percentile holds, in %, above 50 to 100">,
    CalibrationOption, ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def AllocateBitsPass : Pass<"allocate-bits", "::mlir::func::FuncOp"> {
  let summary = "Spends bits on the weights that lose most without them";
  let description = [{
    ```mlir
    func.func @main(…) attributes {graph.quantization_plan = {
      v = {format = "i4", granularity = "group", group = 64, …}, w = {format = "i4", granularity = "group", group = 64, …}}}
    // becomes, with average-bits=4.5
    func.func @main(…) attributes {graph.quantization_plan = {
      v = {format = "i2", granularity = "group", group = 64, …}, w = {format = "i8", granularity = "group", group = 64, …}}}
    ```
    Chooses one of `formats` for every weight that the plan chooses and matmuls read,
    so that the sum of their losses is least and their bytes (codes and scales) are at
    most `budget-bytes`, or `average-bits` per element; or the fewest bytes whose error is at most
    `max-error-ppm`. What shares a scale, and how scales are found, stays as the plan
    says.

    The loss of a format is measured, product by product: the weight W is rounded, by
    `method` as `quantize-weights` would, and what the outputs then lack is
    tr(dW^T H dW), for the error dW and the second moment H = X^T X of what samples
    show (`calibration`). `loss=relative` divides it by tr(W^T H W), so that a product whose
    outputs are large counts no more than others; `absolute` does not. Losses of products
    are taken to be independent. The error in millionths is the root of the mean of the
    relative losses.

    The choice is exact (see `passes/Common/Knapsack.h`) as long as the report has the
    same `error_bound_ppm`, which no choice within the budget is below, as `error_ppm`.
    `uniform` takes one format for all. The same options choose the same again, so
    that applying the pass twice changes nothing. `write-plan` writes the plan as JSON.

    Left as the plan has them, by reason: unplanned (the plan leaves the weight), unshown
    (no second moment of the input, as of convolutions), unselected. Refused: a budget below the
    smallest formats, an error that the largest ones exceed, more or less than one of the
    three bounds.
    Counts, in the attribute `graph.allocate_bits_report` of the function when `report` is
    set: weights (chosen for), changed, those left, bytes, millibits (thousandths of a bit per
    element, with scales), the number of weights in each format, and, of relative losses,
    error_ppm and error_bound_ppm.
    Source: the choice within a budget is that of Yao et al., "HAWQ-V3", 2021; the
    loss is the objective of Frantar et al., "GPTQ", 2023, equation 1, in place of a Hessian of
    the loss of training.
  }];
  let options = [
    Option<"budgetBytes", "budget-bytes", "int64_t", /*default=*/"0", "Bytes of the weights with scales, above 0; 0: not this bound">,
    Option<"averageBits", "average-bits", "double", /*default=*/"0", "Bits per element with scales, above 0; 0: not this bound">,
    Option<"maxErrorPpm", "max-error-ppm", "int64_t", /*default=*/"0",
           "Root of the mean relative loss, in millionths, above 0; 0: not this bound">,
    ListOption<"formats", "formats", "std::string", "Formats to choose from, such as i2,i4,i8 (the default)">,
    Option<"isUniform", "uniform", "bool", /*default=*/"false", "One format for all">,
    Option<"loss", "loss", "::cinch::quantize::BitsLoss", /*default=*/"::cinch::quantize::BitsLoss::Relative",
           "What is added up", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::BitsLoss::Relative, "relative", "Squared errors over the squares of outputs"),
             clEnumValN(::cinch::quantize::BitsLoss::Absolute, "absolute", "Squared errors of outputs"))}]>,
    RoundingOption, ActOrderOption,
    Option<"writePlan", "write-plan", "std::string", /*default=*/"\"\"", "JSON file to write the plan to; empty: none">,
    CalibrationOption, SelectOption, ReportOption,
  ];
}

#endif // CINCH_PASSES_QUANTIZE_PLANPASSES
