//===- Reduction.td - reductions, pooling, normalization ---*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_REDUCTION
#define CINCH_DIALECTS_GRAPH_OPS_REDUCTION

include "dialects/Graph/GraphBase.td"

class Graph_Reduce<string mnemonic, string text, Type type = Graph_NumberTensor>
    : Graph_Op<mnemonic, [SameOperandsAndResultElementType]> {
  let summary = text;
  let description = [{
    Reduces over `axes` (sorted, not negative, without repetition; empty: nothing is
    reduced); with `keep_dims` they stay as dimensions of 1.
    - C1: axes are within the rank.
  }];
  let arguments = (ins type:$input, DenseI64ArrayAttr:$axes,
                       DefaultValuedAttr<BoolAttr, "true">:$keep_dims);
  let results = (outs type:$result);
  let assemblyFormat = "$input `over` $axes attr-dict `:` type($input) `->` type($result)";
}
def Graph_ReduceSumOp : Graph_Reduce<"reduce_sum", "Sums (0 when empty)">;
def Graph_ReduceMeanOp : Graph_Reduce<"reduce_mean", "Averages">;
def Graph_ReduceProdOp : Graph_Reduce<"reduce_prod", "Multiplies (1 when empty)">;
def Graph_ReduceMaxOp : Graph_Reduce<"reduce_max", "Returns the largest element (the lowest value when empty)">;
def Graph_ReduceMinOp : Graph_Reduce<"reduce_min", "Returns the smallest element (the highest value when empty)">;

class Graph_Arg<string mnemonic, string text> : Graph_Op<mnemonic> {
  let summary = text;
  let description = [{
    - C1: `axis` is within the rank and not negative.
    Ties go to the first, with `select_last` to the last.
  }];
  let arguments = (ins Graph_NumberTensor:$input, I64Attr:$axis,
    DefaultValuedAttr<BoolAttr, "true">:$keep_dims, UnitAttr:$select_last);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
def Graph_ArgMaxOp : Graph_Arg<"arg_max", "Returns the position of the largest element along an axis">;
def Graph_ArgMinOp : Graph_Arg<"arg_min", "Returns the position of the smallest element along an axis">;

def Graph_CumSumOp : Graph_Op<"cum_sum", [SameOperandsAndResultElementType]> {
  let summary = "Sums cumulatively along an axis";
  let description = "- C1: `axis` is within the rank and not negative.";
  let arguments = (ins Graph_NumberTensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Graph_HistogramOp : Graph_Op<"histogram"> {
  let summary = "Counts elements in bins of equal width";
  let description = [{
    `bins` bins divide [-r, r), where r is the smallest power of two above `largest`,
    which is not negative, but from 2^-100 to 2^120. Bin b counts the elements x with
    floor(x * bins / (2 r)) + bins / 2 = b; those beyond are counted at the ends, NaN in
    the last bin. As r is a power of two, two histograms merge exactly by adding
    neighbouring bins of the one with the smaller r.
    - C1: `largest` is one element, without dimensions.
    - C2: `bins` is a power of two from 2 to 65536.
  }];
  let arguments = (ins Graph_FloatTensor:$input, 0DTensorOf<[F32]>:$largest, I64Attr:$bins);
  let results = (outs 1DTensorOf<[I64]>:$result);
  let assemblyFormat = "$input `largest` $largest attr-dict `:` type($input) `,` type($largest) `->` type($result)";
}

def Graph_TopKOp : Graph_Op<"top_k"> {
  let summary = "Returns the k largest or smallest elements along an axis, and where they are";
  let description = [{
    Results are sorted (best first; ties by lower index). `k` is a one-element tensor
    whose content must be derivable.
    - C1: `axis` is within the rank and not negative.
  }];
  let arguments = (ins Graph_NumberTensor:$input, RankedTensorOf<[I64]>:$k, I64Attr:$axis,
    DefaultValuedAttr<BoolAttr, "true">:$largest);
  let results = (outs Graph_NumberTensor:$values, RankedTensorOf<[I64]>:$indices);
  let assemblyFormat = "$input `first` $k attr-dict `:` type($input) `,` type($k) `->` type($values) `,` type($indices)";
}

class Graph_Pool<string mnemonic, string text>
    : Graph_Op<mnemonic, [SameOperandsAndResultElementType], ["getFlops"]> {
  let summary = text;
  let description = [{
    `input` [N, C, spatial...]; `pads` holds the begins, then the ends; with `ceil_mode` the
    extent rounds up (a window starting in the end padding is dropped).
    - C1: `kernel`, `strides`, `dilations` have one entry per spatial dimension, `pads` two.
    - C2: entries are positive, pads not negative.
  }];
  let arguments = (ins Graph_NumberTensor:$input, DenseI64ArrayAttr:$kernel,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
    UnitAttr:$ceil_mode, UnitAttr:$count_include_pad);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
def Graph_MaxPoolOp : Graph_Pool<"max_pool", "Returns the largest element of each window">;
def Graph_AveragePoolOp : Graph_Pool<"average_pool", "Averages each window">;
def Graph_MaxPoolIndicesOp : Graph_Op<"max_pool_indices", [], ["getFlops"]> {
  let summary = "Returns where in the flattened input the largest element of each window is";
  let description = [{
    As `max_pool`; the index counts over the whole input tensor, with
    `column_major` the spatial part is numbered column by column.
    - C1, C2 as for `max_pool`.
  }];
  let arguments = (ins Graph_NumberTensor:$input, DenseI64ArrayAttr:$kernel,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
    UnitAttr:$ceil_mode, UnitAttr:$column_major);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Graph_SoftmaxOp : Graph_Op<"softmax", [SameOperandsAndResultElementType]> {
  let summary = "Normalises exponentials along an axis";
  let description = "exp(x - max) / sum(exp(x - max)); - C1: `axis` is within the rank and not negative.";
  let arguments = (ins Graph_FloatTensor:$input, I64Attr:$axis);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
def Graph_LogSoftmaxOp : Graph_Op<"log_softmax", [SameOperandsAndResultElementType]> {
  let summary = "Returns the logarithm of softmax along an axis";
  let description = "x - max - log(sum(exp(x - max))); - C1: `axis` is within the rank and not negative.";
  let arguments = (ins Graph_FloatTensor:$input, I64Attr:$axis);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
def Graph_LayerNormOp : Graph_Op<"layer_norm"> {
  let summary = "Normalises the trailing axes to zero mean and unit variance, then scales and shifts";
  let description = [{
    (x - mean) / sqrt(var + epsilon) * scale + bias over axes `axis`..rank-1, computed
    in f32. Without `bias` nothing is added. ONNX LayerNormalization, opset 17.
    - C1: `axis` is within the rank and not negative.
    - C2: `scale` and `bias` broadcast to the input.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_FloatTensor:$scale,
    Optional<Graph_FloatTensor>:$bias, I64Attr:$axis, F32Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`bias` $bias^)? attr-dict `:` type($input) `,` type($scale) (`,` type($bias)^)? `->` type($result)
  }];
}
def Graph_RMSNormOp : Graph_Op<"rms_norm"> {
  let summary = "Divides the trailing axes by their root mean square, then scales";
  let description = [{
    x / sqrt(mean(x * x) + epsilon) * scale over axes `axis`..rank-1, computed in f32.
    ONNX RMSNormalization, opset 23. C1, C2 as for `layer_norm`.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_FloatTensor:$scale, I64Attr:$axis, F32Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input `scale` $scale attr-dict `:` type($input) `,` type($scale) `->` type($result)";
}
def Graph_BatchNormOp : Graph_Op<"batch_norm"> {
  let summary = "Normalises channels with given statistics";
  let description = [{
    (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel (axis 1).
    - C1: the four parameters are one-dimensional, of the size of axis 1.
  }];
  let arguments = (ins Graph_FloatTensor:$input, 1DTensorOf<[AnyFloat]>:$scale, 1DTensorOf<[AnyFloat]>:$bias,
    1DTensorOf<[AnyFloat]>:$mean, 1DTensorOf<[AnyFloat]>:$variance, F32Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale `bias` $bias `mean` $mean `variance` $variance attr-dict
    `:` type($input) `,` type($scale) `,` type($bias) `,` type($mean) `,` type($variance) `->` type($result)
  }];
}
def Graph_LRNOp : Graph_Op<"lrn", [SameOperandsAndResultElementType]> {
  let summary = "Normalises over neighbouring channels";
  let description = "x / (bias + alpha / size * sum of squares over `size` channels around)^beta; axis 1 is the channel.";
  let arguments = (ins Graph_FloatTensor:$input, I64Attr:$size, F32Attr:$alpha, F32Attr:$beta, F32Attr:$bias);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
#endif // CINCH_DIALECTS_GRAPH_OPS_REDUCTION
