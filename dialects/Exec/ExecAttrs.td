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

def Exec_ChannelBlocksAttr : AttrDef<ExecDialect, "ChannelBlocks"> {
  let mnemonic = "channel_blocks";
  let summary = "The order of a value [N, C, space...] whose channels are in blocks";
  let description = [{
    The encoding of a tensor type whose shape is that of the value. Stored is
    [N, C / size, space..., size], row-major; `size` divides C. With one block this
    is the channels-last order; blocks of all parts of a concatenation of channels
    keep it contiguous.

    Example: `tensor<1x64x56x56xf32, #exec.channel_blocks<16>>`
  }];
  let parameters = (ins "int64_t":$size);
  let assemblyFormat = "`<` $size `>`";
}

def Exec_FilterBlocksAttr : AttrDef<ExecDialect, "FilterBlocks"> {
  let mnemonic = "filter_blocks";
  let summary = "The order of a filter [F, C, taps...] in the blocks of microkernels";
  let description = [{
    The encoding of a tensor type whose shape is that of the filter. Stored are
    blocks of `filters` filters, one behind the other (the last may have fewer),
    each [C / channels, taps..., channels, filters of the block]; `channels`
    divides C.

    Example: `tensor<96x64x3x3xf32, #exec.filter_blocks<64, 64>>`
  }];
  let parameters = (ins "int64_t":$filters, "int64_t":$channels);
  let assemblyFormat = "`<` $filters `,` $channels `>`";
}

#endif // CINCH_DIALECTS_EXEC_EXECATTRS
