//===- ExecOps.td - the operations of the exec dialect ------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_EXEC_EXECOPS
#define CINCH_DIALECTS_EXEC_EXECOPS

include "dialects/Exec/ExecAttrs.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Exec_Tensor : RankedTensorOf<[AnyFloat, AnyInteger]>;
/// Dims of every result: arrays of integers or expression texts.
def Exec_DimsAttr : TypedArrayAttrBase<ArrayAttr, "array of dims, one per result">;
/// Pairs [operand, result] that may share one buffer.
def Exec_PairsAttr : TypedArrayAttrBase<DenseI64ArrayAttr, "array of [operand, result] pairs">;

class Exec_Op<string mnemonic, list<Trait> traits = []> : Op<ExecDialect, mnemonic, traits>;

def Exec_KernelOp : Exec_Op<"kernel", [AlwaysSpeculatable,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel over all of its tiles";
  let description = [{
    Calls the kernel body `callee` with `inputs`, the values of `scalars`, and a
    destination per result. `in_place` lists which input may share its buffer with
    which result: the kernel reads no element of that input after it has written
    the element of the result at the same place. `updates` lists which input must
    share its buffer with which result: the kernel writes part of the result, and
    the rest is that of the input. `faults` has one message per
    `cf.assert` of the body, in the order of their `exec.fault` numbers: what the
    run fails with where the assertion does not hold. A kernel that can fail is not
    dead even if its results are.

    **Constraints**
    - C1: `callee` is a function with `exec.kernel_body` whose arguments are the
      types of the inputs, an index per scalar, and the types of the results.
    - C2: `dims` has one entry per result, of its rank, and agrees with static dimensions.
    - C3: pairs of `in_place` name an existing operand and result of equal byte size;
      those of `updates` are among them.
    - C4: dims and scalars parse as expressions.
    - C5: `faults` has a message for every assertion of the body.

    Example:
    ```mlir
    %y = exec.kernel @scale(%x) scalars ["past"] {dims = [["seq", 384]], in_place = [array<i64: 0, 0>], names = ["y"]}
        : (tensor<?x384xf32>) -> tensor<?x384xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Exec_Tensor>:$inputs,
    DefaultValuedAttr<StrArrayAttr, "{}">:$scalars, Exec_DimsAttr:$dims,
    DefaultValuedAttr<Exec_PairsAttr, "{}">:$in_place,
    DefaultValuedAttr<Exec_PairsAttr, "{}">:$updates,
    DefaultValuedAttr<StrArrayAttr, "{}">:$faults);
  let results = (outs Variadic<Exec_Tensor>:$results);
  let assemblyFormat = [{
    $callee `(` $inputs `)` (`scalars` $scalars^)? attr-dict `:` functional-type($inputs, $results)
  }];
  let hasVerifier = 1;
}

def Exec_WeightOp : Exec_Op<"weight", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "Is a constant in the weights file";
  let description = "Costs no arena. `value` is a dense attribute or a `#graph.weight`.";
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs Exec_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Exec_ViewOp : Exec_Op<"view", [Pure, AllElementTypesMatch<["input", "result"]>]> {
  let summary = "Reads part of a buffer under another shape";
  let description = [{
    The elements of `input` from element `offset` on, in order, in the shape
    `dims`. Free: no bytes, no copy. Reshapes, and slices of the outermost
    dimension that is not 1.
    - C1: `dims` has one entry, of the rank of the result.
    - C2: `offset` and dims parse as expressions.
  }];
  let arguments = (ins Exec_Tensor:$input, DefaultValuedAttr<StrAttr, "\"0\"">:$offset, Exec_DimsAttr:$dims);
  let results = (outs Exec_Tensor:$result);
  let assemblyFormat = "$input (`at` $offset^)? attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Exec_AssembleOp : Exec_Op<"assemble", [Pure]> {
  let summary = "Joins buffers end to end";
  let description = [{
    The elements of the operands in order (a concatenation along the outermost
    dimension that is not 1). `plan-memory` makes operands views of the result where it can, else
    `lower-exec` copies them.
    - C1: at least one operand, all of the element type of the result.
    - C2: `dims` has one entry, of the rank of the result.
  }];
  let arguments = (ins Variadic<Exec_Tensor>:$inputs, Exec_DimsAttr:$dims);
  let results = (outs Exec_Tensor:$result);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type($inputs, $result)";
  let hasVerifier = 1;
}

def Exec_CopyOp : Exec_Op<"copy", [AllTypesMatch<["input", "result"]>]> {
  let summary = "Copies a buffer";
  let description = [{
    Where a value must have a second place: an output that is also an input, a
    weight or another output; the initial value of a loop. Not `Pure`, so that CSE
    keeps it. - C1: `dims` has one entry, of the rank of the result.
  }];
  let arguments = (ins Exec_Tensor:$input, Exec_DimsAttr:$dims);
  let results = (outs Exec_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Exec_ShapeOp : Exec_Op<"shape", [Pure]> {
  let summary = "Materializes expressions over the symbols as an integer tensor";
  let description = "- C1: `elements` has one expression per element of the static result; they parse.";
  let arguments = (ins StrArrayAttr:$elements);
  let results = (outs StaticShapeTensorOf<[AnyInteger]>:$result);
  let assemblyFormat = "$elements attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Exec_ReadOp : Exec_Op<"read"> {
  let summary = "Reads the one element of a tensor into a scalar, for control flow";
  let description = "Integers of any width become `index` by sign extension; i1 stays i1. - C1: `input` has one element.";
  let arguments = (ins Exec_Tensor:$input);
  let results = (outs AnyTypeOf<[I1, Index]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Exec_WriteOp : Exec_Op<"write", [Pure]> {
  let summary = "Stores a scalar of control flow as a tensor of one element";
  let description = [{
    What kernels read of a loop: its position. The opposite of `exec.read`.

    Example:
    ```mlir
    %t = exec.write %i {names = ["step/0"]} : index -> tensor<i64>
    ```
  }];
  let arguments = (ins Index:$value);
  let results = (outs 0DTensorOf<[I64]>:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
}

def Exec_CheckOp : Exec_Op<"check"> {
  let summary = "Fails the run unless an expression is zero";
  let description = "Evaluated over the symbols before any kernel; `message` tells the user what does not fit. - C1: it parses.";
  let arguments = (ins StrAttr:$zero, StrAttr:$message);
  let assemblyFormat = "$zero `else` $message attr-dict";
  let hasVerifier = 1;
}

#endif // CINCH_DIALECTS_EXEC_EXECOPS
