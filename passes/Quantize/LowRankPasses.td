//===- LowRankPasses.td - branches beside few bits ---------*- tablegen -*-===//
#ifndef CINCH_PASSES_QUANTIZE_LOWRANKPASSES
#define CINCH_PASSES_QUANTIZE_LOWRANKPASSES

include "mlir/Pass/PassBase.td"
include "passes/Quantize/PlanPasses.td"

def BranchPrecisionOption : Option<"precision", "precision", "::cinch::quantize::BranchPrecision",
           /*default=*/"::cinch::quantize::BranchPrecision::F16", "Type that the factors are stored in", [{::llvm::cl::values(
             clEnumValN(::cinch::quantize::BranchPrecision::F32, "f32", "32 bits"),
             clEnumValN(::cinch::quantize::BranchPrecision::F16, "f16", "16 bits"),
             clEnumValN(::cinch::quantize::BranchPrecision::BF16, "bf16", "16 bits, of the range of f32"))}]>;

def AddLowRankBranchPass : Pass<"add-low-rank-branch", "::mlir::func::FuncOp"> {
  let summary = "Moves what few bits lose into two thin matrices";
  let description = [{
    ```mlir
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes, with %w = %r + %l * %u and a rank of 4
    %d = graph.matmul %x by %l {names = ["w/down"]} : tensor<8x64xf32> by tensor<64x4xf32> -> tensor<8x4xf32>
    %b = graph.matmul %d by %u {names = ["y/branch"]} : tensor<8x4xf32> by tensor<4x32xf32> -> tensor<8x32xf32>
    %q = graph.matmul %x by %r {names = ["y/residual"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    %y = graph.add %q, %b {names = ["y"]} : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x32xf32>
    ```
    For every matmul whose weight `graph.quantization_plan` chooses: the weight becomes
    `w/residual`, whose entry in the plan is that of `w`, and `quantize-weights` then
    rounds it; the branch is not quantized. The factors `w/left` and `w/right` are
    stored in `precision` and cast to f32, and the residual makes up for their rounding.
    Products that read one value share the first factor, if `share`: their weights are
    taken side by side, so that the branch costs one small product more.

    The first branch has the largest singular values of the weight; each round takes
    those of what the rounded residual leaves, until a round is worse than the one
    before, and the best one is kept. A round is as good as its error of the outputs, by
    the second moment of `calibration`, or, where no sample shows the value, its error of
    the weights. Singular values are approximated from random signs of a fixed seed.

    Left as they are, by reason: unplanned (the plan leaves the weight), shared (others
    read the weight, too), small (the factors would have no fewer elements than the
    weight), other (products that are no matmul), useless (no branch lowers the error),
    branched (before), unselected. Refused, with the weight: one that is not finite, and factors
    beyond the range of `precision`.
    Counts, in the attribute `graph.add_low_rank_branch_report` of the function when
    `report` is set: branches, products, those left, bytes (of the factors), error_ppm
    and error_before_ppm (root of the errors with and without branches over that of the outputs or
    weights, in millionths).
    Source: Li et al., "SVDQuant", 2025, section 4.2, and the iterations of its
    implementation; Halko et al., "Finding Structure with Randomness", 2011, algorithm
    4.4. Where the source shares a factor among q, k and v, ours follows from the graph.
  }];
  let options = [
    Option<"rank", "rank", "int64_t", /*default=*/"32", "Columns of the first factor, above 0">,
    Option<"maxRounds", "max-rounds", "int64_t", /*default=*/"100", "Rounds at most, above 0">,
    Option<"share", "share", "bool", /*default=*/"true", "Products of one value share the first factor">,
    BranchPrecisionOption, CalibrationOption, SelectOption, ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def CompensateLowRankPass : Pass<"compensate-low-rank", "::mlir::func::FuncOp"> {
  let summary = "Adds a low-rank correction of rounded weights";
  let description = [{
    ```mlir
    %q = graph.constant … : tensor<64x32xi4> {graph.original = …, names = ["w/q"]}
    %w = graph.dequantize %q scale %s {names = ["w/dq"], …} : tensor<64x32xi4>, tensor<1x32xf32> -> tensor<64x32xf32>
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes, with a rank of 4
    %d = graph.matmul %x by %l {names = ["w/down"]} : tensor<8x64xf32> by tensor<64x4xf32> -> tensor<8x4xf32>
    %r = graph.matmul %x by %w {names = ["y/rounded"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    %b = graph.matmul %d by %u {names = ["y/branch"]} : tensor<8x4xf32> by tensor<4x32xf32> -> tensor<8x32xf32>
    %y = graph.add %r, %b {names = ["y"]} : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x32xf32>
    ```
    For every matmul whose weight `quantize-weights{keep-originals}` rounded: %l %u is
    the product of `rank` columns nearest to what rounding took from the weight, as the
    outputs see it, by the second moment of `calibration`, or, where that is unknown, by the
    errors of the weights. Unlike `add-low-rank-branch` it leaves the rounded weight as
    it is, so that it works with every method of rounding. The factors are stored
    in `precision`; products that read one value share the first, if `share`. A
    rank of 0 changes nothing. Before `quantize-activations`, so that the branch reads the
    floats. The originals are forgotten, so applying the pass again changes nothing.

    Left as they are, by reason: unknown (the original was not kept), small (the factors
    would have no fewer elements than the weight), other (products that are no matmul),
    useless (the stored factors lower no error), unselected. Refused, with the weight: one that
    is not finite, factors beyond the range of `precision`, a second moment that is none.
    Counts, in the attribute `graph.compensate_low_rank_report` of the function when
    `report` is set: branches, products, those left, unshown (products without a second
    moment), bytes (of the factors), error_ppm and error_before_ppm (root of the errors with
    and without corrections over that of the outputs or weights, in millionths).
    Source: Liu et al., "EoRA", 2024, algorithm 1, with a Cholesky factor in place of
    eigenvectors where the second moment has one; the randomized method of Halko et al.,
    2011, algorithm 4.4, for singular values.
  }];
  let options = [
    Option<"rank", "rank", "int64_t", /*default=*/"32", "Columns of the first factor, at least 0">,
    Option<"share", "share", "bool", /*default=*/"true", "Products of one value share the first factor">,
    BranchPrecisionOption, CalibrationOption, SelectOption, ReportOption,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

#endif // CINCH_PASSES_QUANTIZE_LOWRANKPASSES
