// RUN: cinch-opt -split-input-file -pass-pipeline='builtin.module(func.func(form-integer-products{report},verify-names))' %s | FileCheck %s
// RUN: cinch-opt -split-input-file -pass-pipeline='builtin.module(func.func(form-integer-products,form-integer-products{report}))' %s | FileCheck %s --check-prefix=AGAIN

// A scale for each token and one for each column of the weights.
// CHECK-LABEL: func.func @scales_by_token_and_column
// CHECK-SAME: formed = 1
// AGAIN-LABEL: func.func @scales_by_token_and_column
// AGAIN-SAME: formed = 0
func.func @scales_by_token_and_column(%x: tensor<?x4xi8> {graph.name = "x"}, %s: tensor<?x1xf32> {graph.name = "s"}) -> tensor<?x2xf32> {
  // CHECK: %[[W:.*]] = graph.constant dense<{{.*}}> : tensor<4x2xi8>
  // CHECK: %[[T:.*]] = graph.constant dense<{{.*}}> : tensor<2xf32>
  // CHECK: %[[P:.*]] = graph.matmul %arg0 by %[[W]] {names = ["y/integers"]} : tensor<?x4xi8> by tensor<4x2xi8> -> tensor<?x2xi32>
  // CHECK: %[[R:.*]] = graph.cast %[[P]] {names = ["y/real"]}
  // CHECK: %[[U:.*]] = graph.mul %[[R]], %arg1 {names = ["y/scaled"]}
  // CHECK: %[[Y:.*]] = graph.mul %[[U]], %[[T]] {names = ["y"]}
  // CHECK: return %[[Y]]
  %w = graph.constant dense<[[1, 2], [3, 4], [-5, -6], [7, 127]]> : tensor<4x2xi8> {names = ["w/q"]}
  %t = graph.constant dense<[0.5, 0.25]> : tensor<2xf32> {names = ["w/scale"]}
  %a = graph.dequantize %x scale %s {axis = 1 : i64, group_size = 4 : i64, names = ["x/dq"]} : tensor<?x4xi8>, tensor<?x1xf32> -> tensor<?x4xf32>
  %b = graph.dequantize %w scale %t {axis = 1 : i64, names = ["w/dq"]} : tensor<4x2xi8>, tensor<2xf32> -> tensor<4x2xf32>
  %y = graph.matmul %a by %b {names = ["y"]} : tensor<?x4xf32> by tensor<4x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// 3 * (1 + 3, 2 + 4) comes off; the unsigned weights take in their zero point.
// CHECK-LABEL: func.func @takes_constant_zero_points_out
// CHECK-SAME: formed = 1
func.func @takes_constant_zero_points_out(%x: tensor<5x2xui8> {graph.name = "x"}) -> tensor<5x2xf32> {
  // CHECK: %[[W:.*]] = graph.constant #graph.weight<{{.*}}> : tensor<2x2xi8> {names = ["y/weights"]}
  // CHECK: %[[P:.*]] = graph.matmul %arg0 by %[[W]] {names = ["y/integers"]} : tensor<5x2xui8> by tensor<2x2xi8> -> tensor<5x2xi32>
  // CHECK: %[[T:.*]] = graph.constant dense<[12, 18]> : tensor<2xi32> {names = ["y/term"]}
  // CHECK: %[[C:.*]] = graph.sub %[[P]], %[[T]] {names = ["y/corrected"]}
  // CHECK: graph.cast %[[C]]
  %w = graph.constant dense<[[129, 130], [131, 132]]> : tensor<2x2xui8> {names = ["w"]}
  %s = graph.constant dense<0.5> : tensor<f32> {names = ["s"]}
  %zx = graph.constant dense<3> : tensor<ui8> {names = ["zx"]}
  %zw = graph.constant dense<128> : tensor<ui8> {names = ["zw"]}
  %a = graph.dequantize %x scale %s zero %zx : tensor<ui8> {axis = 0 : i64, names = ["x/dq"]} : tensor<5x2xui8>, tensor<f32> -> tensor<5x2xf32>
  %b = graph.dequantize %w scale %s zero %zw : tensor<ui8> {axis = 0 : i64, names = ["w/dq"]} : tensor<2x2xui8>, tensor<f32> -> tensor<2x2xf32>
  %y = graph.matmul %a by %b {names = ["y"]} : tensor<5x2xf32> by tensor<2x2xf32> -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// As ONNX's MatMulInteger is imported: the zero point of x is only known later.
// CHECK-LABEL: func.func @integer_product
// CHECK-SAME: formed = 1
func.func @integer_product(%x: tensor<5x2xui8> {graph.name = "x"}, %z: tensor<ui8> {graph.name = "z"}) -> tensor<5x2xi32> {
  // CHECK: %[[P:.*]] = graph.matmul %arg0 by %{{.*}} : tensor<5x2xui8> by tensor<2x2xi8> -> tensor<5x2xi32>
  // CHECK: %[[Z:.*]] = graph.cast %arg1 {names = ["y/zero"]} : tensor<ui8> -> tensor<i32>
  // CHECK: %[[S:.*]] = graph.constant dense<[4, 6]> : tensor<2xi32> {names = ["y/sums"]}
  // CHECK: %[[T:.*]] = graph.mul %[[Z]], %[[S]] {names = ["y/term"]}
  // CHECK: %[[Y:.*]] = graph.sub %[[P]], %[[T]] {names = ["y"]}
  // CHECK: return %[[Y]]
  %w = graph.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32> {names = ["w"]}
  %a = graph.cast %x {names = ["a"]} : tensor<5x2xui8> -> tensor<5x2xi32>
  %b = graph.cast %z {names = ["b"]} : tensor<ui8> -> tensor<i32>
  %c = graph.sub %a, %b {names = ["c"]} : tensor<5x2xi32>, tensor<i32> -> tensor<5x2xi32>
  %y = graph.matmul %c by %w {names = ["y"]} : tensor<5x2xi32> by tensor<2x2xi32> -> tensor<5x2xi32>
  return %y : tensor<5x2xi32>
}

// -----

// The border of the input is its zero point.
// CHECK-LABEL: func.func @pads_with_the_zero_point
// CHECK-SAME: formed = 1
func.func @pads_with_the_zero_point(%x: tensor<1x1x4x4xui8> {graph.name = "x"}) -> tensor<1x2x4x4xf32> {
  // CHECK: %[[Z:.*]] = graph.constant dense<7> : tensor<ui8> {names = ["y/filler"]}
  // CHECK: %[[X:.*]] = graph.pad constant %arg0 by %{{.*}} with %[[Z]]
  // CHECK: %[[P:.*]] = graph.conv %[[X]] by %{{.*}} pads = array<i64: 0, 0, 0, 0>{{.*}} : tensor<1x1x6x6xui8> by tensor<2x1x3x3xi8> -> tensor<1x2x4x4xi32>
  // CHECK: %[[T:.*]] = graph.constant dense<63> : tensor<2x1x1xi32> {names = ["y/term"]}
  // CHECK: graph.sub %[[P]], %[[T]]
  // CHECK: graph.unsqueeze %{{.*}} insert [1, 2]
  %w = graph.constant dense<1> : tensor<2x1x3x3xi8> {names = ["w"]}
  %s = graph.constant dense<0.5> : tensor<f32> {names = ["s"]}
  %t = graph.constant dense<[0.5, 0.25]> : tensor<2xf32> {names = ["t"]}
  %z = graph.constant dense<7> : tensor<ui8> {names = ["z"]}
  %a = graph.dequantize %x scale %s zero %z : tensor<ui8> {axis = 0 : i64, names = ["x/dq"]} : tensor<1x1x4x4xui8>, tensor<f32> -> tensor<1x1x4x4xf32>
  %b = graph.dequantize %w scale %t {axis = 0 : i64, names = ["w/dq"]} : tensor<2x1x3x3xi8>, tensor<2xf32> -> tensor<2x1x3x3xf32>
  %y = graph.conv %a by %b {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x1x4x4xf32> by tensor<2x1x3x3xf32> -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// -----

// CHECK-LABEL: func.func @keeps_groups_of_scales
// CHECK-SAME: formed = 0
// CHECK-SAME: scales = 1
func.func @keeps_groups_of_scales(%x: tensor<5x4xi8> {graph.name = "x"}, %s: tensor<f32> {graph.name = "s"}, %t: tensor<2x2xf32> {graph.name = "t"}) -> tensor<5x2xf32> {
  // CHECK: graph.matmul {{.*}} : tensor<5x4xf32>
  %w = graph.constant dense<1> : tensor<4x2xi8> {names = ["w"]}
  %a = graph.dequantize %x scale %s {axis = 0 : i64, names = ["x/dq"]} : tensor<5x4xi8>, tensor<f32> -> tensor<5x4xf32>
  %b = graph.dequantize %w scale %t {axis = 0 : i64, group_size = 2 : i64, names = ["w/dq"]} : tensor<4x2xi8>, tensor<2x2xf32> -> tensor<4x2xf32>
  %y = graph.matmul %a by %b {names = ["y"]} : tensor<5x4xf32> by tensor<4x2xf32> -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// 200,000 * 128 * 128 is more than i32 holds.
// CHECK-LABEL: func.func @keeps_what_may_overflow
// CHECK-SAME: formed = 0
// CHECK-SAME: overflow = 1
func.func @keeps_what_may_overflow(%x: tensor<5x200000xi8> {graph.name = "x"}, %w: tensor<200000x2xi8> {graph.name = "w"}, %s: tensor<f32> {graph.name = "s"}) -> tensor<5x2xf32> {
  %a = graph.dequantize %x scale %s {axis = 0 : i64, names = ["x/dq"]} : tensor<5x200000xi8>, tensor<f32> -> tensor<5x200000xf32>
  %b = graph.dequantize %w scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<200000x2xi8>, tensor<f32> -> tensor<200000x2xf32>
  %y = graph.matmul %a by %b {names = ["y"]} : tensor<5x200000xf32> by tensor<200000x2xf32> -> tensor<5x2xf32>
  return %y : tensor<5x2xf32>
}

// -----

// CHECK-LABEL: func.func @keeps_groups_and_float
// CHECK-SAME: groups = 1
// CHECK-SAME: unquantized = 1
func.func @keeps_groups_and_float(%x: tensor<1x2x4x4xi8> {graph.name = "x"}, %m: tensor<4x4xf32> {graph.name = "m"}, %s: tensor<f32> {graph.name = "s"}) -> tensor<1x2x4x4xf32> {
  %w = graph.constant dense<1> : tensor<2x1x1x1xi8> {names = ["w"]}
  %a = graph.dequantize %x scale %s {axis = 0 : i64, names = ["x/dq"]} : tensor<1x2x4x4xi8>, tensor<f32> -> tensor<1x2x4x4xf32>
  %b = graph.dequantize %w scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<2x1x1x1xi8>, tensor<f32> -> tensor<2x1x1x1xf32>
  %y = graph.conv %a by %b {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 2 : i64, names = ["y"]}
    : tensor<1x2x4x4xf32> by tensor<2x1x1x1xf32> -> tensor<1x2x4x4xf32>
  %z = graph.matmul %y by %m {names = ["z"]} : tensor<1x2x4x4xf32> by tensor<4x4xf32> -> tensor<1x2x4x4xf32>
  return %z : tensor<1x2x4x4xf32>
}
