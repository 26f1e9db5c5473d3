//===- Passes.td - precision of values ---------------------*- tablegen -*-===//
#ifndef CINCH_PASSES_PRECISION_PASSES
#define CINCH_PASSES_PRECISION_PASSES

include "mlir/Pass/PassBase.td"

def ConvertPrecisionPass : Pass<"convert-precision", "::mlir::func::FuncOp"> {
  let summary = "Stores f32 values and weights in 16 bits";
  let description = [{
    ```mlir
    %y = graph.matmul %x by %w {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    %e = graph.exp %y {names = ["e"]} : tensor<8x32xf32> -> tensor<8x32xf32>
    // becomes, with %v = %w rounded
    %h = graph.cast %x {names = ["x/f16"]} : tensor<8x64xf32> -> tensor<8x64xf16>
    %y = graph.matmul %h by %v {names = ["y"]} : tensor<8x64xf16> by tensor<64x32xf16> -> tensor<8x32xf16>
    %s = graph.cast %y {names = ["y/f32"]} : tensor<8x32xf16> -> tensor<8x32xf32>
    %e = graph.exp %s {names = ["e"]} : tensor<8x32xf32> -> tensor<8x32xf32>
    ```
    Every operation computes its sums and functions in f32 whatever the types are
    (`form-kernels`). The attribute `graph.rounds_at_store` of the function says that
    inside a kernel its result stays f32: only what a kernel stores is rounded, and
    what casts of the model, which get `graph.rounds`, give. Per operation, in program
    order:

    - matmul, conv, conv_transpose, einsum: operands and result are 16-bit.
    - exp, log, pow, reciprocal, tan, sinh, cosh, x * x, reduce_sum, reduce_prod,
      cum_sum: f32, and what is computed from such values alone: squares, variances
      and sums leave the range of f16 (6e-8 to 65504), small ones vanish.
    - casts from integers and bools, range: f32, and what is computed from them alone:
      positions and counts need more than 11 bits, masks more than 65504.
    - softmax, log_softmax, sin, cos, grid_sample: f32 inside, the result is 16-bit; so
      are element-wise operations that have 16-bit and f32 operands, or a constant that
      would become 0. Element-wise operations that only a softmax reads are f32.
    - everything else: 16-bit where an operand is.

    With f16, a value whose largest magnitude by `graph.magnitudes` of the function
    ({name = 64-bit float}; `cinch-compile` writes it, as samples show it) is above
    65504/4, or below 2^-14 and not 0, is f32, and so is the operation that computes it;
    what reads it computes in f32 and rounds its result. So does a product that reads a
    constant whose largest magnitude is above 65504 or below 2^-14.

    A product whose name is in `graph.wide_products` of the function ([names]; for an
    error goal, `cinch-compile` writes it) computes in f32, and so does what computes its
    operands, and the results of the function, from the results of other products, and
    those of these that are not fused with an element-wise reader. What reads such a
    value in 16 bits rounds it.

    Left in f32: arguments and results of the function and of control flow (a cast at
    the edge), quantize, dequantize and the products of dequantized values, lstm, gru
    and rnn, the concatenation of an argument that is a result (a state) and products
    that read it, and what `select` leaves out. Integers and other float types stay.

    Any other constant of f32 that is read as 16 bits is rounded to nearest even; finite
    elements beyond the range become the largest finite value of their sign. Large
    ones go to a temporary file, one at a time. Values keep their names; casts are
    `v/f16`, `v/bf16` and `v/f32`, and a result of the function stays `v`. Applying the
    pass again changes nothing.

    Counts, in the attribute `graph.convert_precision_report` of the function when
    `report` is set: converted (operations), clamped (constant elements), left in f32 by
    reason: counts, goal, out_of_range, quantized, range, recurrent, state, unselected
    (operations);
    weight_bytes_before and _after, value_bytes_before and _after (of results of
    operations but casts of floats; an unknown dimension counts 64). The attribute
    `graph.precision_kept` has the reason for every value that was left in f32, by name.
    Source: Micikevicius et al., "Mixed Precision Training", 2018, section 3; the rules
    per operator are ours.
  }];
  let options = [
    Option<"type", "type", "::cinch::precision::Type16",
           /*default=*/"::cinch::precision::Type16::f16", "16-bit type", [{::llvm::cl::values(
             clEnumValN(::cinch::precision::Type16::f16, "f16", "11 bits, up to 65504"),
             clEnumValN(::cinch::precision::Type16::bf16, "bf16", "8 bits, the range of f32"))}]>,
    Option<"select", "select", "std::string", /*default=*/"\"\"",
           "Operations to convert: kind, kind:regex, :regex, #layer or #first..last (products in program order, from 0), separated by `;`; empty: all">,
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

#endif // CINCH_PASSES_PRECISION_PASSES
