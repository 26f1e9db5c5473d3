// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(expand-conv-transpose,verify-names))' | FileCheck %s

// CHECK-LABEL: func.func @kernel_of_the_stride
func.func @kernel_of_the_stride(%x: tensor<1x2x?x7xf32> {graph.name = "x", graph.dims = [1, 2, "h", 7]}) -> tensor<1x3x?x14xf32> {
  %w = graph.constant dense<1.0> : tensor<2x3x2x2xf32> {names = ["w"]}
  // CHECK: %[[W:.*]] = graph.constant #graph.weight<"{{.*}}", 0, 96, 0> : tensor<12x2x1x1xf32>
  // CHECK: %[[P:.*]] = graph.conv %arg0 by %[[W]] {{.*}}pads = array<i64: 0, 0, 0, 0>{{.*}} -> tensor<1x12x?x7xf32>
  // CHECK: %[[Y:.*]] = graph.depth_to_space %[[P]] {block = 2 : i64, column_row, names = ["y"]}
  // CHECK: return %[[Y]]
  %y = graph.conv_transpose %x by %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>,
    output_padding = array<i64: 0, 0>, names = ["y"]} : tensor<1x2x?x7xf32> by tensor<2x3x2x2xf32> -> tensor<1x3x?x14xf32>
  return %y : tensor<1x3x?x14xf32>
}

// -----

// Padding cuts the rows; a kernel of 3 in phases of 2 needs 2 taps.
// CHECK-LABEL: func.func @cut
func.func @cut(%x: tensor<1x2x5x7xf32> {graph.name = "x"}) -> tensor<1x3x10x15xf32> {
  %w = graph.constant dense<1.0> : tensor<2x3x3x3xf32> {names = ["w"]}
  // CHECK: graph.conv {{.*}}pads = array<i64: 1, 1, 1, 1>{{.*}} by tensor<12x2x2x2xf32> -> tensor<1x12x6x8xf32>
  // CHECK: graph.depth_to_space {{.*}} -> tensor<1x3x12x16xf32>
  // CHECK: graph.slice {{.*}} -> tensor<1x3x10x16xf32>
  // CHECK: graph.slice {{.*}}names = ["y"]{{.*}} -> tensor<1x3x10x15xf32>
  %y = graph.conv_transpose %x by %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 0, 1, 0>, dilations = array<i64: 1, 1>,
    output_padding = array<i64: 1, 0>, names = ["y"]} : tensor<1x2x5x7xf32> by tensor<2x3x3x3xf32> -> tensor<1x3x10x15xf32>
  return %y : tensor<1x3x10x15xf32>
}

// -----

// CHECK-LABEL: func.func @left
// CHECK-COUNT-2: graph.conv_transpose
// CHECK-NOT: graph.conv{{ }}
func.func @left(%x: tensor<1x2x5x7xf32> {graph.name = "x"}, %w: tensor<2x3x2x2xf32> {graph.name = "w"}) -> (tensor<1x3x10x14xf32>, tensor<1x3x10x8xf32>) {
  %y = graph.conv_transpose %x by %w {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>,
    output_padding = array<i64: 0, 0>, names = ["y"]} : tensor<1x2x5x7xf32> by tensor<2x3x2x2xf32> -> tensor<1x3x10x14xf32>
  %c = graph.constant dense<1.0> : tensor<2x3x2x2xf32> {names = ["c"]}
  %z = graph.conv_transpose %x by %c {strides = array<i64: 2, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>,
    output_padding = array<i64: 0, 0>, names = ["z"]} : tensor<1x2x5x7xf32> by tensor<2x3x2x2xf32> -> tensor<1x3x10x8xf32>
  return %y, %z : tensor<1x3x10x14xf32>, tensor<1x3x10x8xf32>
}
