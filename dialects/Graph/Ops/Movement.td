//===- Movement.td - constants, shapes and data movement ---*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_MOVEMENT
#define CINCH_DIALECTS_GRAPH_OPS_MOVEMENT

include "dialects/Graph/GraphBase.td"

def Graph_ConstantOp : Graph_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "Is a constant tensor";
  let description = [{
    `value` is a dense attribute for small or splat tensors, a `#graph.weight`
    reference otherwise.
  }];
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::TypedAttr":$value),
    "build($_builder, $_state, value.getType(), value);">];
}

def Graph_ShapeOp : Graph_Op<"shape"> {
  let summary = "Returns the dimensions from `start` to `end`";
  let description = "- C1: 0 <= start <= end <= rank.";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$start, I64Attr:$end);
  let results = (outs Graph_ShapeTensor:$result);
  let assemblyFormat = "$input `from` $start `to` $end attr-dict `:` type($input) `->` type($result)";
}

def Graph_SizeOp : Graph_Op<"size"> {
  let summary = "Returns the number of elements";
  let description = "A scalar.";
  let arguments = (ins Graph_Tensor:$input);
  let results = (outs 0DTensorOf<[I64]>:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Graph_ExpectOp : Op<GraphDialect, "expect", [AllTypesMatch<["input", "result"]>, MemoryEffects<[MemWrite]>,
    DeclareOpInterfaceMethods<Graph_ShapeInterface>, DeclareOpInterfaceMethods<Graph_CostInterface>]> {
  let summary = "Fails the run unless a list has the elements that were assumed";
  let description = [{
    What a model only declares, and the compiler relied on, is compared with what it
    computes: the result is `input`, known to be `expected`. The run fails with
    `message` otherwise. Not `Pure`: it stays without users. Created by the import;
    gone after `form-kernels`. Export leaves it out, with a remark.

    **Constraints**
    - C1: `input` has as many elements as `expected`.

    Example:
    ```mlir
    %s = graph.expect %shape is [2, 4] else "'y' is not [2, 4]" : tensor<2xi64>
    ```
  }];
  let arguments = (ins Graph_ShapeTensor:$input, DenseI64ArrayAttr:$expected, StrAttr:$message);
  let results = (outs Graph_ShapeTensor:$result);
  let assemblyFormat = "$input `is` $expected `else` $message attr-dict `:` type($input)";
}

class Graph_Move<string mnemonic, string text, string more, dag extra, string format, list<Trait> traits = []>
    : Graph_Op<mnemonic, !listconcat([AllElementTypesMatch<["input", "result"]>], traits)> {
  let summary = text;
  let description = more;
  let arguments = !con((ins Graph_Tensor:$input), extra);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = format;
}

def Graph_ReshapeOp : Graph_Move<"reshape", "Changes the shape and keeps the elements in order", [{
    As ONNX Reshape: -1 in `shape` is inferred, 0 copies the input's dimension unless `allow_zero`.
    - C1: the numbers of elements agree.
    - C2: at most one -1.
  }], (ins Graph_ShapeTensor:$shape, UnitAttr:$allow_zero),
  "$input `to` $shape attr-dict `:` type($input) `,` type($shape) `->` type($result)">;
def Graph_SqueezeOp : Graph_Move<"squeeze", "Drops axes of dimension 1",
  "- C1: `axes` are sorted, within the rank, and of dimension 1.",
  (ins DenseI64ArrayAttr:$axes), "$input `drop` $axes attr-dict `:` type($input) `->` type($result)">;
def Graph_UnsqueezeOp : Graph_Move<"unsqueeze", "Inserts axes of dimension 1",
  "- C1: `axes` are sorted, distinct, within the rank of the result.",
  (ins DenseI64ArrayAttr:$axes), "$input `insert` $axes attr-dict `:` type($input) `->` type($result)">;
def Graph_FlattenOp : Graph_Move<"flatten", "Merges the axes before and from `axis` into a matrix",
  "- C1: 0 <= axis <= rank.",
  (ins I64Attr:$axis), "$input `at` $axis attr-dict `:` type($input) `->` type($result)">;
def Graph_TransposeOp : Graph_Move<"transpose", "Permutes axes",
  "Axis i of the result is axis `permutation[i]` of the input. - C1: a permutation of the axes.",
  (ins DenseI64ArrayAttr:$permutation), "$input `by` $permutation attr-dict `:` type($input) `->` type($result)">;
def Graph_BroadcastOp : Graph_Move<"broadcast", "Broadcasts to a shape",
  "As ONNX Expand: the result has the broadcast of the input's shape and `shape`. - C1: they broadcast.",
  (ins Graph_ShapeTensor:$shape), "$input `to` $shape attr-dict `:` type($input) `,` type($shape) `->` type($result)">;
def Graph_TileOp : Graph_Move<"tile", "Repeats a tensor along each axis",
  "- C1: `repeats` has one entry per axis.",
  (ins Graph_ShapeTensor:$repeats), "$input `by` $repeats attr-dict `:` type($input) `,` type($repeats) `->` type($result)">;
def Graph_SliceOp : Graph_Move<"slice", "Takes a strided part", [{
    For each i, takes `starts[i]` to `ends[i]` (exclusive) of axis `axes[i]` in steps of
    `steps[i]`; negative positions count from the end and are clamped as in ONNX Slice.
    - C1: the four lists have one length; axes are distinct, not negative and within the rank.
    - C2: steps are not zero.
  }], (ins Graph_ShapeTensor:$starts, Graph_ShapeTensor:$ends, DenseI64ArrayAttr:$axes, DenseI64ArrayAttr:$steps),
  "$input `from` $starts `to` $ends attr-dict `:` type($input) `,` type($starts) `,` type($ends) `->` type($result)">;
def Graph_PadOp : Graph_Move<"pad", "Pads or crops", [{
    `pads` holds, for each of `axes`, the begins, then the ends; negative ones crop. `value` is
    the filler of mode constant (0 when absent).
    - C1: `pads` has two entries per axis.
  }], (ins Graph_ShapeTensor:$pads, Optional<Graph_Tensor>:$value, DenseI64ArrayAttr:$axes, Graph_PadModeAttr:$mode),
  "$mode $input `by` $pads (`with` $value^)? attr-dict `:` type($input) `,` type($pads) (`,` type($value)^)? `->` type($result)">;
def Graph_ReverseSequenceOp : Graph_Move<"reverse_sequence", "Reverses the first `lengths[b]` steps of every batch row",
  "- C1: `lengths` has the size of `batch_axis`; {batch_axis, time_axis} = {0, 1}.",
  (ins RankedTensorOf<[I64]>:$lengths, I64Attr:$batch_axis, I64Attr:$time_axis),
  "$input `lengths` $lengths attr-dict `:` type($input) `,` type($lengths) `->` type($result)">;
def Graph_DepthToSpaceOp : Graph_Move<"depth_to_space", "Moves channels into blocks of space",
  "ONNX DepthToSpace; `column_row` selects CRD order, else DCR. - C1: channels are a multiple of block * block.",
  (ins I64Attr:$block, UnitAttr:$column_row), "$input attr-dict `:` type($input) `->` type($result)">;
def Graph_SpaceToDepthOp : Graph_Move<"space_to_depth", "Moves blocks of space into channels",
  "- C1: height and width are multiples of block.",
  (ins I64Attr:$block), "$input attr-dict `:` type($input) `->` type($result)">;
def Graph_TriluOp : Graph_Move<"trilu", "Keeps the upper or lower triangle of the last two axes",
  "Elements with column - row < `diagonal` (upper) resp. > `diagonal` (lower) become zero.",
  (ins I64Attr:$diagonal, BoolAttr:$upper), "$input attr-dict `:` type($input) `->` type($result)">;
def Graph_ResizeOp : Graph_Move<"resize", "Resamples", [{
    As ONNX Resize, opset 19, along `axes`. Exactly one of `sizes` and `scales` is given.
    `antialias`, `exclude_outside`, `cubic_coefficient`, `extrapolation_value` and the normalised `roi`
    (starts, then ends, for tf_crop_and_resize) are as there. `scales` content must be derivable.
    - C1: exactly one of sizes and scales, one entry per axis.
  }], (ins Optional<Graph_ShapeTensor>:$sizes, Optional<1DTensorOf<[F32]>>:$scales, DenseI64ArrayAttr:$axes,
       Graph_ResizeModeAttr:$mode, Graph_CoordinateModeAttr:$coordinates, Graph_NearestModeAttr:$nearest,
       DefaultValuedAttr<F32Attr, "-0.75f">:$cubic_coefficient, DefaultValuedAttr<F32Attr, "0.0f">:$extrapolation_value,
       UnitAttr:$exclude_outside, UnitAttr:$antialias, OptionalAttr<DenseF32ArrayAttr>:$roi),
  [{$mode $coordinates $nearest $input (`sizes` $sizes^ `:` type($sizes))? (`scales` $scales^ `:` type($scales))?
    attr-dict `:` type($input) `->` type($result)}], [AttrSizedOperandSegments]>;

def Graph_StepGetOp : Graph_Move<"step_get", "Takes one position along an axis", [{
    The result lacks `axis`; it is `input` at `step`, which is clamped into the dimension. What a
    loop reads of a sequence in one step: made by `expand-recurrent` and the importer.
    - C1: `axis` is within the rank and not negative.

    Example:
    ```mlir
    %row = graph.step_get %x at %i {axis = 0 : i64} : tensor<8x2x4xf32> -> tensor<2x4xf32>
    ```
  }], (ins Index:$step, I64Attr:$axis),
  "$input `at` $step attr-dict `:` type($input) `->` type($result)">;
def Graph_StepSetOp : Graph_Op<"step_set", [AllTypesMatch<["into", "result"]>, AllElementTypesMatch<["value", "into"]>]> {
  let summary = "Replaces one position along an axis";
  let description = [{
    Returns `into` with `value` at `step` of `axis`, clamped into the dimension; `value` lacks that axis. Of a
    loop-carried `into` it is done in place.
    - C1: `axis` is within the rank and not negative.
    - C2: `value` has the other dimensions of `into`.

    Example:
    ```mlir
    %next = graph.step_set %row into %y at %i {axis = 0 : i64} : tensor<2x4xf32> into tensor<8x2x4xf32>
    ```
  }];
  let arguments = (ins Graph_Tensor:$value, Graph_Tensor:$into, Index:$step, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$value `into` $into `at` $step attr-dict `:` type($value) `into` type($into)";
}

def Graph_ConcatOp : Graph_Op<"concat"> {
  let summary = "Joins tensors along an axis";
  let description = [{
    - C1: at least one input; all have one element type and rank; `axis` is within it.
    - C2: other dimensions agree.
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$inputs `along` $axis attr-dict `:` type($inputs) `->` type($result)";
}

def Graph_RangeOp : Graph_Op<"range"> {
  let summary = "Counts from `start` below `limit` in steps of `delta`";
  let description = "Scalars of one type; max(ceil((limit - start) / delta), 0) elements.";
  let arguments = (ins Graph_NumberTensor:$start, Graph_NumberTensor:$limit, Graph_NumberTensor:$delta);
  let results = (outs 1DTensorOf<[AnyFloat, AnyInteger]>:$result);
  let assemblyFormat = [{
    $start `to` $limit `by` $delta attr-dict `:` type($start) `,` type($limit) `,` type($delta) `->` type($result)
  }];
}

def Graph_EyeOp : Graph_Op<"eye"> {
  let summary = "Has ones on a diagonal and zeros elsewhere, in the shape of a matrix";
  let description = "Element (i, j) is 1 where j - i == `diagonal`.";
  let arguments = (ins Graph_Tensor:$like, I64Attr:$diagonal);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$like attr-dict `:` type($like) `->` type($result)";
}
#endif // CINCH_DIALECTS_GRAPH_OPS_MOVEMENT
