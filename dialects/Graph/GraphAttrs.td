//===- GraphAttrs.td - attributes of the graph dialect ----*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_GRAPHATTRS
#define CINCH_DIALECTS_GRAPH_GRAPHATTRS

include "dialects/Graph/GraphDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"

def Graph_WeightAttr : AttrDef<GraphDialect, "Weight", [TypedAttrInterface]> {
  let mnemonic = "weight";
  let summary = "A tensor whose bytes stay in a mapped file";
  let description = [{
    `length` bytes at byte `offset` of `file`, little endian, row-major,
    contiguous; unaligned is legal. Bytes are reached through the dialect's
    `WeightFiles` table only; printing writes the reference, never the bytes.
    `checksum` is the FNV-1a 64 hash of the bytes, 0 when not computed. A bool is
    one byte; elements narrower than a byte are packed, the first in the low bits.
    - C1: the shape is static.
    - C2: `length` is the number of bytes that the type takes.

    Example: `#graph.weight<"model.onnx", 4096, 2359296, 0> : tensor<768x768xf32>`
  }];
  let parameters = (ins StringRefParameter<"path of the file">:$file,
                        "uint64_t":$offset, "uint64_t":$length,
                        "uint64_t":$checksum,
                        AttributeSelfTypeParameter<"", "::mlir::RankedTensorType">:$type);
  let assemblyFormat = "`<` $file `,` $offset `,` $length `,` $checksum `>`";
  let genVerifyDecl = 1;
}

class Graph_I32Enum<string name, string summary, list<string> cases>
    : I32EnumAttr<name, summary,
        !foreach(i, !range(!size(cases)), I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::cinch::graph";
  let genSpecializedAttr = 0;
}
class Graph_EnumAttr<EnumInfo info> : EnumAttr<GraphDialect, info, !tolower(info.className)> {
  let assemblyFormat = "$value";
}

def Graph_Predicate : Graph_I32Enum<"Predicate", "comparison",
  ["eq", "lt", "le", "gt", "ge"]>;
def Graph_PredicateAttr : Graph_EnumAttr<Graph_Predicate>;
def Graph_PadMode : Graph_I32Enum<"PadMode", "how a pad is filled",
  ["constant", "reflect", "edge", "wrap"]>;
def Graph_PadModeAttr : Graph_EnumAttr<Graph_PadMode>;
def Graph_ScatterMode : Graph_I32Enum<"ScatterMode", "how an update meets the old element",
  ["none", "add", "mul", "max", "min"]>;
def Graph_ScatterModeAttr : Graph_EnumAttr<Graph_ScatterMode>;
def Graph_ResizeMode : Graph_I32Enum<"ResizeMode", "interpolation",
  ["nearest", "linear", "cubic"]>;
def Graph_ResizeModeAttr : Graph_EnumAttr<Graph_ResizeMode>;
def Graph_CoordinateMode : Graph_I32Enum<"CoordinateMode", "output to input coordinate, as ONNX Resize names it",
  ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"]>;
def Graph_CoordinateModeAttr : Graph_EnumAttr<Graph_CoordinateMode>;
def Graph_NearestMode : Graph_I32Enum<"NearestMode", "rounding of a nearest coordinate",
  ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]>;
def Graph_NearestModeAttr : Graph_EnumAttr<Graph_NearestMode>;
def Graph_Rounding : Graph_I32Enum<"Rounding", "power of two that a number becomes",
  ["nearest", "up", "down"]>;
def Graph_RoundingAttr : Graph_EnumAttr<Graph_Rounding>;
def Graph_Direction : Graph_I32Enum<"Direction", "order of a recurrence over time",
  ["forward", "reverse", "bidirectional"]>;
def Graph_DirectionAttr : Graph_EnumAttr<Graph_Direction>;

#endif // CINCH_DIALECTS_GRAPH_GRAPHATTRS
