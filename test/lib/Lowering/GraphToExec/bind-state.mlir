// RUN: cinch-opt %s -split-input-file -form-state -form-kernels -bind-state | FileCheck %s

// The kernel that joins, and the one that reads through a view, get the axis of
// the rows; the mask of the second kernel has none.
// CHECK: exec.state_report = {bound = 1 : i64, left = 0 : i64}
// CHECK-SAME: exec.states = [{axis = 2 : i64, input = 0 : i64, output = 0 : i64}]
// CHECK-LABEL: func.func @joins_and_reads
// CHECK: %[[KK:.*]] = exec.kernel @[[JOIN:[a-z_0-9]+]](
// CHECK: %[[VIEW:.*]] = exec.view %[[KK]]
// CHECK: exec.kernel @[[READ:[a-z_0-9]+]](
// CHECK: func.func private @[[JOIN]](
// CHECK-SAME: exec.append = 1 : i64
// CHECK-SAME: exec.rows = array<i64: -1, 2, 2>
// CHECK: func.func private @[[READ]](
// CHECK-NOT: exec.append
// CHECK-SAME: exec.rows = array<i64: 3, -1>
func.func @joins_and_reads(
    %k: tensor<2x4x?x8xf32> {graph.name = "k", graph.dims = [2, 4, "past", 8]},
    %new: tensor<2x3x4x8xf32> {graph.name = "new", graph.dims = [2, 3, 4, 8]})
    -> (tensor<2x4x?x8xf32> {graph.name = "kk"}, tensor<2x1x4x?x1xf32> {graph.name = "s"})
    attributes {graph.entry, graph.symbols = [{name = "past", min = 0}]} {
  %t = graph.transpose %new by [0, 2, 1, 3] {names = ["t"]} : tensor<2x3x4x8xf32> -> tensor<2x4x3x8xf32>
  %kk = graph.concat %k, %t along 2 {names = ["kk"]} : tensor<2x4x?x8xf32>, tensor<2x4x3x8xf32> -> tensor<2x4x?x8xf32>
  %u = graph.unsqueeze %kk insert [1] {names = ["u"]} : tensor<2x4x?x8xf32> -> tensor<2x1x4x?x8xf32>
  %s = graph.reduce_sum %u over [4] {names = ["s"]} : tensor<2x1x4x?x8xf32> -> tensor<2x1x4x?x1xf32>
  return %kk, %s : tensor<2x4x?x8xf32>, tensor<2x1x4x?x1xf32>
}

// -----

// Rows that are outermost have no gaps: no kernel needs to know.
// CHECK: exec.states = [{axis = 1 : i64, input = 0 : i64, output = 0 : i64}]
// CHECK-LABEL: func.func @outermost
// CHECK: exec.assemble
// CHECK-NOT: exec.rows
func.func @outermost(
    %v: tensor<1x?x8xf32> {graph.name = "v", graph.dims = [1, "past", 8]},
    %row: tensor<1x1x8xf32> {graph.name = "row", graph.dims = [1, 1, 8]})
    -> (tensor<1x?x8xf32> {graph.name = "vv"})
    attributes {graph.entry, graph.symbols = [{name = "past", min = 0}]} {
  %vv = graph.concat %v, %row along 1 {names = ["vv"]} : tensor<1x?x8xf32>, tensor<1x1x8xf32> -> tensor<1x?x8xf32>
  return %vv : tensor<1x?x8xf32>
}

// -----

// A reshape that takes the rows apart needs them without gaps.
// CHECK: exec.state_report = {bound = 0 : i64, left = 1 : i64}
// CHECK-SAME: exec.states = []
// CHECK-LABEL: func.func @left_as_it_is
// CHECK-NOT: exec.rows
func.func @left_as_it_is(
    %k: tensor<2x?x8xf32> {graph.name = "k", graph.dims = [2, "past", 8]},
    %new: tensor<2x1x8xf32> {graph.name = "new", graph.dims = [2, 1, 8]})
    -> (tensor<2x?x8xf32> {graph.name = "kk"}, tensor<?x1xf32> {graph.name = "s"})
    attributes {graph.entry, graph.symbols = [{name = "past", min = 0}]} {
  %kk = graph.concat %k, %new along 1 {names = ["kk"]} : tensor<2x?x8xf32>, tensor<2x1x8xf32> -> tensor<2x?x8xf32>
  %to = graph.constant dense<[-1, 8]> : tensor<2xi64> {names = ["to"]}
  %flat = graph.reshape %kk to %to {names = ["flat"]} : tensor<2x?x8xf32>, tensor<2xi64> -> tensor<?x8xf32>
  %s = graph.reduce_sum %flat over [1] {names = ["s"]} : tensor<?x8xf32> -> tensor<?x1xf32>
  return %kk, %s : tensor<2x?x8xf32>, tensor<?x1xf32>
}
