//===- Recurrent.td - recurrent cells over time ------------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_RECURRENT
#define CINCH_DIALECTS_GRAPH_OPS_RECURRENT

include "dialects/Graph/GraphBase.td"

/// Shapes: T time, B batch, I input size, H hidden size, D directions, G gates.
class Graph_Recurrent<string mnemonic, string text, string more, dag extraIn, dag extraAttr, dag extraOut>
    : Graph_Op<mnemonic, [AttrSizedOperandSegments], ["getFlops"]> {
  let summary = text;
  let description = more # [{
    `input` [T, B, I], `weight` [D, G*H, I], `recurrence` [D, G*H, H], `bias` [D, 2*G*H],
    `initial_h` [D, B, H]; `sequence` [T, D, B, H], `last_h` [D, B, H]. `activations` holds lower case
    ONNX names, in order, for each direction. Gate order and formulas as in ONNX.
    - C1: shapes agree as listed.
  }];
  let arguments = !con((ins Graph_FloatTensor:$input, Graph_FloatTensor:$weight, Graph_FloatTensor:$recurrence,
    Optional<Graph_FloatTensor>:$bias, Optional<RankedTensorOf<[I32]>>:$lengths, Optional<Graph_FloatTensor>:$initial_h),
    extraIn, (ins I64Attr:$hidden_size, Graph_DirectionAttr:$direction, StrArrayAttr:$activations,
      OptionalAttr<F32Attr>:$clip, UnitAttr:$batch_first), extraAttr);
  let results = !con((outs Graph_FloatTensor:$sequence, Graph_FloatTensor:$last_h), extraOut);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
def Graph_LSTMOp : Graph_Recurrent<"lstm", "Runs a long short-term memory over time", "ONNX LSTM. ",
  (ins Optional<Graph_FloatTensor>:$initial_c, Optional<Graph_FloatTensor>:$peephole),
  (ins UnitAttr:$input_forget), (outs Graph_FloatTensor:$last_c)>;
def Graph_GRUOp : Graph_Recurrent<"gru", "Runs a gated recurrent unit over time", "ONNX GRU. ",
  (ins), (ins UnitAttr:$linear_before_reset), (outs)>;
def Graph_RNNOp : Graph_Recurrent<"rnn", "Runs a simple recurrent network over time", "ONNX RNN. ",
  (ins), (ins), (outs)>;
#endif // CINCH_DIALECTS_GRAPH_OPS_RECURRENT
