// RUN: cinch-opt %s -form-kernels -lower-kernels -split-input-file | FileCheck %s

// Four heads read the keys and values of one: their 20 rows are one tile of each
// of the 3 groups, padded to 24.
// CHECK-LABEL: func.func @grouped_queries
// CHECK: llvm.func internal @k_matmul_softmax_matmul.body
// CHECK: llvm.mlir.constant(768 : i64)
// CHECK: llvm.func @k_matmul_softmax_matmul.tiles
// CHECK-NEXT: %[[TILES:.*]] = llvm.mlir.constant(3 : i64)
// CHECK-NEXT: llvm.return %[[TILES]]
func.func @grouped_queries(
    %q: tensor<3x4x5x32xf32> {graph.name = "q"},
    %k: tensor<3x1x32x7xf32> {graph.name = "k"},
    %v: tensor<3x1x7x16xf32> {graph.name = "v"})
    -> (tensor<3x4x5x16xf32> {graph.name = "y"}) attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<3x4x5x32xf32> by tensor<3x1x32x7xf32> -> tensor<3x4x5x7xf32>
  %p = graph.softmax %s {axis = 3 : i64, names = ["p"]} : tensor<3x4x5x7xf32> -> tensor<3x4x5x7xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<3x4x5x7xf32> by tensor<3x1x7x16xf32> -> tensor<3x4x5x16xf32>
  return %y : tensor<3x4x5x16xf32>
}

// -----

// Only the keys are shared: each head is a tile.
// CHECK-LABEL: func.func @values_of_their_own
// CHECK: llvm.func @k_matmul_softmax_matmul.tiles
// CHECK-NEXT: %[[TILES:.*]] = llvm.mlir.constant(12 : i64)
// CHECK-NEXT: llvm.return %[[TILES]]
func.func @values_of_their_own(
    %q: tensor<3x4x5x32xf32> {graph.name = "q"},
    %k: tensor<3x1x32x7xf32> {graph.name = "k"},
    %v: tensor<3x4x7x16xf32> {graph.name = "v"})
    -> (tensor<3x4x5x16xf32> {graph.name = "y"}) attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<3x4x5x32xf32> by tensor<3x1x32x7xf32> -> tensor<3x4x5x7xf32>
  %p = graph.softmax %s {axis = 3 : i64, names = ["p"]} : tensor<3x4x5x7xf32> -> tensor<3x4x5x7xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<3x4x5x7xf32> by tensor<3x4x7x16xf32> -> tensor<3x4x5x16xf32>
  return %y : tensor<3x4x5x16xf32>
}

// -----

// Of 80 heads the most that divide them and fit into a tile of 64 rows are one.
// CHECK-LABEL: func.func @many_heads
// CHECK: llvm.func @k_matmul_softmax_matmul.tiles
// CHECK-NEXT: %[[TILES:.*]] = llvm.mlir.constant(2 : i64)
// CHECK-NEXT: llvm.return %[[TILES]]
func.func @many_heads(
    %q: tensor<80x1x32xf32> {graph.name = "q"},
    %k: tensor<32x7xf32> {graph.name = "k"}, %v: tensor<7x16xf32> {graph.name = "v"})
    -> (tensor<80x1x16xf32> {graph.name = "y"}) attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<80x1x32xf32> by tensor<32x7xf32> -> tensor<80x1x7xf32>
  %p = graph.softmax %s {axis = 2 : i64, names = ["p"]} : tensor<80x1x7xf32> -> tensor<80x1x7xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<80x1x7xf32> by tensor<7x16xf32> -> tensor<80x1x16xf32>
  return %y : tensor<80x1x16xf32>
}
