// RUN: cinch-opt %s -pack-weights -split-input-file | FileCheck %s

// The transpose of a weight of 6 rows and 2 columns is one block of 6 columns.
// CHECK-LABEL: func.func private @matmul
// CHECK-SAME: %{{.*}}: tensor<?x2xf32>, %[[W:.*]]: tensor<1x2x6xf32>
// CHECK: linalg.generic {{.*}} attrs = {exec.unpack = 6 : i64}
// CHECK: tensor.extract %[[W]]
func.func private @matmul(%a: tensor<?x2xf32>, %b: tensor<6x2xf32>, %out: tensor<?x6xf32>) -> tensor<?x6xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<?x6xf32>) -> tensor<?x6xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x2xf32>, tensor<6x2xf32>) outs(%f : tensor<?x6xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: exec.weight #graph.weight<"<computed:0>", 0, 48, 0> : tensor<1x2x6xf32>
// CHECK-SAME: exec.layout = "row-blocks", exec.unpacked_shape = array<i64: 6, 2>
// CHECK: exec.kernel @matmul
// CHECK-SAME: (tensor<?x2xf32>, tensor<1x2x6xf32>) -> tensor<?x6xf32>
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x6xf32> attributes {graph.entry} {
  %w = exec.weight dense<[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, 9.0], [10.0, 11.0]]> : tensor<6x2xf32> {names = ["w"]}
  %y = exec.kernel @matmul(%x, %w) {dims = [["n", 6]], names = ["y"]} : (tensor<?x2xf32>, tensor<6x2xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// A weight with another use keeps its layout.
// CHECK-LABEL: func.func private @matmul
// CHECK-NOT: exec.unpack
func.func private @matmul(%a: tensor<?x2xf32>, %b: tensor<2x2xf32>, %out: tensor<?x2xf32>) -> tensor<?x2xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<?x2xf32>) -> tensor<?x2xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x2xf32>, tensor<2x2xf32>) outs(%f : tensor<?x2xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<2x2xf32>) attributes {graph.entry} {
  %w = exec.weight dense<[[0.0, 1.0], [2.0, 3.0]]> : tensor<2x2xf32> {names = ["w"]}
  %y = exec.kernel @matmul(%x, %w) {dims = [["n", 2]], names = ["y"]} : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %z = exec.copy %w {dims = [[2, 2]], names = ["z"]} : tensor<2x2xf32>
  return %y, %z : tensor<?x2xf32>, tensor<2x2xf32>
}

// -----

// A filter gets its taps in front, and the map of the convolution follows.
// CHECK: #[[FILTER:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d4, d1, d3)>
// CHECK-LABEL: func.func private @conv
// CHECK-SAME: %[[X:.*]]: tensor<1x2x24xf32>, %[[W:.*]]: tensor<2x3x2xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[FILTER]], #{{.*}}]
func.func private @conv(%x: tensor<1x2x24xf32>, %w: tensor<3x2x2xf32>, %out: tensor<1x3x23xf32>) -> tensor<1x3x23xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x3x23xf32>) -> tensor<1x3x23xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, x, c, k) -> (n, c, x + k)>, affine_map<(n, f, x, c, k) -> (f, c, k)>, affine_map<(n, f, x, c, k) -> (n, f, x)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x24xf32>, tensor<3x2x2xf32>) outs(%f : tensor<1x3x23xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x3x23xf32>
  return %0 : tensor<1x3x23xf32>
}
// CHECK: exec.weight #graph.weight<"<computed:0>", 0, 48, 0> : tensor<2x3x2xf32>
// CHECK-SAME: exec.layout = "taps-first", exec.unpacked_shape = array<i64: 3, 2, 2>
func.func @main(%x: tensor<1x2x24xf32>) -> tensor<1x3x23xf32> attributes {graph.entry} {
  %w = exec.weight dense<1.0> : tensor<3x2x2xf32> {names = ["w"]}
  %y = exec.kernel @conv(%x, %w) {dims = [[1, 3, 23]], names = ["y"]} : (tensor<1x2x24xf32>, tensor<3x2x2xf32>) -> tensor<1x3x23xf32>
  return %y : tensor<1x3x23xf32>
}

// -----

// Of a convolution with few positions along one axis, the filters are columns:
// its filter is a matrix of 2 * 3 rows, one block of 4 columns.
// CHECK-LABEL: func.func private @line
// CHECK-SAME: %{{.*}}: tensor<1x2x?xf32>, %[[W:.*]]: tensor<1x6x4xf32>
// CHECK: linalg.generic {{.*}} attrs = {exec.unpack = 4 : i64}
// CHECK: %[[CHANNEL:.*]] = linalg.index 1
// CHECK: %[[ROW:.*]] = arith.muli %[[CHANNEL]], %c3
// CHECK: %[[TAP:.*]] = linalg.index 2
// CHECK: %[[DEPTH:.*]] = arith.addi %[[ROW]], %[[TAP]]
// CHECK: tensor.extract %[[W]][%{{.*}}, %[[DEPTH]], %{{.*}}]
func.func private @line(%x: tensor<1x2x?xf32>, %w: tensor<4x2x3xf32>, %out: tensor<1x4x?xf32>) -> tensor<1x4x?xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x4x?xf32>) -> tensor<1x4x?xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, x, c, t) -> (n, c, x + t)>, affine_map<(n, f, x, c, t) -> (f, c, t)>, affine_map<(n, f, x, c, t) -> (n, f, x)>], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x2x?xf32>, tensor<4x2x3xf32>) outs(%f : tensor<1x4x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x4x?xf32>
  return %0 : tensor<1x4x?xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: exec.weight {{.*}} : tensor<1x6x4xf32>
// CHECK-SAME: exec.layout = "row-blocks", exec.unpacked_shape = array<i64: 4, 2, 3>
func.func @main(%x: tensor<1x2x?xf32>) -> tensor<1x4x?xf32> attributes {graph.entry} {
  %w = exec.weight dense<1.0> : tensor<4x2x3xf32> {names = ["w"]}
  %y = exec.kernel @line(%x, %w) {dims = [[1, 4, "n - 2"]], names = ["y"]} : (tensor<1x2x?xf32>, tensor<4x2x3xf32>) -> tensor<1x4x?xf32>
  return %y : tensor<1x4x?xf32>
}

// -----

// Fours of the depth of 6 rows and 2 columns, in blocks of 16: 0 where there is none.
// CHECK-LABEL: func.func private @integers
// CHECK-SAME: %{{.*}}: tensor<?x6xi8>, %[[W:.*]]: tensor<1x2x16x4xi8>
// CHECK: linalg.generic {{.*}} attrs = {exec.unpack = 16 : i64}
// CHECK: tensor.extract %[[W]]
func.func private @integers(%a: tensor<?x6xi8>, %b: tensor<6x2xi8>, %out: tensor<?x2xi32>) -> tensor<?x2xi32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0 : i32
  %f = linalg.fill ins(%zero : i32) outs(%out : tensor<?x2xi32>) -> tensor<?x2xi32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x6xi8>, tensor<6x2xi8>) outs(%f : tensor<?x2xi32>) {
  ^bb0(%x: i8, %y: i8, %o: i32):
    %u = arith.extui %x : i8 to i32
    %v = arith.extsi %y : i8 to i32
    %p = arith.muli %u, %v : i32
    %s = arith.addi %o, %p : i32
    linalg.yield %s : i32
  } -> tensor<?x2xi32>
  return %0 : tensor<?x2xi32>
}

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x6xi8>) -> tensor<?x2xi32> attributes {graph.entry} {
  // CHECK: exec.weight #graph.weight<"<computed:{{[0-9]+}}>", 0, 128, 0> : tensor<1x2x16x4xi8>
  // CHECK-SAME: exec.layout = "column-fours", exec.unpacked_shape = array<i64: 6, 2>
  %w = exec.weight dense<[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]]> : tensor<6x2xi8> {names = ["w"]}
  %y = exec.kernel @integers(%x, %w) {dims = [["n", 2]], names = ["y"]} : (tensor<?x6xi8>, tensor<6x2xi8>) -> tensor<?x2xi32>
  return %y : tensor<?x2xi32>
}

// -----

// Elements of 4 bits from which the matrix is computed are packed in the same
// blocks, of whole bytes, and the scales of its rows are transposed.
// CHECK-LABEL: func.func private @dequantized
// CHECK-SAME: , %[[W:[a-z0-9]*]]: tensor<1x2x6xi4>, %[[S:[a-z0-9]*]]: tensor<1x5xf32>
// CHECK: %[[UNPACKED:.*]] = linalg.generic {{.*}} attrs = {exec.unpack = 6 : i64}
// CHECK: tensor.extract %[[W]]
// CHECK: linalg.generic {{.*}} ins(%[[UNPACKED]] : tensor<5x2xi4>)
// CHECK: %[[ROW:.*]] = linalg.index 0
// CHECK: %[[GROUP:.*]] = arith.divui
// CHECK: tensor.extract %[[S]][%[[GROUP]], %[[ROW]]]
func.func private @dequantized(%a: tensor<?x2xf32>, %b: tensor<5x2xi4>, %scale: tensor<5x1xf32>, %out: tensor<?x5xf32>) -> tensor<?x5xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %c2 = arith.constant 2 : index
  %e = tensor.empty() : tensor<5x2xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<5x2xi4>) outs(%e : tensor<5x2xf32>) {
  ^bb0(%q: i4, %o: f32):
    %row = linalg.index 0 : index
    %depth = linalg.index 1 : index
    %group = arith.divui %depth, %c2 : index
    %s = tensor.extract %scale[%row, %group] : tensor<5x1xf32>
    %n = arith.sitofp %q : i4 to f32
    %p = arith.mulf %n, %s : f32
    linalg.yield %p : f32
  } -> tensor<5x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<?x5xf32>) -> tensor<?x5xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %w : tensor<?x2xf32>, tensor<5x2xf32>) outs(%f : tensor<?x5xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x5xf32>
  return %0 : tensor<?x5xf32>
}
// Two rows of the depth, 5 columns and one behind them each: 6 bytes.
// CHECK-LABEL: func.func @main
// CHECK: exec.weight #graph.weight<"<computed:0>", 0, 6, 0> : tensor<1x2x6xi4>
// CHECK-SAME: exec.layout = "row-blocks", exec.unpacked_shape = array<i64: 5, 2>
// CHECK: exec.weight #graph.weight<"<computed:1>", 0, 20, 0> : tensor<1x5xf32>
// CHECK-SAME: exec.layout = "transposed", exec.unpacked_shape = array<i64: 5, 1>
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x5xf32> attributes {graph.entry} {
  %w = exec.weight dense<[[1, 2], [-1, -2], [5, 6], [7, -8], [0, 3]]> : tensor<5x2xi4> {names = ["w"]}
  %s = exec.weight dense<[[0.5], [1.0], [2.0], [4.0], [8.0]]> : tensor<5x1xf32> {names = ["s"]}
  %y = exec.kernel @dequantized(%x, %w, %s) {dims = [["n", 5]], names = ["y"]} : (tensor<?x2xf32>, tensor<5x2xi4>, tensor<5x1xf32>) -> tensor<?x5xf32>
  return %y : tensor<?x5xf32>
}
