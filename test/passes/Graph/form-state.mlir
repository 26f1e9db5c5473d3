// RUN: cinch-opt %s -split-input-file -form-state | FileCheck %s

// Two pairs, one of them with a past whose shape is read; the third
// concatenation has its new rows in front, the fourth a past that is read.
// CHECK-LABEL: func.func @finds_pairs
// CHECK-SAME: graph.state_report = {found = 2 : i64, left = 2 : i64}
// CHECK-SAME: graph.states = [{axis = 0 : i64, input = 1 : i64, output = 0 : i64}, {axis = 2 : i64, input = 0 : i64, output = 1 : i64}]
func.func @finds_pairs(
    %k: tensor<2x4x?x8xf32> {graph.name = "k", graph.dims = [2, 4, "past", 8]},
    %v: tensor<?x8xf32> {graph.name = "v", graph.dims = ["past", 8]},
    %x: tensor<?x8xf32> {graph.name = "x", graph.dims = ["past", 8]},
    %z: tensor<?x8xf32> {graph.name = "z", graph.dims = ["past", 8]},
    %new: tensor<2x4x1x8xf32> {graph.name = "new", graph.dims = [2, 4, 1, 8]},
    %row: tensor<1x8xf32> {graph.name = "row", graph.dims = [1, 8]})
    -> (tensor<?x8xf32> {graph.name = "vv"}, tensor<2x4x?x8xf32> {graph.name = "kk"},
        tensor<?x8xf32> {graph.name = "xx"}, tensor<?x8xf32> {graph.name = "zz"}, tensor<?x8xf32> {graph.name = "n"})
    attributes {graph.entry, graph.symbols = [{name = "past", min = 0}]} {
  %vv = graph.concat %v, %row along 0 {names = ["vv"]} : tensor<?x8xf32>, tensor<1x8xf32> -> tensor<?x8xf32>
  %n0 = graph.shape %k from 2 to 3 {names = ["n0"]} : tensor<2x4x?x8xf32> -> tensor<1xi64>
  %kk = graph.concat %k, %new along 2 {names = ["kk"]} : tensor<2x4x?x8xf32>, tensor<2x4x1x8xf32> -> tensor<2x4x?x8xf32>
  %xx = graph.concat %row, %x along 0 {names = ["xx"]} : tensor<1x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %zz = graph.concat %z, %row along 0 {names = ["zz"]} : tensor<?x8xf32>, tensor<1x8xf32> -> tensor<?x8xf32>
  %n = graph.neg %z {names = ["n"]} : tensor<?x8xf32> -> tensor<?x8xf32>
  return %vv, %kk, %xx, %zz, %n : tensor<?x8xf32>, tensor<2x4x?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
