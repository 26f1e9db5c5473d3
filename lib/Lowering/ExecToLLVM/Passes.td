//===- Passes.td - from exec to the entry function ----------*- tablegen -*-===//
#ifndef CINCH_LIB_LOWERING_EXECTOLLVM_PASSES
#define CINCH_LIB_LOWERING_EXECTOLLVM_PASSES

include "mlir/Pass/PassBase.td"

def DescribeProgramPass : Pass<"describe-program", "::mlir::ModuleOp"> {
  let summary = "Writes what the runtime and the report say about a program";
  let description = [{
    Adds module attributes, which outlive the operations they describe:
    - `exec.inputs`, `exec.outputs`: name, dtype (with the sign that the ONNX model
      gives it), dims;
    - `exec.symbols`: name, min, max, and the `axis` of the `input` that binds it;
    - `exec.kernels`: name (of the first result), op, function, kind, flops, bytes, step,
      inputs and values (names of what it reads and of the operations fused into it); in
      the order of the calls, the number of which `exec.kernel` gets as `exec.number`.

    Requires an exec program. Refused: a symbol that is no dimension of an input by
    itself, since nothing would give it a value.
  }];
}

def LowerExecPass : Pass<"lower-exec", "::mlir::ModuleOp"> {
  let summary = "Lowers the entry program to a function over a frame";
  let description = [{
    ```mlir
    %y = exec.kernel @k(%x) {slots = [#exec.slot<arena, 2, "0">], …} : …
    // becomes, in func.func @cinch_entry(%frame: !llvm.ptr) -> i32
    llvm.store …                                  // addresses and dynamic dims of %x and %y
    %tiles = llvm.call @k.tiles(%args)
    llvm.call %parallel_for(%frame, %number, @k, %args, %tiles, %grain)
    ```
    and then the llvm dialect alone. Obeys the places that `plan-memory` wrote;
    reads addresses, slot offsets and symbols from the frame (runtime/ModuleAbi.h).
    Checks come first and return the status of the host's `fail`. Tensors that
    control flow carries vanish, as each has one place; scalars stay.
    Kernels with `faults` get the address of a fault word; where one has failed,
    loops end, `exec.read` gives 0, and the entry returns the status of `fail` with
    the message of the first assertion that did not hold.
    Of more than 128 calls in a row, each 128 become a function `cinch_part_N` that gets
    the frame, the words for arguments and the fault word, and is not inlined: LLVM's
    time for one function grows faster than its size.
    Requires `plan-memory`, `describe-program`, and kernels lowered by
    `lower-kernels`. Afterwards no exec operation is left.

    Where `lower-kernels-to-gpu` has lowered the kernels, their device functions are
    launched, and what the program itself reads or writes goes through `read` and
    `write` of the host, as the addresses are those of the device.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::index::IndexDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::ub::UBDialect",
  ];
}

#endif // CINCH_LIB_LOWERING_EXECTOLLVM_PASSES
