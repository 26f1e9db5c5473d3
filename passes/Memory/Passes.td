//===- Passes.td - order, places and budget of a program ----*- tablegen -*-===//
#ifndef CINCH_PASSES_MEMORY_PASSES
#define CINCH_PASSES_MEMORY_PASSES

include "mlir/Pass/PassBase.td"

def StreamRowsPass : Pass<"stream-rows", "::mlir::func::FuncOp"> {
  let summary = "Computes convolutions and pooling in bands of rows";
  let description = [{
    ```mlir
    %c = graph.conv %x by %w {…} : tensor<1x3x32x32xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x32x32xf32>
    %p = graph.max_pool %c {…} : tensor<1x8x32x32xf32> -> tensor<1x8x16x16xf32>
    // becomes, for 2 bands of a 3x3 convolution and a 2x2 pooling
    %x0 = graph.slice %x from %b0 to %e0 {axes = [2], …} : … -> tensor<1x3x17x32xf32>
    %c0 = graph.conv %x0 by %w {pads = [1, 1, 0, 1], …} : … -> tensor<1x8x16x32xf32>
    %p0 = graph.max_pool %c0 {…} : tensor<1x8x16x32xf32> -> tensor<1x8x8x16xf32>
    %x1 = graph.slice %x from %b1 to %e1 {axes = [2], …} : … -> tensor<1x3x17x32xf32>
    %c1 = graph.conv %x1 by %w {pads = [0, 1, 1, 1], …} : … -> tensor<1x8x16x32xf32>
    %p1 = graph.max_pool %c1 {…} : tensor<1x8x16x32xf32> -> tensor<1x8x8x16xf32>
    %p = graph.concat %p0, %p1 along 2 : … -> tensor<1x8x16x16xf32>
    ```
    Estimates the bytes alive at every operation and, as long as the peak falls by 5 %
    at least, splits what surrounds it: operations, two of them convolutions, pooling
    or products with a matrix, the rest element-wise, of which nobody else reads
    anything but the last result. Every element is the same sum of the same products.
    Bands are rows of one size (the last may be smaller), as few as bring the peak to
    what it is elsewhere, at most 4, of 4 rows of an image or 64 of a matrix at least.

    Then, as long as the peak falls by 5 % at least, values at the peak stay in bands:

    ```mlir
    %p = graph.concat %p0, %p1 along 2 : …
    %y = graph.conv %p by %w {…} : tensor<1x64x16x16xf32> by tensor<64x64x1x1xf32> -> …
    // becomes, with %p in bands; %y is joined where all of it is needed
    %y0 = graph.conv %p0 by %w {…} : tensor<1x64x8x16xf32> by tensor<64x64x1x1xf32> -> …
    %y1 = graph.conv %p1 by %w {…} : tensor<1x64x8x16xf32> by tensor<64x64x1x1xf32> -> …
    ```
    An image of static size can, if all that read it need rows of one band for rows of
    one band (windows that do not cross bands, of equal size; element-wise operations).
    With it go all values of its height that these operations connect. They
    run stage by stage, in each band by band, the readers of one value together; stages
    are joined where that lowers their peak. A result that others read, or with windows that
    cross bands, is joined; or, where that lowers the peak by 2 %, its bands overlap by
    the rows of the neighbours, which are computed twice. Bands are those of 2 to 8, of 4 rows at
    least, that bring the lowest peak of a copy of the function.

    Left alone: more than one image or a stack of matrices, dimensions that are not
    static, other elements than f32, an average pooling in ceil mode, functions of
    which less than `min-bytes` are alive, bands that compute more than
    `max-extra-percent` again because windows overlap, results that the function
    returns, and images that are not read or made by
    convolutions and pooling in blocks of channels, as their rows would be copied
    (an argument is read in place by a convolution).

    The value `y` in bands is `y_rows0`, `y_rows1`, ...; joined it keeps its name.
    Counts, in the attribute `graph.stream_rows_report` of the function when `report` is
    set: chains, bands, values that stay in bands, peak_before and peak (estimates, in
    bytes).
    Source: Alwani et al., "Fused-Layer CNN Accelerators", 2016; tiles are whole rows
    here, and what overlaps is always computed again.
  }];
  let options = [
    Option<"minBytes", "min-bytes", "int64_t", /*default=*/"1048576",
           "Least peak to lower, in bytes, at least 0">,
    Option<"maxExtraPercent", "max-extra-percent", "int64_t", /*default=*/"2",
           "FLOPs computed again for 100 of a chain, at least 0">,
    Option<"report", "report", "bool", /*default=*/"false", "Write the counts to the function">,
  ];
  let dependentDialects = ["::cinch::graph::GraphDialect"];
}

def SchedulePass : Pass<"schedule", "::mlir::ModuleOp"> {
  let summary = "Orders the entry program for the lowest peak";
  let description = [{
    Moves the operations of the entry's block (not those inside control flow) into an
    order in which the values alive at the same time take the fewest bytes, at the
    bounds of the symbols (128 where there is none). Constants move to the top.
    Views, operands whose only reader may overwrite them or joins them, and values
    that are returned are seen as plan-memory will place them.
    The order stays as it is where none found is better; the same program gives the
    same order.

    Requires an exec program. Counts, in the module attribute `exec.schedule`: steps, peak,
    given_peak, lower_bound, in bytes.
    Source: see runtime/Plan/Order.h.
  }];
}

def PlanMemoryPass : Pass<"plan-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every value of the entry program its place";
  let description = [{
    ```mlir
    %0 = exec.kernel @k(%x) {dims = [["n"]], names = ["a"]} : (tensor<?xf32>) -> tensor<?xf32>
    // becomes
    %0 = exec.kernel @k(%x) {dims = [["n"]], names = ["a"], slots = [#exec.slot<arena, 0, "0">]} : …
    ```
    Requires an entry function (`graph.entry`) of exec and scf operations. Values
    share bytes first:
    - a view lies inside its input, an operand of `exec.assemble` inside the result
      (unless that raises the peak; it may start after what its parts read), a result over the operand of an `in_place` pair
      whose bytes nobody reads afterwards;
    - a value that the program returns lies in the caller's output;
    - a loop-carried value keeps one place from the initial value to the result, and
      the results of `scf.if` are written by both branches.
    Where that cannot hold (an output that is also an input, a weight or a second
    output; a loop-carried value that is read after its successor is written) an
    `exec.copy` is inserted. What is left gets a slot each, live from its first
    write to its last read. Slots are placed at the sizes of the symbols' bounds;
    with an unbounded symbol in a slot's bytes there is no plan, and the runtime
    makes one per size.

    Afterwards every exec and scf operation with tensor results has `slots`
    (`exec.slots` on scf, `exec.arg_slots` for block arguments), and the module has
    `exec.slots` (name, bytes, first, last), `exec.weights` (name, offset,
    bytes, value and, if packed, layout and unpacked_shape), `exec.weight_bytes` and,
    where the sizes are bounded, `exec.plan` (offsets, peak, lower_bound, method).
    What is left lies where an output will be, if it fits there for all sizes and is
    read before that is written (the largest first; not where a state is continued, nor of larger elements).
    Counts: `exec.plan_report` = in_outputs (values there), slots, shared (values that share a slot), copies
    (inserted).
    Refused: values whose element type has no whole bytes; loop-carried values that
    change their shape.
  }];
  let dependentDialects = ["::cinch::exec::ExecDialect"];
}

def VerifyPlanPass : Pass<"verify-plan", "::mlir::ModuleOp"> {
  let summary = "Replays the memory plan and checks every read";
  let description = [{
    Independent of `plan-memory`: simulates the program on the places that the
    attributes name, byte ranges holding the values that were written there, at
    several sizes (the bounds among them; loops run twice, both branches are
    taken). Fails where a read would not see the value written, where a kernel's
    results overlap its other operands, and where a value does not fit its slot or
    the arena. Changes nothing.
  }];
}

def CheckBudgetPass : Pass<"check-budget", "::mlir::ModuleOp"> {
  let summary = "Fails unless arena, state and weights fit a budget";
  let description = [{
    Requires the attributes that `plan-memory` writes. Counted: the arena (peak of
    the plan) and the weights file; the caller's inputs and outputs are not. On
    failure notes name the values alive at the peak with their bytes, the lower
    bound, and the smallest budget that would work. A program without a plan
    (unbounded sizes) is refused with the symbols to bound. Changes nothing.
  }];
  let options = [
    Option<"budgetBytes", "budget-bytes", "int64_t", /*default=*/"0",
           "Largest sum of arena and weights, in bytes; 0 checks nothing">,
  ];
}

#endif // CINCH_PASSES_MEMORY_PASSES
