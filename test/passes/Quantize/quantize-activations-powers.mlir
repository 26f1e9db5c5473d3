// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-activations))' | FileCheck %s

// The power of two of the largest magnitude, over 4, without the bits behind it.
// CHECK-LABEL: func.func @powers
// CHECK: %[[M:.*]] = graph.reduce_max {{.*}} -> tensor<?x2xf32>
// CHECK: %[[C:.*]] = graph.constant dense<2.500000e-01> : tensor<f32>
// CHECK: %[[E:.*]] = graph.mul %[[M]], %[[C]]
// CHECK: %[[L:.*]] = graph.constant dense<1.17549435E-38> : tensor<f32>
// CHECK: %[[N:.*]] = graph.max %[[E]], %[[L]]
// CHECK: %[[S:.*]] = graph.cast %[[N]] {names = ["g/scale"], rounding = #graph<rounding down>} : tensor<?x2xf32> -> tensor<?x2xf8E8M0FNU>
// CHECK: graph.quantize %{{.*}} scale %[[S]] {axis = 1 : i64, group_size = 4 : i64, names = ["g/q"]} : tensor<?x8xf32>, tensor<?x2xf8E8M0FNU> -> tensor<?x8xf4E2M1FN>
func.func @powers(%g: tensor<?x8xf32> {graph.name = "g"}) attributes {graph.quantization_plan = {
    g = {format = "f4E2M1FN", granularity = "group", group = 4 : i64, scales = "f8E8M0FNU", dynamic = true}}} {
  %q = graph.constant dense<1> : tensor<8x2xi8> {names = ["v/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["v/dq"]} : tensor<8x2xi8>, tensor<f32> -> tensor<8x2xf32>
  %h = graph.matmul %g by %d {names = ["h"]} : tensor<?x8xf32> by tensor<8x2xf32> -> tensor<?x2xf32>
  return
}

// CHECK-LABEL: func.func @logarithms
// CHECK: %[[P:.*]] = graph.softmax
// CHECK: %[[L:.*]] = graph.log %[[P]]
// CHECK: %[[C:.*]] = graph.constant dense<-1.44269502> : tensor<f32>
// CHECK: %[[B:.*]] = graph.mul %[[L]], %[[C]]
// CHECK: %[[R:.*]] = graph.round %[[B]]
// CHECK: %[[M:.*]] = graph.min %[[R]], %{{.*}}
// CHECK: %[[Q:.*]] = graph.cast %[[M]] {names = ["p/q"]} : tensor<?x8xf32> -> tensor<?x8xui4>
// CHECK: %[[D:.*]] = graph.dequantize %[[Q]] scale %{{.*}} {axis = 0 : i64, levels = array<f32: 1.000000e+00, 5.000000e-01, {{.*}}, 0.000000e+00>, names = ["p/dq"]}
// CHECK: graph.matmul %[[D]] by
// CHECK: graph.neg %[[P]]
func.func @logarithms(%x: tensor<?x8xf32> {graph.name = "x"}, %y: tensor<8x2xf32> {graph.name = "y"}) attributes {graph.quantization_plan = {p = {format = "log2"}}} {
  %p = graph.softmax %x {axis = 1 : i64, names = ["p"]} : tensor<?x8xf32> -> tensor<?x8xf32>
  %a = graph.matmul %p by %y {names = ["a"]} : tensor<?x8xf32> by tensor<8x2xf32> -> tensor<?x2xf32>
  %n = graph.neg %p {names = ["n"]} : tensor<?x8xf32> -> tensor<?x8xf32>
  return
}
