//===- Quantization.td - explicit quantization --------------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_QUANTIZATION
#define CINCH_DIALECTS_GRAPH_OPS_QUANTIZATION

include "dialects/Graph/GraphBase.td"

def Graph_QuantizeOp : Graph_Op<"quantize"> {
  let summary = "Quantizes linearly";
  let description = [{
    saturate(round_half_even(x / scale) + zero_point), as ONNX QuantizeLinear. `scale` and
    `zero_point` are a scalar (per tensor), one-dimensional along `axis` (per channel), or have the
    rank of `input` with `axis` in groups of `group_size` (> 0) and other axes as of `input`, or 1
    for all of them. To floats of at most 8 bits the
    quotient is rounded as `cast` rounds it, with its `saturate`; `zero_point` is added for
    `f4E2M1FN` and must be 0 for those of 8 bits.
    - C1: `zero_point`, if present, has the shape of `scale` and the element type of the result.
    - C2: `axis` is within the rank and not negative.
  }];
  let arguments = (ins Graph_NumberTensor:$input, Graph_FloatTensor:$scale, Optional<Graph_Tensor>:$zero_point,
    I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$group_size,
    DefaultValuedAttr<BoolAttr, "true">:$saturate);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero` $zero_point^ `:` type($zero_point))? attr-dict `:` type($input) `,` type($scale) `->` type($result)
  }];
}
def Graph_DequantizeOp : Graph_Op<"dequantize"> {
  let summary = "Dequantizes linearly";
  let description = [{
    (q - zero_point) * scale, rounded to the element type of the result; shapes and constraints
    as for `quantize`. Floats have no zero point but 0.
  }];
  let arguments = (ins Graph_Tensor:$input, Graph_FloatTensor:$scale, Optional<Graph_Tensor>:$zero_point,
    I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$group_size);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero` $zero_point^ `:` type($zero_point))? attr-dict `:` type($input) `,` type($scale) `->` type($result)
  }];
}
#endif // CINCH_DIALECTS_GRAPH_OPS_QUANTIZATION
