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
    as for `quantize`. Floats have no zero point but 0. With `levels` (a codebook) code q
    stands for levels[q] * scale.
    - C3: `levels`, if present, are one for each code of unsigned integers of at most 4 bits,
      without a zero point.
  }];
  let arguments = (ins Graph_Tensor:$input, Graph_FloatTensor:$scale, Optional<Graph_Tensor>:$zero_point,
    I64Attr:$axis, DefaultValuedAttr<I64Attr, "0">:$group_size,
    OptionalAttr<DenseF32ArrayAttr>:$levels);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero` $zero_point^ `:` type($zero_point))? attr-dict `:` type($input) `,` type($scale) `->` type($result)
  }];
}
def Graph_UnpackOp : Graph_Op<"unpack"> {
  let summary = "Unpacks integers that share bytes";
  let description = [{
    The integers of `bits` bits, in two's complement, that rows of bytes hold one behind the
    other from the low bits of the first byte on: for sizes that have no element type, such as
    8 integers of 3 bits in 3 bytes:
    ```
    byte 0            byte 1            byte 2
    bit 0..2 3..5 6,7 | 0 1..3 4..6 7 | 0,1 2..4 5..7
    number 0    1    2      3    4    5      6    7
    ```
    A row of `size` integers begins with a byte.
    - C1: 2 <= `bits` <= 7, and the last axis of `input` has ceil(`size` * `bits` / 8) bytes.

    Example:
    ```mlir
    %q = graph.unpack %bytes {bits = 3 : i64, size = 32 : i64} : tensor<64x12xui8> -> tensor<64x32xi8>
    ```
  }];
  let arguments = (ins RankedTensorOf<[UI8]>:$input, I64Attr:$bits, I64Attr:$size);
  let results = (outs RankedTensorOf<[I8]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
#endif // CINCH_DIALECTS_GRAPH_OPS_QUANTIZATION
