// RUN: head -c 262144 /dev/zero > %t.bin
// RUN: sed 's@WEIGHTS@%t.bin@' %s | cinch-opt -split-input-file -pass-pipeline='builtin.module(func.func(fold-batch-norm{report},verify-names))' | FileCheck %s

// scale / sqrt(variance + epsilon) is 2 and 4; the addition in between is a bias.
// CHECK-LABEL: func.func @behind_a_convolution
// CHECK-SAME: folded = 1
// CHECK-SAME: kept = 0
// CHECK-SAME: scaled = 0
func.func @behind_a_convolution(%x: tensor<1x1x4x4xf32> {graph.name = "x"}) -> tensor<1x2x4x4xf32> {
  // CHECK: %[[W:.*]] = graph.constant #graph.weight<"{{.*}}", 0, 72, 0> : tensor<2x1x3x3xf32> {names = ["y/filter"]}
  // CHECK: %[[C:.*]] = graph.conv %arg0 by %[[W]] {{.*}}names = ["y/linear"]
  // CHECK: %[[T:.*]] = graph.constant dense<{{\[\[\[}}5.000000e+00]], {{\[\[}}1.700000e+01]]]> : tensor<2x1x1xf32> {names = ["y/shift"]}
  // CHECK: %[[Y:.*]] = graph.add %[[C]], %[[T]] {names = ["y"]}
  // CHECK: return %[[Y]]
  %w = graph.constant dense<1.0> : tensor<2x1x3x3xf32> {names = ["w"]}
  %b = graph.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32> {names = ["b"]}
  %scale = graph.constant dense<[4.0, 8.0]> : tensor<2xf32> {names = ["scale"]}
  %bias = graph.constant dense<[5.0, 13.0]> : tensor<2xf32> {names = ["bias"]}
  %mean = graph.constant dense<1.0> : tensor<2xf32> {names = ["mean"]}
  %variance = graph.constant dense<3.0> : tensor<2xf32> {names = ["variance"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x1x4x4xf32> by tensor<2x1x3x3xf32> -> tensor<1x2x4x4xf32>
  %d = graph.add %c, %b {names = ["d"]} : tensor<1x2x4x4xf32>, tensor<2x1x1xf32> -> tensor<1x2x4x4xf32>
  %y = graph.batch_norm %d scale %scale bias %bias mean %mean variance %variance {epsilon = 1.0 : f32, names = ["y"]}
    : tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// -----

// Without padding the shift in front becomes one behind: 3 taps of 1 times 4.
// CHECK-LABEL: func.func @in_front_of_a_convolution
func.func @in_front_of_a_convolution(%x: tensor<1x1x8xf32> {graph.name = "x"}) -> tensor<1x1x6xf32> {
  // CHECK: graph.conv %arg0 by %{{.*}} {{.*}}names = ["y/linear"]
  // CHECK: graph.constant dense<1.200000e+01> : tensor<{{.*}}> {names = ["y/shift"]}
  // CHECK: graph.add {{.*}}names = ["y"]
  %w = graph.constant dense<1.0> : tensor<1x1x3xf32> {names = ["w"]}
  %two = graph.constant dense<2.0> : tensor<f32> {names = ["two"]}
  %four = graph.constant dense<4.0> : tensor<1x1xf32> {names = ["four"]}
  %s = graph.mul %two, %x {names = ["s"]} : tensor<f32>, tensor<1x1x8xf32> -> tensor<1x1x8xf32>
  %t = graph.add %s, %four {names = ["t"]} : tensor<1x1x8xf32>, tensor<1x1xf32> -> tensor<1x1x8xf32>
  %y = graph.conv %t by %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, names = ["y"]}
    : tensor<1x1x8xf32> by tensor<1x1x3xf32> -> tensor<1x1x6xf32>
  return %y : tensor<1x1x6xf32>
}

// -----

// Where zeros are padded, only the factor goes in.
// CHECK-LABEL: func.func @keeps_a_shift_in_front_of_padding
func.func @keeps_a_shift_in_front_of_padding(%x: tensor<1x1x8xf32> {graph.name = "x"}) -> tensor<1x1x8xf32> {
  // CHECK: %[[S:.*]] = graph.add %arg0, %{{.*}} {names = ["s"]}
  // CHECK-NOT: graph.mul
  // CHECK: graph.conv %[[S]] by %{{.*}} {{.*}}names = ["y"]
  // CHECK-NEXT: return
  %w = graph.constant dense<1.0> : tensor<1x1x3xf32> {names = ["w"]}
  %two = graph.constant dense<2.0> : tensor<f32> {names = ["two"]}
  %s = graph.add %x, %two {names = ["s"]} : tensor<1x1x8xf32>, tensor<f32> -> tensor<1x1x8xf32>
  %t = graph.mul %s, %two {names = ["t"]} : tensor<1x1x8xf32>, tensor<f32> -> tensor<1x1x8xf32>
  %y = graph.conv %t by %w {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["y"]}
    : tensor<1x1x8xf32> by tensor<1x1x3xf32> -> tensor<1x1x8xf32>
  return %y : tensor<1x1x8xf32>
}

// -----

// What the function also returns stays; so does a product that changes the shape.
// CHECK-LABEL: func.func @keeps_what_others_use
func.func @keeps_what_others_use(%x: tensor<1x4xf32> {graph.name = "x"}) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<3x4xf32>) {
  // CHECK: graph.matmul {{.*}}names = ["a"]
  // CHECK: graph.mul {{.*}}names = ["b"]
  // CHECK: graph.matmul {{.*}}names = ["c"]
  // CHECK: graph.mul {{.*}}names = ["d"]
  %w = graph.constant dense<1.0> : tensor<4x4xf32> {names = ["w"]}
  %two = graph.constant dense<2.0> : tensor<f32> {names = ["two"]}
  %rows = graph.constant dense<2.0> : tensor<3x1xf32> {names = ["rows"]}
  %a = graph.matmul %x by %w {names = ["a"]} : tensor<1x4xf32> by tensor<4x4xf32> -> tensor<1x4xf32>
  %b = graph.mul %a, %two {names = ["b"]} : tensor<1x4xf32>, tensor<f32> -> tensor<1x4xf32>
  %c = graph.matmul %x by %w {names = ["c"]} : tensor<1x4xf32> by tensor<4x4xf32> -> tensor<1x4xf32>
  %d = graph.mul %c, %rows {names = ["d"]} : tensor<1x4xf32>, tensor<3x1xf32> -> tensor<3x4xf32>
  return %a, %b, %d : tensor<1x4xf32>, tensor<1x4xf32>, tensor<3x4xf32>
}

// -----

// A large weight that another operation reads as it is is not copied; where all agree, it is not needed.
// CHECK-LABEL: func.func @copies_no_large_weight
func.func @copies_no_large_weight(%x: tensor<1x256xf32> {graph.name = "x"}) -> (tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>) {
  // CHECK: graph.matmul {{.*}}names = ["a"]
  // CHECK: graph.mul {{.*}}names = ["b"]
  // CHECK: graph.matmul {{.*}}names = ["c"]
  // CHECK: graph.matmul {{.*}}names = ["f"]
  // CHECK: graph.matmul {{.*}}names = ["h"]
  // CHECK-NEXT: return
  %w = graph.constant dense<1.0> : tensor<256x256xf32> {names = ["w"]}
  %v = graph.constant #graph.weight<"WEIGHTS", 0, 262144, 0> : tensor<256x256xf32> {names = ["v"]}
  %two = graph.constant dense<2.0> : tensor<f32> {names = ["two"]}
  %a = graph.matmul %x by %w {names = ["a"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %b = graph.mul %a, %two {names = ["b"]} : tensor<1x256xf32>, tensor<f32> -> tensor<1x256xf32>
  %c = graph.matmul %x by %w {names = ["c"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %e = graph.matmul %x by %v {names = ["e"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %f = graph.mul %e, %two {names = ["f"]} : tensor<1x256xf32>, tensor<f32> -> tensor<1x256xf32>
  %g = graph.matmul %c by %v {names = ["g"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %h = graph.mul %g, %two {names = ["h"]} : tensor<1x256xf32>, tensor<f32> -> tensor<1x256xf32>
  return %b, %c, %f, %h : tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>
}

// -----

// CHECK-LABEL: func.func @makes_one_factor_and_one_term
// CHECK-SAME: scaled = 1
func.func @makes_one_factor_and_one_term(%x: tensor<1x2x4xf32> {graph.name = "x"}) -> tensor<1x2x4xf32> {
  // CHECK: %[[S:.*]] = graph.constant dense<2.000000e+00> : tensor<2x1xf32> {names = ["y/scale"]}
  // CHECK: %[[T:.*]] = graph.constant dense<{{\[\[}}3.000000e+00], [1.100000e+01]]> : tensor<2x1xf32> {names = ["y/shift"]}
  // CHECK: %[[P:.*]] = graph.mul %arg0, %[[S]] {names = ["y/scaled"]}
  // CHECK: graph.add %[[P]], %[[T]] {names = ["y"]}
  %scale = graph.constant dense<4.0> : tensor<2xf32> {names = ["scale"]}
  %bias = graph.constant dense<[5.0, 13.0]> : tensor<2xf32> {names = ["bias"]}
  %mean = graph.constant dense<1.0> : tensor<2xf32> {names = ["mean"]}
  %variance = graph.constant dense<3.0> : tensor<2xf32> {names = ["variance"]}
  %y = graph.batch_norm %x scale %scale bias %bias mean %mean variance %variance {epsilon = 1.0 : f32, names = ["y"]}
    : tensor<1x2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// A variance of 0 without epsilon; parameters that are inputs.
// CHECK-LABEL: func.func @keeps_what_is_not_finite_or_not_constant
// CHECK-SAME: kept = 2
func.func @keeps_what_is_not_finite_or_not_constant(%x: tensor<1x2xf32> {graph.name = "x"}, %s: tensor<2xf32> {graph.name = "s"}) -> tensor<1x2xf32> {
  // CHECK-COUNT-2: graph.batch_norm
  %one = graph.constant dense<1.0> : tensor<2xf32> {names = ["one"]}
  %zero = graph.constant dense<0.0> : tensor<2xf32> {names = ["zero"]}
  %a = graph.batch_norm %x scale %one bias %one mean %one variance %zero {epsilon = 0.0 : f32, names = ["a"]}
    : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  %y = graph.batch_norm %a scale %s bias %one mean %one variance %one {epsilon = 0.0 : f32, names = ["y"]}
    : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// 256 KiB that are stored as one value.
// CHECK-LABEL: func.func @keeps_a_repeated_value
func.func @keeps_a_repeated_value(%x: tensor<1x256xf32> {graph.name = "x"}) -> tensor<1x256xf32> {
  // CHECK: graph.constant dense<5.000000e-01> : tensor<256x256xf32>
  // CHECK: graph.matmul
  // CHECK: graph.mul
  %w = graph.constant dense<0.5> : tensor<256x256xf32> {names = ["w"]}
  %s = graph.constant dense<3.0> : tensor<256xf32> {names = ["s"]}
  %c = graph.matmul %x by %w {names = ["c"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %y = graph.mul %c, %s {names = ["y"]} : tensor<1x256xf32>, tensor<256xf32> -> tensor<1x256xf32>
  return %y : tensor<1x256xf32>
}
