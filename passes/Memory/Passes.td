//===- Passes.td - order, places and budget of a program ----*- tablegen -*-===//
#ifndef CINCH_PASSES_MEMORY_PASSES
#define CINCH_PASSES_MEMORY_PASSES

include "mlir/Pass/PassBase.td"

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
      (unless that raises the peak), a result over the operand of an `in_place` pair
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
    Counts: `exec.plan_report` = slots, shared (values that share a slot), copies
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
