//===- Passes.td - from graph to exec ---------------------*- tablegen -*-===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_PASSES
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_PASSES

include "mlir/Pass/PassBase.td"

def FormKernelsPass : Pass<"form-kernels", "::mlir::ModuleOp"> {
  let summary = "Groups graph operations into kernels and writes the exec program";
  let description = [{
    ```mlir
    %1 = graph.matmul %x by %w : …
    %2 = graph.add %1, %bias : …
    %3 = graph.relu %2 : …
    // becomes
    %w = exec.weight …
    %3 = exec.kernel @matmul_add_relu(%x, %w, %bias) {dims = [["batch", 64]], …} : …
    func.func private @matmul_add_relu(…) attributes {exec.kernel_body,
        exec.kind = "contraction", exec.ops = ["matmul", "add", "relu"]}
    ```
    Each call has `exec.flops` and `exec.values`, the names that the fused operations'
    results had, in the order of `exec.ops`. A call that only takes rows of images
    [N, C, H, W] has `exec.first_row`, one that only joins them `exec.joins_rows`.
    A group grows from its root to the operations that produce its operands: one
    joins if all its uses are in the group and computing it at the point of use
    costs no more than storing it. The bodies hold `linalg` on tensors, one or few
    operations per graph operation. `exec.kind` says how a body may be lowered:

    - `generic`: a tree of generics that are computed element by element at their
      use, and reductions whose results are used once per row (softmax, layer
      normalization) or returned.
    - `contraction`: a matmul or convolution, and what follows it element by element.
    - `attention`: two matmuls with a softmax along the scores between them, scale
      and mask in front of it, and what follows element by element.
    - `loops`: destinations updated by loops in order (scatter, top_k, cum_sum).

    Reshapes become `exec.view`, outermost concatenations `exec.assemble`, constants
    `exec.weight` (splats become scalars inside bodies), shape arithmetic disappears
    or becomes `exec.shape` where data is read from it. Element types lose their
    sign; arguments and results of functions keep it as `graph.element_type`.
    Equal bodies are made once.

    What only the data decides (an index out of range) is a `cf.assert` in the body,
    numbered by `exec.fault`; `faults` of the call holds the messages. Bodies stay
    safe without it: they clamp.

    Requires inferable shapes. Afterwards no graph operation is left. What cannot
    be lowered is reported at once, one error per operation, each beginning with
    `unsupported: `.

    In a function with `graph.rounds_at_store` the conversions of floats have the
    fast-math flag `contract`, but for casts with `graph.rounds`: whoever computes the
    body may leave out a narrowing and the widening behind it.

    With `fuse=false` every operation is a kernel of its own, nothing is in place.
  }];
  let options = [
    Option<"fuse", "fuse", "bool", /*default=*/"true",
           "Group operations; false gives the reference form, one kernel each">,
  ];
  let dependentDialects = [
    "::cinch::exec::ExecDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def BindStatePass : Pass<"bind-state", "::mlir::ModuleOp"> {
  let summary = "Lets an output be written over the input that it continues";
  let description = [{
    For every pair that `form-state` found (`graph.states` of the entry): past and
    present may be bound to one buffer with room for more rows, and then only the new
    rows are written. Kernels that touch either take the number of rows that the buffer
    has room for, and the one that writes present takes the first row to write.
    ```mlir
    func.func private @k(%new: tensor<?x?x4x32xf32>, %past: tensor<?x4x?x32xf32>, %out: tensor<?x4x?x32xf32>) -> …
        attributes {exec.kernel_body, exec.append = 1, exec.rows = array<i64: -1, 2, 2>, …}
    ```
    `exec.rows` names, per argument, the axis of the rows, or -1; `exec.append` is the
    argument that the result continues. Where the rows are the outermost dimension that
    is not 1, present is an `exec.assemble`, nothing has gaps, and no kernel changes.

    A pair is left as it is, or refused if it was named, unless
    - past is read by one operation only: the kernel that makes present and nothing else,
      all of whose loops write it element by element, or the `exec.assemble`;
    - present is read by kernels (through views that keep its rows) whose addresses come
      from indices.

    Requires an exec program without places. Afterwards the module has `exec.states`
    (input, output, axis). Counts: `exec.state_report` = bound, left.
  }];
}

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_PASSES
