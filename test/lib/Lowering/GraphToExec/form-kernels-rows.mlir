// RUN: cinch-opt %s --form-kernels -split-input-file | FileCheck %s

// Rows of an argument are read in place: padding that crops.
// CHECK-LABEL: func.func @reads_rows_of_an_argument
// CHECK: exec.kernel @[[CROP:k_slice_conv.*]](%arg0, %arg1)
// CHECK-NOT: exec.kernel
// CHECK: return
// CHECK: func.func private @[[CROP]](%[[X:.*]]: tensor<1x3x40x40xf32>,
// CHECK: %[[ROW:.*]] = linalg.index 2
// CHECK: %[[START:.*]] = arith.constant -9
// CHECK: %[[AT:.*]] = arith.subi %[[ROW]], %[[START]]
// CHECK: tensor.extract %[[X]][%{{.*}}, %{{.*}}, %[[AT]], %{{.*}}]
func.func @reads_rows_of_an_argument(%x: tensor<1x3x40x40xf32>, %w: tensor<16x3x3x3xf32>) -> tensor<1x16x8x40xf32> {
  %b = graph.constant dense<9> : tensor<1xi64>
  %e = graph.constant dense<19> : tensor<1xi64>
  %s = graph.slice %x from %b to %e {axes = array<i64: 2>, steps = array<i64: 1>} : tensor<1x3x40x40xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<1x3x10x40xf32>
  %y = graph.conv %s by %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 0, 1>, dilations = array<i64: 1, 1>} : tensor<1x3x10x40xf32> by tensor<16x3x3x3xf32> -> tensor<1x16x8x40xf32>
  return %y : tensor<1x16x8x40xf32>
}

// -----

// Zeros are read below the slice, where the argument has more rows.
// CHECK-LABEL: func.func @keeps_rows_that_are_padded
// CHECK: %[[S:.*]] = exec.kernel @k_slice{{.*}}(%arg0) {{.*}}exec.first_row = 9 : i64
// CHECK: exec.kernel @k_conv{{.*}}(%[[S]], %arg1)
func.func @keeps_rows_that_are_padded(%x: tensor<1x3x40x40xf32>, %w: tensor<16x3x3x3xf32>) -> tensor<1x16x9x40xf32> {
  %b = graph.constant dense<-31> : tensor<1xi64>
  %e = graph.constant dense<19> : tensor<1xi64>
  %s = graph.slice %x from %b to %e {axes = array<i64: 2>, steps = array<i64: 1>} : tensor<1x3x40x40xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<1x3x10x40xf32>
  %y = graph.conv %s by %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 1, 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x3x10x40xf32> by tensor<16x3x3x3xf32> -> tensor<1x16x9x40xf32>
  return %y : tensor<1x16x9x40xf32>
}
