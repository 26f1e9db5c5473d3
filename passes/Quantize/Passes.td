//===- Passes.td - values in few bits ----------------------*- tablegen -*-===//
#ifndef CINCH_PASSES_QUANTIZE_PASSES
#define CINCH_PASSES_QUANTIZE_PASSES

include "mlir/Pass/PassBase.td"

def FormIntegerProductsPass : Pass<"form-integer-products", "::mlir::func::FuncOp"> {
  let summary = "Multiplies quantized values as integers";
  let description = [{
    ```mlir
    %a = graph.dequantize %x scale %s {names = ["x/dq"], …} : tensor<8x64xi8>, tensor<f32> -> tensor<8x64xf32>
    %b = graph.dequantize %w scale %t {names = ["w/dq"], axis = 1 : i64} : tensor<64x32xi8>, tensor<32xf32> -> tensor<64x32xf32>
    %y = graph.matmul %a by %b {names = ["y"]} : tensor<8x64xf32> by tensor<64x32xf32> -> tensor<8x32xf32>
    // becomes
    %p = graph.matmul %x by %w {names = ["y/integers"]} : tensor<8x64xi8> by tensor<64x32xi8> -> tensor<8x32xi32>
    %r = graph.cast %p {names = ["y/real"]} : tensor<8x32xi32> -> tensor<8x32xf32>
    %u = graph.mul %r, %s {names = ["y/scaled"]} : tensor<8x32xf32>, tensor<f32> -> tensor<8x32xf32>
    %y = graph.mul %u, %t {names = ["y"]} : tensor<8x32xf32>, tensor<32xf32> -> tensor<8x32xf32>
    ```
    Takes part: a matmul or conv of two values of i8 or ui8 that are dequantized to f32
    (of linear scales that do not change along what is summed: one for the tensor, one for
    each row of the left or column of the right operand, one for each filter), or that
    are integers cast to i32, less a zero point (as ONNX's integer operators are
    imported). Sums of the integers are exact in i32, so the result is that of the
    literal graph but for the rounding of f32.

    Zero points: (x - a)(w - b) summed over K is xw - a sum(w) - b sum(x) + K a b. A
    constant w takes its zero point in, if the differences are 8-bit; unsigned weights
    become signed ones. What is left of the correction is computed as far as it is
    constant. The input of a conv has one zero point, which pads it explicitly
    (`graph.pad`); a filter must take its own in.

    Left as they are, by reason: unquantized (an operand is neither), scales (change
    along the sum, or of another type), zeros (of a shape or place that has no
    correction), overflow (dequantized operands whose sums i32 may not hold), groups
    (dequantized operands of a conv of several groups, whose few channels f32 sums
    faster), unselected.
    Counts, in the attribute `graph.form_integer_products_report` of the function when
    `report` is set: formed, and the reasons. The result keeps its name; others are
    `y/integers`, `y/real`, `y/scaled` and parts of the correction. Applying the pass
    again changes nothing.
    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2018, equations 4 to 8; we multiply by the scales
    in f32.
  }];
  let options = [
    Option<"select", "select", "std::string", /*default=*/"\"\"",
           "Operations to change (passes/Common/Selector.h); empty: all">,
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

include "passes/Quantize/LowRankPasses.td"
include "passes/Quantize/PlanPasses.td"
include "passes/Quantize/MappingPasses.td"

#endif // CINCH_PASSES_QUANTIZE_PASSES
