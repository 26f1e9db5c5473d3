//===- Contraction.td - matmul, convolution and their kin --*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_CONTRACTION
#define CINCH_DIALECTS_GRAPH_OPS_CONTRACTION

include "dialects/Graph/GraphBase.td"

def Graph_MatmulOp : Graph_Op<"matmul", [], ["getFlops"]> {
  let summary = "Multiplies matrices, with numpy's broadcasting of batch dimensions";
  let description = [{
    `lhs` [..., M, K] times `rhs` [..., K, N] gives [..., M, N]; one-dimensional
    operands are treated as numpy does. With `transpose_lhs` (`transpose_rhs`)
    the last two axes of that operand are swapped first. Integer operands (i8,
    ui8, i32) accumulate and result in i32.
    - C1: the inner dimensions agree.
    - C2: the batch dimensions broadcast.
    - C3: a transposed operand has at least two axes.
  }];
  let arguments = (ins Graph_NumberTensor:$lhs, Graph_NumberTensor:$rhs,
    UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = [{
    $lhs (`transposed` $transpose_lhs^)? `by` $rhs (`transposed` $transpose_rhs^)?
    attr-dict `:` type($lhs) `by` type($rhs) `->` type($result)
  }];
}

def Graph_ConvOp : Graph_Op<"conv", [], ["getFlops"]> {
  let summary = "Convolves in any number of spatial dimensions";
  let description = [{
    `input` [N, C, spatial...], `filter` [M, C / group, kernel...] give
    [N, M, spatial...]. `pads` holds the begins, then the ends. Integer operands
    (zero points already subtracted) accumulate and result in i32.
    - C1: `strides`, `dilations` have one entry per spatial dimension, `pads` two.
    - C2: C and M are multiples of `group`; `filter` has C / group channels.
    - C3: strides, dilations and group are positive, pads not negative.
  }];
  let arguments = (ins Graph_NumberTensor:$input, Graph_NumberTensor:$filter,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
    DefaultValuedAttr<I64Attr, "1">:$group);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = [{
    $input `by` $filter attr-dict `:` type($input) `by` type($filter) `->` type($result)
  }];
}

def Graph_ConvTransposeOp : Graph_Op<"conv_transpose", [], ["getFlops"]> {
  let summary = "Convolves transposed (the adjoint of `conv` in its input)";
  let description = [{
    `input` [N, C, spatial...], `filter` [C, M / group, kernel...] give [N, M, spatial...] with
    extent (in - 1) * stride + (kernel - 1) * dilation + 1 + output_padding - pads.
    - C1, C2, C3 as for `conv`.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_FloatTensor:$filter,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
    DenseI64ArrayAttr:$output_padding, DefaultValuedAttr<I64Attr, "1">:$group);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `by` $filter attr-dict `:` type($input) `by` type($filter) `->` type($result)
  }];
}

def Graph_EinsumOp : Graph_Op<"einsum", [], ["getFlops"]> {
  let summary = "Sums products over an explicit einsum equation";
  let description = [{
    `equation` has an explicit output, single lower or upper case letters, no
    ellipsis and no spaces (the importer normalises).
    - C1: one term per operand, one letter per axis.
    - C2: equal letters have equal dimensions.
  }];
  let arguments = (ins StrAttr:$equation, Variadic<Graph_NumberTensor>:$inputs);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$equation `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)";
}
#endif // CINCH_DIALECTS_GRAPH_OPS_CONTRACTION
