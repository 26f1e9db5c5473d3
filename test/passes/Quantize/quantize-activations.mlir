// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.safetensors %build/bin/cinch-opt %s x=127,12.7 r=5.1,2
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-activations{report calibration=%t.safetensors}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-activations{calibration=%t.safetensors}))' -o %t.once
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-activations{calibration=%t.safetensors},quantize-activations{calibration=%t.safetensors}))' -o %t.twice
// RUN: diff %t.once %t.twice

// One scale for both products; what is no product, or has no quantized weight,
// keeps the float.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<?x2xf32>
// CHECK-SAME: graph.quantize_activations_report = {bits_after = 28 : i64, bits_before = 128 : i64, dynamic = 2 : i64, left = 1 : i64, others = 0 : i64, products = 5 : i64, static = 2 : i64}
// CHECK: %[[S:.*]] = graph.constant dense<1.000000e+00> : tensor<f32> {names = ["x/scale"]}
// CHECK: %[[Q:.*]] = graph.quantize %[[X]] scale %[[S]] {axis = 0 : i64, names = ["x/q"]} : tensor<?x2xf32>, tensor<f32> -> tensor<?x2xi8>
// CHECK: %[[D:.*]] = graph.dequantize %[[Q]] scale %[[S]] {axis = 0 : i64, names = ["x/dq"]} : tensor<?x2xi8>, tensor<f32> -> tensor<?x2xf32>
// CHECK: graph.matmul %[[D]] by %{{.*}} {names = ["a"]}
// CHECK: graph.matmul %[[D]] by %{{.*}} {names = ["b"]}
// CHECK: graph.matmul %[[X]] by %{{.*}} {names = ["float"]}

// From -2.55 to 5.1 in 256 steps of 0.03.
// CHECK: %[[R:.*]] = graph.add %[[X]], %{{.*}} {names = ["r"]}
// CHECK: %[[S:.*]] = graph.constant dense<3.000000e-02> : tensor<f32> {names = ["r/scale"]}
// CHECK: %[[Z:.*]] = graph.constant dense<85> : tensor<ui8> {names = ["r/zero"]}
// CHECK: graph.quantize %[[R]] scale %[[S]] zero %[[Z]] : tensor<ui8> {axis = 0 : i64, names = ["r/q"]} : tensor<?x2xf32>, tensor<f32> -> tensor<?x2xui8>
// CHECK: graph.dequantize %{{.*}} scale %[[S]] zero %[[Z]] : tensor<ui8> {axis = 0 : i64, names = ["r/dq"]}

// CHECK: %[[V:.*]] = graph.neg {{.*}}names = ["t"]
// CHECK: %[[A:.*]] = graph.abs %[[V]]
// CHECK: %[[M:.*]] = graph.reduce_max %[[A]] over [1] {names = ["t/largest"]} : tensor<?x2xf32> -> tensor<?x1xf32>
// CHECK: %[[C:.*]] = graph.constant dense<1.270000e+02> : tensor<f32>
// CHECK: %[[E:.*]] = graph.div %[[M]], %[[C]]
// CHECK: %[[L:.*]] = graph.constant dense<1.17549435E-38> : tensor<f32>
// CHECK: %[[S:.*]] = graph.max %[[E]], %[[L]] {names = ["t/scale"]}
// CHECK: graph.quantize %[[V]] scale %[[S]] {axis = 1 : i64, group_size = 2 : i64, names = ["t/q"]} : tensor<?x2xf32>, tensor<?x1xf32> -> tensor<?x2xi8>

// CHECK: %[[V:.*]] = graph.exp {{.*}}names = ["g"]
// CHECK: %[[N:.*]] = graph.constant dense<[0, 2, 4]> : tensor<3xi64>
// CHECK: %[[R:.*]] = graph.reshape %[[V]] to %[[N]] {{.*}} -> tensor<?x2x4xf32>
// CHECK: %[[A:.*]] = graph.abs %[[R]]
// CHECK: graph.reduce_max %[[A]] over [2] {keep_dims = false, {{.*}} -> tensor<?x2xf32>
// CHECK: graph.constant dense<7.000000e+00>
// CHECK: graph.quantize %[[V]] scale %{{.*}} {axis = 1 : i64, group_size = 4 : i64, names = ["g/q"]} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xi4>
func.func @main(%x: tensor<?x2xf32> {graph.name = "x"}, %y: tensor<?x8xf32> {graph.name = "y"}) attributes {graph.quantization_plan = {
    x = {format = "i8"},
    r = {format = "ui8", symmetric = false},
    t = {format = "i8", granularity = "token", dynamic = true},
    g = {format = "i4", granularity = "group", group = 4 : i64, dynamic = true},
    y = {format = "i8", dynamic = true},
    w = {format = "i8"}}} {
  %w = graph.constant dense<1.0> : tensor<2x2xf32> {names = ["w"]}
  %q = graph.constant dense<1> : tensor<2x2xi8> {names = ["w/q"]}
  %q8 = graph.constant dense<1> : tensor<8x2xi8> {names = ["v/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<2x2xi8>, tensor<f32> -> tensor<2x2xf32>
  %d8 = graph.dequantize %q8 scale %s {axis = 0 : i64, names = ["v/dq"]} : tensor<8x2xi8>, tensor<f32> -> tensor<8x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<?x2xf32> by tensor<2x2xf32> -> tensor<?x2xf32>
  %b = graph.matmul %x by %d {names = ["b"]} : tensor<?x2xf32> by tensor<2x2xf32> -> tensor<?x2xf32>
  %f = graph.matmul %x by %w {names = ["float"]} : tensor<?x2xf32> by tensor<2x2xf32> -> tensor<?x2xf32>
  %r = graph.add %x, %a {names = ["r"]} : tensor<?x2xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
  %c = graph.matmul %r by %d {names = ["c"]} : tensor<?x2xf32> by tensor<2x2xf32> -> tensor<?x2xf32>
  %t = graph.neg %r {names = ["t"]} : tensor<?x2xf32> -> tensor<?x2xf32>
  %u = graph.matmul %t by %d {names = ["u"]} : tensor<?x2xf32> by tensor<2x2xf32> -> tensor<?x2xf32>
  %g = graph.exp %y {names = ["g"]} : tensor<?x8xf32> -> tensor<?x8xf32>
  %h = graph.matmul %g by %d8 {names = ["h"]} : tensor<?x8xf32> by tensor<8x2xf32> -> tensor<?x2xf32>
  return
}
