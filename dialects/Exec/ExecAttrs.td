//===- ExecAttrs.td - attributes of the exec dialect --------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_EXEC_EXECATTRS
#define CINCH_DIALECTS_EXEC_EXECATTRS

include "dialects/Exec/ExecDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Exec_Space : I32EnumAttr<"Space", "where a value lives", [
    I32EnumAttrCase<"arena", 0>, I32EnumAttrCase<"weight", 1>,
    I32EnumAttrCase<"state", 2>, I32EnumAttrCase<"caller", 3>]> {
  let cppNamespace = "::cinch::exec";
}

def Exec_SlotAttr : AttrDef<ExecDialect, "Slot"> {
  let mnemonic = "slot";
  let summary = "The place of a value";
  let description = [{
    Byte `offset` (an expression over the symbols) inside slot `number` of `space`:
    for the arena a slot of the plan, for `caller` the input or output of that
    number (inputs first), for `weight` always number 0.

    Example: `#exec.slot<arena, 3, "4*batch*384">`
  }];
  let parameters = (ins EnumParameter<Exec_Space>:$space, "int64_t":$number, StringRefParameter<>:$offset);
  let assemblyFormat = "`<` $space `,` $number `,` $offset `>`";
}

#endif // CINCH_DIALECTS_EXEC_EXECATTRS
