//===- Indexing.td - gather, scatter and sampling ----------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_INDEXING
#define CINCH_DIALECTS_GRAPH_OPS_INDEXING

include "dialects/Graph/GraphBase.td"

class Graph_Gather<string mnemonic, string text, string more, dag extra>
    : Graph_Op<mnemonic, [AllElementTypesMatch<["input", "result"]>]> {
  let summary = text;
  let description = more # " Negative indices count from the end; one out of range fails the run.";
  let arguments = !con((ins Graph_Tensor:$input, Graph_IndexTensor:$indices), extra);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$input `at` $indices attr-dict `:` type($input) `,` type($indices) `->` type($result)";
}
def Graph_GatherOp : Graph_Gather<"gather", "Takes slices along an axis by index",
  "The dimension `axis` is replaced by those of `indices`. - C1: `axis` is within the rank and not negative.",
  (ins I64Attr:$axis)>;
def Graph_GatherElementsOp : Graph_Gather<"gather_elements", "Takes elements along an axis by index",
  "The result has the shape of `indices`. - C1: ranks agree and `axis` is within.", (ins I64Attr:$axis)>;
def Graph_GatherNDOp : Graph_Gather<"gather_nd", "Takes slices by index tuples",
  "ONNX GatherND: tuples are the last axis of `indices`. - C1: batch dimensions agree; tuple length is static and within the rank.",
  (ins I64Attr:$batch_dims)>;

class Graph_Scatter<string mnemonic, string text, string more, dag extra>
    : Graph_Op<mnemonic, [AllElementTypesMatch<["input", "result"]>]> {
  let summary = text;
  let description = more # " Negative indices count from the end; one out of range fails the run. Updates apply in order.";
  let arguments = !con((ins Graph_Tensor:$input, Graph_IndexTensor:$indices, Graph_Tensor:$updates),
                       extra, (ins Graph_ScatterModeAttr:$mode));
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $mode $updates `into` $input `at` $indices attr-dict `:` type($updates) `into` type($input) `,` type($indices) `->` type($result)
  }];
}
def Graph_ScatterElementsOp : Graph_Scatter<"scatter_elements", "Writes elements along an axis by index",
  "- C1: `indices` and `updates` have one shape, of the rank of `input`.", (ins I64Attr:$axis)>;
def Graph_ScatterNDOp : Graph_Scatter<"scatter_nd", "Writes slices by index tuples",
  "ONNX ScatterND. - C1: `updates` has the shape that the indices and the input imply.", (ins)>;

def Graph_OneHotOp : Graph_Op<"one_hot"> {
  let summary = "Marks one position along a new axis";
  let description = [{
    `values` = [off, on]; `depth` is a one-element tensor whose content must be derivable; an index outside
    [-depth, depth) marks nothing. - C1: `axis` is within the rank of the result.
  }];
  let arguments = (ins Graph_NumberTensor:$indices, Graph_NumberTensor:$depth, 1DTensorOf<[AnyFloat, AnyInteger]>:$values, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $indices `depth` $depth `values` $values attr-dict `:` type($indices) `,` type($depth) `,` type($values) `->` type($result)
  }];
}

def Graph_GridSampleOp : Graph_Op<"grid_sample"> {
  let summary = "Samples at the points of a grid";
  let description = "ONNX GridSample; `padding` edge is border, constant is zeros, reflect is reflection; any number of spatial axes.";
  let arguments = (ins Graph_FloatTensor:$input, Graph_FloatTensor:$grid, Graph_ResizeModeAttr:$mode,
    Graph_PadModeAttr:$padding, UnitAttr:$align_corners);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$mode $padding $input `at` $grid attr-dict `:` type($input) `,` type($grid) `->` type($result)";
}
#endif // CINCH_DIALECTS_GRAPH_OPS_INDEXING
