// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-weights{report}))' | FileCheck %s
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-weights,quantize-weights))' -o %t.twice
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-weights))' -o %t.once
// RUN: diff %t.once %t.twice

// Columns of largest magnitude 127 and 1.27; a channel of zeros has the least
// scale.
// CHECK-LABEL: func.func @per_channel
// CHECK-SAME: graph.quantize_weights_report = {bytes_after = 18 : i64, bytes_before = 24 : i64, error_ppm = 0 : i64, quantized = 1 : i64, unselected = 0 : i64, widened = 0 : i64}
// CHECK: %[[Q:.*]] = graph.constant dense<{{\[}}[127, 100, 0], [-64, -127, 0]]> : tensor<2x3xi8> {names = ["w/q"]}
// CHECK: %[[S:.*]] = graph.constant dense<[1.000000e+00, 0.00999999977, 1.17549435E-38]> : tensor<3xf32> {names = ["w/scale"]}
// CHECK: %[[D:.*]] = graph.dequantize %[[Q]] scale %[[S]] {axis = 1 : i64, names = ["w/dq"]}
// CHECK-NOT: names = ["w"]
// CHECK: graph.matmul %{{.*}} by %[[D]]
func.func @per_channel(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8", granularity = "channel"}}} {
  %w = graph.constant dense<[[127.0, 1.0, 0.0], [-64.0, -1.27, 0.0]]> : tensor<2x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

// Groups of 2 along 3 inputs: the last one has one. 3.5 rounds to the even 4.
// CHECK-LABEL: func.func @groups
// CHECK: graph.constant dense<{{\[}}[7, -7], [4, 2], [7, 7]]> : tensor<3x2xi4> {names = ["w/q"]}
// CHECK: graph.constant dense<{{\[}}[1.000000e+00, 2.000000e+00], [5.000000e-01, 1.000000e+00]]> : tensor<2x2xf32> {names = ["w/scale"]}
// CHECK: graph.dequantize %{{.*}} scale %{{.*}} {axis = 0 : i64, group_size = 2 : i64, names = ["w/dq"]} : tensor<3x2xi4>, tensor<2x2xf32> -> tensor<3x2xf32>
func.func @groups(%x: tensor<4x3xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i4", granularity = "group", group = 2 : i64}}} {
  %w = graph.constant dense<[[7.0, -14.0], [3.5, 4.0], [3.5, 7.0]]> : tensor<3x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x3xf32> by tensor<3x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// One constant of two products is quantized once, along its outputs, which are
// its rows here; another reader keeps the float.
// CHECK-LABEL: func.func @transposed_and_shared
// CHECK: %[[D:.*]] = graph.dequantize %{{.*}} {axis = 0 : i64, names = ["w/dq"]} : tensor<2x3xi8>, tensor<2xf32>
// CHECK: %[[W:.*]] = graph.constant {{.*}}names = ["w"]
// CHECK: graph.matmul %{{.*}} by %[[D]] transposed {names = ["y"]}
// CHECK: graph.matmul %{{.*}} by %[[D]] transposed {names = ["z"]}
// CHECK: graph.neg %[[W]]
func.func @transposed_and_shared(%x: tensor<4x3xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8", granularity = "channel"}}} {
  %w = graph.constant dense<[[127.0, 1.0, 0.0], [-64.0, -1.27, 0.0]]> : tensor<2x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w transposed {names = ["y"]} : tensor<4x3xf32> by tensor<2x3xf32> -> tensor<4x2xf32>
  %z = graph.matmul %x by %w transposed {names = ["z"]} : tensor<4x3xf32> by tensor<2x3xf32> -> tensor<4x2xf32>
  %n = graph.neg %w {names = ["n"]} : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

// CHECK-LABEL: func.func @convolutions
// CHECK: graph.dequantize %{{.*}} {axis = 0 : i64, names = ["f/dq"]} : tensor<4x2x3xi8>, tensor<4xf32>
// CHECK: graph.dequantize %{{.*}} {axis = 1 : i64, names = ["t/dq"]} : tensor<2x4x3xf8E4M3FN>, tensor<4xf32>
// CHECK: graph.constant dense<1> : tensor<2x4x3xi2> {names = ["g/q"]}
// CHECK: graph.dequantize %{{.*}} {axis = 0 : i64, names = ["g/dq"]} : tensor<2x4x3xi2>, tensor<f32>
func.func @convolutions(%x: tensor<1x2x8xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {
    f = {format = "i8", granularity = "channel", method = "mse"},
    t = {format = "f8E4M3FN", granularity = "channel"},
    g = {format = "i2", granularity = "tensor"},
    left = {format = "none", reason = "a test"}}} {
  %f = graph.constant dense<0.5> : tensor<4x2x3xf32> {names = ["f"]}
  %t = graph.constant dense<0.5> : tensor<2x4x3xf32> {names = ["t"]}
  %g = graph.constant dense<0.5> : tensor<2x4x3xf32> {names = ["g"]}
  %left = graph.constant dense<0.5> : tensor<4x2x3xf32> {names = ["left"]}
  %a = graph.conv %x by %f {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["a"]} : tensor<1x2x8xf32> by tensor<4x2x3xf32> -> tensor<1x4x8xf32>
  %b = graph.conv_transpose %x by %t {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 0>, names = ["b"]} : tensor<1x2x8xf32> by tensor<2x4x3xf32> -> tensor<1x4x8xf32>
  %c = graph.conv %a by %g {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["c"]} : tensor<1x4x8xf32> by tensor<2x4x3xf32> -> tensor<1x2x8xf32>
  %d = graph.conv %x by %left {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["d"]} : tensor<1x2x8xf32> by tensor<4x2x3xf32> -> tensor<1x4x8xf32>
  return
}

// -----

// 1/7 in f16 is 0x1.248p-3.
// CHECK-LABEL: func.func @half_scales
// CHECK: graph.constant dense<1.428220e-01> : tensor<1x1xf16> {names = ["w/scale"]}
// CHECK: graph.dequantize %{{.*}} scale %{{.*}} {axis = 0 : i64, group_size = 2 : i64, names = ["w/dq"]} : tensor<2x1xi4>, tensor<1x1xf16> -> tensor<2x1xf32>
func.func @half_scales(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i4", granularity = "group", group = 2 : i64, scales = "f16"}}} {
  %w = graph.constant dense<[[1.0], [0.5]]> : tensor<2x1xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x1xf32> -> tensor<4x1xf32>
  return
}

// -----

// Scales that f16 would make subnormal stay f32.
// CHECK-LABEL: func.func @small_scales
// CHECK-SAME: widened = 1 : i64
// CHECK: graph.constant dense<{{.*}}> : tensor<1x2xf32> {names = ["w/scale"]}
func.func @small_scales(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i4", granularity = "group", group = 2 : i64, scales = "f16"}}} {
  %w = graph.constant dense<[[1.0, 1.0e-4], [0.5, 1.0e-4]]> : tensor<2x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// The largest power of two of f4E2M1FN is 4: 6 and 7 both have a scale of 1, by
// which 7 saturates.
// CHECK-LABEL: func.func @powers
// CHECK: graph.constant dense<{{\[}}[6.000000e+00, 6.000000e+00], [3.000000e+00, -1.000000e+00]]> : tensor<2x2xf4E2M1FN> {names = ["w/q"]}
// CHECK: graph.constant dense<1.000000e+00> : tensor<1x2xf8E8M0FNU> {names = ["w/scale"]}
// CHECK: graph.dequantize %{{.*}} : tensor<2x2xf4E2M1FN>, tensor<1x2xf8E8M0FNU> -> tensor<2x2xf32>
func.func @powers(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "f4E2M1FN", granularity = "group", group = 2 : i64, scales = "f8E8M0FNU"}}} {
  %w = graph.constant dense<[[6.0, 7.0], [3.0, -1.0]]> : tensor<2x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// Three integers of 3 bits, 3 and -3 = 101 and 1, in 9 bits: two bytes.
// CHECK-LABEL: func.func @three_bits
// CHECK-SAME: bytes_after = 8 : i64
// CHECK: %[[B:.*]] = graph.constant dense<[{{\[}}107, 0], [128, 0]]> : tensor<2x2xui8> {names = ["w/q"]}
// CHECK: %[[Q:.*]] = graph.unpack %[[B]] {bits = 3 : i64, names = ["w/codes"], size = 3 : i64} : tensor<2x2xui8> -> tensor<2x3xi8>
// CHECK: graph.dequantize %[[Q]] scale %{{.*}} {axis = 0 : i64, names = ["w/dq"]} : tensor<2x3xi8>, tensor<f32> -> tensor<2x3xf32>
func.func @three_bits(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i3"}}} {
  %w = graph.constant dense<[[3.0, -3.0, 1.0], [0.0, 0.0, 2.0]]> : tensor<2x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

// CHECK-LABEL: func.func @normal_floats
// CHECK: graph.constant dense<{{\[}}[15, 0], [7, 8]]> : tensor<2x2xui4> {names = ["w/q"]}
// CHECK: graph.dequantize %{{.*}} {axis = 0 : i64, levels = array<f32: -1.000000e+00, -0.6961928, {{.*}}, 1.000000e+00>, names = ["w/dq"]} : tensor<2x2xui4>, tensor<f32> -> tensor<2x2xf32>
func.func @normal_floats(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "nf4"}}} {
  %w = graph.constant dense<[[2.0, -2.0], [0.0, 0.16]]> : tensor<2x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  return
}
