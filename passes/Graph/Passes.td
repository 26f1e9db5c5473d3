//===- Passes.td - rewrites of the graph --------------------*- tablegen -*-===//
#ifndef CINCH_PASSES_GRAPH_PASSES
#define CINCH_PASSES_GRAPH_PASSES

include "mlir/Pass/PassBase.td"

def GraphSimplifyPass : Pass<"graph-simplify", "::mlir::func::FuncOp"> {
  let summary = "Resolves shape arithmetic and removes what computes nothing";
  let description = [{
    ```mlir
    %s = graph.shape %x from 1 to 2 {names = ["s"]} : tensor<?x384xf32> -> tensor<1xi64>
    %d = graph.mul %s, %c2 {names = ["d"]} : tensor<1xi64>, tensor<1xi64> -> tensor<1xi64>
    // becomes
    %d = graph.constant dense<768> : tensor<1xi64> {names = ["d"]}
    ```
    - Integer and bool values whose contents the shape analysis knows become
      constants; an `scf.if` of a known condition becomes its branch.
    - Dimensions that the analysis knows replace `?` in types.
    - Equal operations become one (also constants); operations that return their
      operand (a reshape to the same shape, a cast to the same type, a transpose that
      moves no axis, ...) disappear; a transpose of a transpose and a reshape of a
      reshape become one; values that nobody uses are removed.

    Values keep their names. Where an operation disappears whose result the function
    returns, its producer takes the name over if it has no role of its own, else the
    operation stays. Refused: what `SymbolicShapeAnalysis` refuses.
    Counts, in the attribute `graph.simplify_report` of the function when `report` is set:
    folded (to constants), refined (types), merged (equal operations), bypassed
    (identities), removed (unused).
  }];
  let options = [
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect", "::mlir::arith::ArithDialect"];
}

def SinkTransposesPass : Pass<"sink-transposes", "::mlir::func::FuncOp"> {
  let summary = "Moves transposes through other operations until they meet";
  let description = [{
    ```mlir
    %a = graph.transpose %x by [0, 2, 3, 1] {names = ["a"]} : tensor<1x8x5x5xf32> -> tensor<1x5x5x8xf32>
    %r = graph.relu %a {names = ["r"]} : tensor<1x5x5x8xf32> -> tensor<1x5x5x8xf32>
    %t = graph.transpose %r by [0, 3, 1, 2] {names = ["t"]} : tensor<1x5x5x8xf32> -> tensor<1x8x5x5xf32>
    // becomes
    %t = graph.relu %x {names = ["r/transposed"]} : tensor<1x8x5x5xf32> -> tensor<1x8x5x5xf32>
    ```
    Element-wise operations, reductions, softmax, concatenations, slices, pads and
    quantizations of one axis compute with permuted axes where that saves transposes.
    For every permutation of a transpose, the operations of a block are divided into
    those that do and those that do not by a minimum cut: the cost is that of the
    transposes between the two, in front of and behind them, by elements (an unknown
    dimension counts 64): 4 for each, 1 where only axes of size 1 move, nothing in front
    of a product. A reduction that leaves the innermost axes, and a concatenation that
    leaves the outermost one, cost 4. Operands of lower rank get leading axes; constants
    of at most 64 KiB or with one use cost nothing, as `fold-constants` computes their
    transposes. What drops axes (a squeeze, a reduction) takes any order that keeps the
    others sorted.

    A value that is now computed permuted is named `v/transposed`, or as the output that
    it is; a value that is also needed as it was is its transpose and keeps its name. Left
    as they are: transposes of which moving saves nothing. Not part of the reference pipeline.

    Counts, in the attribute `graph.sink_transposes_report` of the function when `report`
    is set: transposes (of what is not constant, before), left (after), moved
    (operations that compute permuted).
  }];
  let options = [
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def FoldConstantsPass : Pass<"fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Computes what depends on constants only";
  let description = [{
    ```mlir
    %t = graph.transpose %w by [1, 0] {names = ["t"]} : tensor<768x3072xf32> -> tensor<3072x768xf32>
    // becomes
    %t = graph.constant #graph.weight<"<computed:0>", 0, 9437184, 0> {names = ["t"]} : tensor<3072x768xf32>
    ```
    A reshape of a constant (also squeeze, unsqueeze, flatten) is a constant on the same
    bytes, if nothing else uses them or they are at most 64 KiB. Everything else that
    has constant operands only is compiled as one program by the reference pipeline and
    run once, here, so the bits are those of a reference run. What other operations or
    the function use of it becomes constants with the same names.

    A value is stored if it takes at most 64 KiB, or at most `max-growth-percent` of the
    constants that it makes unneeded, and not more than `max-bytes`; otherwise the
    operation stays and its operands are looked at. So a broadcast of a scalar and the
    transpose of a weight that is also used as it is stay code. Kept as well:
    dequantizations, as a weight is stored in few bits on purpose, elements of less than
    a byte and 8-bit floats, and everything, with a remark, if the program cannot be
    compiled or its run fails (an index out of range). Without an evaluator in the
    context only reshapes are folded.

    Counts, in the attribute `graph.fold_constants_report` of the function when `report`
    is set: viewed (reshapes), evaluated (operations), stored (values), kept (operations
    with constant operands that stay).
  }];
  let options = [
    Option<"maxBytes", "max-bytes", "int64_t", /*default=*/"268435456",
           "Largest value to store, in bytes">,
    Option<"maxGrowthPercent", "max-growth-percent", "int64_t", /*default=*/"100",
           "Bytes stored for 100 bytes of constants that are needed no more, at least 0">,
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def FoldBatchNormPass : Pass<"fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "Moves scales and shifts of channels into constant weights";
  let description = [{
    ```mlir
    %c = graph.conv %x by %w {…} : tensor<1x3x8x8xf32> by tensor<4x3x3x3xf32> -> tensor<1x4x8x8xf32>
    %y = graph.batch_norm %c scale %s bias %b mean %m variance %v {…} : …
    // becomes, with %f = %w * s / sqrt(v + epsilon) and %t = b - m * s / sqrt(v + epsilon)
    %c = graph.conv %x by %f {…} : tensor<1x3x8x8xf32> by tensor<4x3x3x3xf32> -> tensor<1x4x8x8xf32>
    %y = graph.add %c, %t : tensor<1x4x8x8xf32>, tensor<4x1x1xf32> -> tensor<1x4x8x8xf32>
    ```
    A batch norm, and every addition, subtraction, multiplication and division with
    one constant per channel or for all, is taken into a convolution, transposed
    convolution or matmul of f32 with constant weights, behind it and in front of it, if
    nothing else uses what is between. In front of an operator that pads with zeros, and
    of a transposed convolution, only what has no shift. Computed in double, rounded once.

    Weights that other operations use as they are, or folded with other factors, are
    copied if the copies of one take at most 64 KiB, and left alone otherwise; so are
    weights of one repeated value, which take no bytes as they are. A batch norm that
    stays becomes one factor and one term per channel (`y/scaled`, `y`). Left as they
    are: batch norms of other element types or with parameters that are not constant,
    and results that are not finite in f32.

    The last value of a chain keeps its name; before the addition it is `y/linear`, the
    new constants are `y/filter` and `y/shift`. Counts of batch norms, in the attribute
    `graph.fold_batch_norm_report` of the function when `report` is set: folded (into
    weights), scaled (to a factor and a term), kept.
    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2018, equation 14.
  }];
  let options = [
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def ExpandRecurrentPass : Pass<"expand-recurrent", "::mlir::func::FuncOp"> {
  let summary = "Turns recurrent operations into loops over time";
  let description = [{
    ```mlir
    %y, %h = graph.rnn %x, %w, %r {…} : (tensor<8x2x3xf32>, …) -> (tensor<8x1x2x4xf32>, tensor<1x2x4xf32>)
    // becomes, with the input projected for all steps at once
    %p = graph.matmul %x by %w0 transposed : … -> tensor<8x2x4xf32>
    %all, %last = scf.for %i = %c0 to %c8 step %c1 iter_args(%y = %zeros, %h = %h0) {
      %row = graph.step_get %p at %i {axis = 0} : tensor<8x2x4xf32> -> tensor<2x4xf32>
      %rec = graph.matmul %h by %r0 transposed : … -> tensor<2x4xf32>
      %sum = graph.add %row, %rec : … -> tensor<2x4xf32>
      %next = graph.tanh %sum : tensor<2x4xf32> -> tensor<2x4xf32>
      %y1 = graph.step_set %next into %y at %i {axis = 0} : tensor<2x4xf32> into tensor<8x2x4xf32>
      scf.yield %y1, %next
    }
    ```
    A reverse direction counts its steps from the end; two directions are two loops
    whose results are joined. With `lengths`, a row keeps its state and gives zeros
    beyond its length; its reverse direction starts at its own last step.
    Afterwards no lstm, gru or rnn is left. Names of inner values derive from the
    results' names (`y/step`). Refused: activations other than sigmoid, tanh, relu,
    softsign and softplus, reported with the operation.
    Source: ONNX operator specification, LSTM, GRU and RNN of opset 22.
  }];
  let dependentDialects = ["::cinch::graph::GraphDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def ExpandConvTransposePass : Pass<"expand-conv-transpose", "::mlir::func::FuncOp"> {
  let summary = "Turns strided transposed convolutions into convolutions";
  let description = [{
    ```mlir
    %y = graph.conv_transpose %x by %w {strides = [2, 2], …} : tensor<1x8x5x7xf32> by tensor<8x3x2x2xf32> -> tensor<1x3x10x14xf32>
    // becomes
    %p = graph.conv %x by %w1 {strides = [1, 1], …} : tensor<1x8x5x7xf32> by tensor<12x8x1x1xf32> -> tensor<1x12x5x7xf32>
    %y = graph.depth_to_space %p {block = 2, column_row} : tensor<1x12x5x7xf32> -> tensor<1x3x10x14xf32>
    ```
    One convolution computes all stride * stride phases of the output; its filter is
    rearranged now. Where the kernel is not a multiple of the stride, or padding cuts the
    output, the filter gets zeros and a slice follows. Left as they are: one spatial
    dimension or three, groups, dilation, other strides than s x s with s > 1, other elements
    than f32, filters that are not constant.
    Source: Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016.
  }];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def FormStatePass : Pass<"form-state", "::mlir::func::FuncOp"> {
  let summary = "Finds the inputs that an output continues with new rows";
  let description = [{
    ```mlir
    func.func @main(%past: tensor<?x4x?x32xf32> {…}, …) -> (tensor<?x4x?x32xf32> {…}) attributes {graph.entry} {
      %present = graph.concat %past, %new along 2 : …
    // gets the attribute
    graph.states = [{axis = 2, input = 0, output = 0}, …]
    ```
    A pair is an output that is a concatenation whose first operand is an input that
    nothing else uses; the number of its rows must not be fixed. With `pairs`, exactly
    these are taken, marked `named`, and one that is no such pair is an error.
    `bind-state` decides what the program can do with them. Changes no operation.
    Counts: `graph.state_report` = found, left (concatenations of an input that are no
    pair).
  }];
  let options = [
    ListOption<"pairs", "pairs", "std::string",
               "Pairs past=present to take; empty: all that are found">,
  ];
}

def VerifyNamesPass : Pass<"verify-names", "::mlir::func::FuncOp"> {
  let summary = "Fails unless every value has a unique name";
  let description = [{
    Every result of a graph or exec operation has an entry in the `names` attribute of
    its operation, a string that is not empty and that no other value and no
    argument (`graph.name`) of the function has. Changes nothing.
  }];
}

def AnnotateShapesPass : Pass<"annotate-shapes", "::mlir::func::FuncOp"> {
  let summary = "Writes what the shape analysis knows into the function";
  let description = [{
    ```mlir
    %r = graph.reshape %x to %s {graph.shapes = [["batch", 12]]} : …
    ```
    Every operation with tensor results gets `graph.shapes`, the dims of each, and
    where contents are known, `graph.contents`, a list per result. The function gets
    `graph.requirements`, expressions that must be 0, with what they mean. For tests and
    for a look at a model; nothing reads the attributes.
  }];
}

#endif // CINCH_PASSES_GRAPH_PASSES
