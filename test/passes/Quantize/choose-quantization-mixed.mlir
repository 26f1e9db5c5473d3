// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8 granularity=mixed min-elements=8}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8 granularity=mixed min-elements=8 write-plan=%t.json}))' -o %t.chosen
// RUN: FileCheck %s --check-prefix=JSON --input-file=%t.json
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.json}))' -o %t.read
// RUN: diff %t.chosen %t.read
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a8 granularity=mixed}))' -o /dev/null 2>&1 | FileCheck %s --check-prefix=DYNAMIC

// The sum that a norm and the next sum read has a scale for each channel; the norm's
// result one for the product, and for the sum others; what a softmax reads, and
// results of the function, stay as they are.
// CHECK-LABEL: func.func @block
// CHECK-SAME: h = {format = "none", others = {dynamic = false, format = "i8", granularity = "channel", method = "minmax", reason = "stored for 'n', 'y' with one scale for each channel, from samples", symmetric = true}, reason = ""}
// CHECK-SAME: n = {dynamic = false, format = "i8", granularity = "tensor"
// CHECK-SAME: y = {dynamic = false, format = "i8", granularity = "tensor", method = "minmax", reason = "{{[^"]*}}", symmetric = true}
// DYNAMIC: recipe w4a8 has no static scales of activations; granularity mixed is for these
// JSON: "others": {
// JSON: "granularity": "channel"
func.func @block(%x: tensor<4x8xf32> {graph.name = "x"}) -> (tensor<4x8xf32> {graph.name = "y"}, tensor<4x8xf32> {graph.name = "p"}) {
  %w = graph.constant dense<0.5> : tensor<8x8xf32> {names = ["w"]}
  %g = graph.constant dense<1.0> : tensor<8xf32> {names = ["g"]}
  %a = graph.matmul %x by %w {names = ["a"]} : tensor<4x8xf32> by tensor<8x8xf32> -> tensor<4x8xf32>
  %h = graph.add %a, %x {names = ["h"]} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %n = graph.rms_norm %h scale %g {axis = 1 : i64, epsilon = 1.0e-05 : f32, names = ["n"]} : tensor<4x8xf32>, tensor<8xf32> -> tensor<4x8xf32>
  %b = graph.matmul %n by %w {names = ["b"]} : tensor<4x8xf32> by tensor<8x8xf32> -> tensor<4x8xf32>
  %y = graph.add %b, %h {names = ["y"]} : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  %logits = graph.matmul %y by %w {names = ["logits"]} : tensor<4x8xf32> by tensor<8x8xf32> -> tensor<4x8xf32>
  %p = graph.softmax %logits {axis = 1 : i64, names = ["p"]} : tensor<4x8xf32> -> tensor<4x8xf32>
  return %y, %p : tensor<4x8xf32>, tensor<4x8xf32>
}
