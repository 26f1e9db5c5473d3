// RUN: cinch-opt %s -split-input-file -form-kernels | FileCheck %s

// A weight of few bits is widened in the kernel of the product, also where it
// is read transposed; what is behind the product joins it as before.
// CHECK-LABEL: func.func @widens_a_weight_in_the_product
// CHECK: %[[W:.*]] = exec.weight {{.*}} : tensor<6x4xi4>
// CHECK: exec.kernel @[[BODY:.*]](%[[W]],
// CHECK-NOT: exec.kernel
// CHECK: return
// CHECK: func.func private @[[BODY]]
// CHECK-SAME: exec.kind = "contraction"
func.func @widens_a_weight_in_the_product(%x: tensor<5x4xf32> {graph.name = "x"})
    -> (tensor<5x6xf32> {graph.name = "y"}) attributes {graph.entry} {
  %w = graph.constant dense<[[1, 2, 3, 4], [-1, -2, -3, -4], [5, 6, 7, -8], [0, 0, 1, 1], [2, 2, 2, 3], [1, 0, 0, 1]]> : tensor<6x4xi4> {names = ["w"]}
  %s = graph.constant dense<[[0.5, 1.0], [2.0, 0.25], [1.0, 1.0], [2.0, 2.0], [0.5, 0.5], [0.25, 1.0]]> : tensor<6x2xf32> {names = ["s"]}
  %dq = graph.dequantize %w scale %s {axis = 1 : i64, group_size = 2 : i64, names = ["dq"]} : tensor<6x4xi4>, tensor<6x2xf32> -> tensor<6x4xf32>
  %t = graph.transpose %dq by [1, 0] {names = ["t"]} : tensor<6x4xf32> -> tensor<4x6xf32>
  %p = graph.matmul %x by %t {names = ["p"]} : tensor<5x4xf32> by tensor<4x6xf32> -> tensor<5x6xf32>
  %y = graph.relu %p {names = ["y"]} : tensor<5x6xf32> -> tensor<5x6xf32>
  return %y : tensor<5x6xf32>
}

// -----

// A value of 8 bits is rounded by the kernel that makes it, and widened by each
// product: nothing of 32 bits is between them.
// CHECK-LABEL: func.func @stores_8_bits
// CHECK: %[[Q:.*]] = exec.kernel {{.*}} -> tensor<5x6xi8>
// CHECK: exec.kernel @{{.*}}(%[[Q]], %{{.*}}) {{.*}} -> tensor<5x3xf32>
// CHECK: exec.kernel @{{.*}}(%[[Q]], %{{.*}}) {{.*}} -> tensor<5x3xf32>
// CHECK-NOT: exec.kernel
// CHECK: return
func.func @stores_8_bits(%x: tensor<5x4xf32> {graph.name = "x"}, %a: tensor<4x6xf32> {graph.name = "a"},
    %b: tensor<6x3xf32> {graph.name = "b"}, %c: tensor<6x3xf32> {graph.name = "c"})
    -> (tensor<5x3xf32> {graph.name = "y"}, tensor<5x3xf32> {graph.name = "z"}) attributes {graph.entry} {
  %s = graph.constant dense<0.5> : tensor<f32> {names = ["s"]}
  %p = graph.matmul %x by %a {names = ["p"]} : tensor<5x4xf32> by tensor<4x6xf32> -> tensor<5x6xf32>
  %q = graph.quantize %p scale %s {axis = 0 : i64, names = ["q"]} : tensor<5x6xf32>, tensor<f32> -> tensor<5x6xf8E4M3FN>
  %dq = graph.dequantize %q scale %s {axis = 0 : i64, names = ["dq"]} : tensor<5x6xf8E4M3FN>, tensor<f32> -> tensor<5x6xf32>
  %y = graph.matmul %dq by %b {names = ["y"]} : tensor<5x6xf32> by tensor<6x3xf32> -> tensor<5x3xf32>
  %z = graph.matmul %dq by %c {names = ["z"]} : tensor<5x6xf32> by tensor<6x3xf32> -> tensor<5x3xf32>
  return %y, %z : tensor<5x3xf32>, tensor<5x3xf32>
}

// -----

// The scale of a row is computed once, by the kernel that rounds the row, and not for
// each element of a panel.
// CHECK-LABEL: func.func @computes_scales_once
// CHECK: exec.kernel {{.*}} -> (tensor<5x4xi8>, tensor<5x1xf32>)
// CHECK: exec.kernel {{.*}} -> tensor<5x3xf32>
// CHECK-NOT: exec.kernel
// CHECK: return
func.func @computes_scales_once(%x: tensor<5x4xf32> {graph.name = "x"}, %b: tensor<4x3xf32> {graph.name = "b"})
    -> (tensor<5x3xf32> {graph.name = "y"}) attributes {graph.entry} {
  %c = graph.constant dense<127.0> : tensor<f32> {names = ["c"]}
  %abs = graph.abs %x {names = ["abs"]} : tensor<5x4xf32> -> tensor<5x4xf32>
  %max = graph.reduce_max %abs over [1] {keepdims, names = ["max"]} : tensor<5x4xf32> -> tensor<5x1xf32>
  %s = graph.div %max, %c {names = ["s"]} : tensor<5x1xf32>, tensor<f32> -> tensor<5x1xf32>
  %q = graph.quantize %x scale %s {axis = 1 : i64, group_size = 4 : i64, names = ["q"]} : tensor<5x4xf32>, tensor<5x1xf32> -> tensor<5x4xi8>
  %dq = graph.dequantize %q scale %s {axis = 1 : i64, group_size = 4 : i64, names = ["dq"]} : tensor<5x4xi8>, tensor<5x1xf32> -> tensor<5x4xf32>
  %y = graph.matmul %dq by %b {names = ["y"]} : tensor<5x4xf32> by tensor<4x3xf32> -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// -----

// A scale that is given with the input is nothing that could be moved.
// CHECK-LABEL: func.func @rounds_with_a_given_scale
// CHECK: exec.kernel {{.*}} -> tensor<5x6xi8>
func.func @rounds_with_a_given_scale(%x: tensor<5x6xf32> {graph.name = "x"}, %s: tensor<f32> {graph.name = "s"}, %z: tensor<i8> {graph.name = "z"})
    -> (tensor<5x6xi8> {graph.name = "y"}) attributes {graph.entry} {
  %y = graph.quantize %x scale %s zero %z : tensor<i8> {axis = 0 : i64, names = ["y"]} : tensor<5x6xf32>, tensor<f32> -> tensor<5x6xi8>
  return %y : tensor<5x6xi8>
}
