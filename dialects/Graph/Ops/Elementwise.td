//===- Elementwise.td - element-wise operations -----------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_OPS_ELEMENTWISE
#define CINCH_DIALECTS_GRAPH_OPS_ELEMENTWISE

include "dialects/Graph/GraphBase.td"

/// A trait of every op that computes each result element from the operand
/// elements at the same (broadcast) position.
def Graph_Elementwise : NativeOpTrait<"Elementwise"> {
  let cppNamespace = "::cinch::graph";
}

class Graph_Unary<string mnemonic, string text, Type type = Graph_FloatTensor>
    : Graph_Op<mnemonic, [Graph_Elementwise, SameOperandsAndResultElementType]> {
  let summary = text;
  let description = "Element by element; the result has the shape of `input`.";
  let arguments = (ins type:$input);
  let results = (outs type:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def Graph_AbsOp : Graph_Unary<"abs", "Returns the absolute value", Graph_NumberTensor>;
def Graph_NegOp : Graph_Unary<"neg", "Changes the sign", Graph_NumberTensor>;
def Graph_SignOp : Graph_Unary<"sign", "Returns -1, 0 or 1", Graph_NumberTensor>;
def Graph_ExpOp : Graph_Unary<"exp", "Returns e to the power of the input">;
def Graph_LogOp : Graph_Unary<"log", "Returns the natural logarithm">;
def Graph_SqrtOp : Graph_Unary<"sqrt", "Returns the square root">;
def Graph_ReciprocalOp : Graph_Unary<"reciprocal", "Returns one over the input">;
def Graph_SinOp : Graph_Unary<"sin", "Returns the sine">;
def Graph_CosOp : Graph_Unary<"cos", "Returns the cosine">;
def Graph_TanOp : Graph_Unary<"tan", "Returns the tangent">;
def Graph_AsinOp : Graph_Unary<"asin", "Returns the arc sine">;
def Graph_AcosOp : Graph_Unary<"acos", "Returns the arc cosine">;
def Graph_AtanOp : Graph_Unary<"atan", "Returns the arc tangent">;
def Graph_SinhOp : Graph_Unary<"sinh", "Returns the hyperbolic sine">;
def Graph_CoshOp : Graph_Unary<"cosh", "Returns the hyperbolic cosine">;
def Graph_TanhOp : Graph_Unary<"tanh", "Returns the hyperbolic tangent">;
def Graph_AsinhOp : Graph_Unary<"asinh", "Returns the inverse hyperbolic sine">;
def Graph_AcoshOp : Graph_Unary<"acosh", "Returns the inverse hyperbolic cosine">;
def Graph_AtanhOp : Graph_Unary<"atanh", "Returns the inverse hyperbolic tangent">;
def Graph_ErfOp : Graph_Unary<"erf", "Returns the error function">;
def Graph_FloorOp : Graph_Unary<"floor", "Rounds down">;
def Graph_CeilOp : Graph_Unary<"ceil", "Rounds up">;
def Graph_RoundOp : Graph_Unary<"round", "Rounds to nearest, ties to even">;
def Graph_ReluOp : Graph_Unary<"relu", "Replaces negative elements by zero", Graph_NumberTensor>;
def Graph_SigmoidOp : Graph_Unary<"sigmoid", "Returns 1 / (1 + exp(-x))">;
def Graph_NotOp : Graph_Unary<"not", "Negates a bool or every bit of an integer", Graph_IntTensor>;

class Graph_Test<string mnemonic, string text, dag extra = (ins)>
    : Graph_Op<mnemonic, [Graph_Elementwise]> {
  let summary = text;
  let description = "Element by element; the result has the shape of `input`.";
  let arguments = !con((ins Graph_FloatTensor:$input), extra);
  let results = (outs Graph_BoolTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
def Graph_IsNanOp : Graph_Test<"is_nan", "Tests for not-a-number">;
def Graph_IsInfOp : Graph_Test<"is_inf", "Tests for infinity",
  (ins DefaultValuedAttr<BoolAttr, "true">:$positive, DefaultValuedAttr<BoolAttr, "true">:$negative)>;

class Graph_Binary<string mnemonic, string text, Type type = Graph_NumberTensor>
    : Graph_Op<mnemonic, [Graph_Elementwise, SameOperandsAndResultElementType]> {
  let summary = text;
  let description = [{
    Element by element, operands broadcast as in numpy.
    - C1: aligned at the last axis, dimensions are equal or one of them is 1.
  }];
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs type:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)";
}
def Graph_AddOp : Graph_Binary<"add", "Adds">;
def Graph_SubOp : Graph_Binary<"sub", "Subtracts">;
def Graph_MulOp : Graph_Binary<"mul", "Multiplies">;
def Graph_DivOp : Graph_Binary<"div", "Divides (integers truncate towards zero; x / 0 is 0 for integers)">;
def Graph_PowOp : Graph_Op<"pow", [Graph_Elementwise]> {
  let summary = "Raises to a power";
  let description = [{
    Element by element with broadcasting; the result has the element type of
    `lhs`, whatever that of the exponent.
  }];
  let arguments = (ins Graph_NumberTensor:$lhs, Graph_NumberTensor:$rhs);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)";
}
def Graph_MinOp : Graph_Binary<"min", "Returns the smaller element (NaN if one is NaN)">;
def Graph_MaxOp : Graph_Binary<"max", "Returns the larger element (NaN if one is NaN)">;
def Graph_FloorModOp : Graph_Binary<"floor_mod", "Returns the remainder with the sign of the divisor">;
def Graph_FmodOp : Graph_Binary<"fmod", "Returns the remainder with the sign of the dividend">;
def Graph_AndOp : Graph_Binary<"and", "Ands bools or bits", Graph_IntTensor>;
def Graph_OrOp : Graph_Binary<"or", "Ors bools or bits", Graph_IntTensor>;
def Graph_XorOp : Graph_Binary<"xor", "Exclusive-ors bools or bits", Graph_IntTensor>;
def Graph_ShiftLeftOp : Graph_Binary<"shift_left", "Shifts bits left (0 when shifted out)", Graph_IntTensor>;
def Graph_ShiftRightOp : Graph_Binary<"shift_right", "Shifts bits right, logically (0 when shifted out)", Graph_IntTensor>;

def Graph_CompareOp : Graph_Op<"compare", [Graph_Elementwise]> {
  let summary = "Compares";
  let description = [{
    Element by element with broadcasting; false where an operand is NaN.
    - C1: aligned at the last axis, dimensions are equal or one of them is 1.
    - C2: both operands have one element type.
  }];
  let arguments = (ins Graph_PredicateAttr:$predicate, Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let results = (outs Graph_BoolTensor:$result);
  let assemblyFormat = "$predicate $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)";
}

def Graph_SelectOp : Graph_Op<"select", [Graph_Elementwise]> {
  let summary = "Chooses between two tensors element by element";
  let description = [{
    `on_true` where `condition`, else `on_false`; all three broadcast.
    - C1: dimensions broadcast.
    - C2: `on_true`, `on_false` and the result have one element type.
  }];
  let arguments = (ins Graph_BoolTensor:$condition, Graph_Tensor:$on_true, Graph_Tensor:$on_false);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $condition `then` $on_true `else` $on_false attr-dict `:` type($condition) `,` type($on_true) `,`
    type($on_false) `->` type($result)
  }];
}

def Graph_CastOp : Graph_Op<"cast", [Graph_Elementwise]> {
  let summary = "Converts the element type";
  let description = [{
    Float to integer truncates towards zero (out of range: saturates, as
    `onnx.reference` on common hardware does not promise anything); to bool is
    `!= 0`; float to a narrower float rounds to nearest even. To an integer of 2 or 4 bits the
    higher bits of the 32-bit one are dropped, as from a wider integer.

    Only for floats of 8 bits: `saturate` makes the largest number of what is too large, an
    infinity included; without it that is an infinity, or NaN where the type has none.
    `f4E2M1FN`, which has neither, always saturates, and NaN becomes 0. `rounding` is how
    `f8E8M0FNU` is made, whose numbers are powers of two without sign.
  }];
  let arguments = (ins Graph_Tensor:$input, DefaultValuedAttr<BoolAttr, "true">:$saturate,
    DefaultValuedAttr<Graph_RoundingAttr, "::cinch::graph::Rounding::nearest">:$rounding);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}
#endif // CINCH_DIALECTS_GRAPH_OPS_ELEMENTWISE
