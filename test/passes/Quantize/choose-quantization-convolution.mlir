// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8 min-elements=8 report}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a4 min-elements=8}))' -o %t 2>&1 | FileCheck %s --check-prefix=WARNING
// RUN: FileCheck %s --check-prefix=TOKEN --input-file=%t
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a8 granularity=tensor min-elements=8}))' | FileCheck %s --check-prefix=TENSOR
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w3a16 min-elements=8 report}))' | FileCheck %s --check-prefix=THREE

// THREE-LABEL: func.func @convolution
// THREE-SAME: filters = 1
// THREE-SAME: f = {format = "none", reason = "is a filter; i3 is packed by rows, which are short in filters"}

// TENSOR-LABEL: func.func @convolution
// TENSOR-SAME: f = {dynamic = {{[a-z]*}}, format = "i4", granularity = "channel"
// TENSOR-SAME: x = {dynamic = true, format = "i8", granularity = "tensor"

// WARNING: warning: choose-quantization: no product is quantized: 0 have no constant operand, 0 are not selected, 2 are left for the reasons in the plan
// CHECK-LABEL: func.func @convolution
// CHECK-SAME: depthwise = 1
// CHECK-SAME: f = {dynamic = {{[a-z]*}}, format = "i8", granularity = "channel"
// CHECK-SAME: g = {format = "none", reason = "depthwise: each output sums only 9 products, so errors do not average out, and there is little to save"}
// TOKEN-LABEL: func.func @convolution
// TOKEN-SAME: f = {format = "none", reason = "is of a convolution, whose windows cannot have a scale for each row; w8a8 takes one scale from samples"}
func.func @convolution(%x: tensor<1x3x8x8xf32> {graph.name = "x"}) {
  %f = graph.constant dense<0.5> : tensor<4x3x3x3xf32> {names = ["f"]}
  %g = graph.constant dense<0.5> : tensor<4x1x3x3xf32> {names = ["g"]}
  %a = graph.conv %x by %f {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["a"]} : tensor<1x3x8x8xf32> by tensor<4x3x3x3xf32> -> tensor<1x4x8x8xf32>
  %b = graph.conv %a by %g {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, group = 4 : i64, names = ["b"]} : tensor<1x4x8x8xf32> by tensor<4x1x3x3xf32> -> tensor<1x4x8x8xf32>
  return
}
