// RUN: cinch-opt %s -form-state=pairs=v=vv | FileCheck %s
// RUN: not cinch-opt %s -form-state=pairs=q=vv 2>&1 | FileCheck %s --check-prefix=INPUT
// RUN: not cinch-opt %s -form-state=pairs=v=q 2>&1 | FileCheck %s --check-prefix=OUTPUT
// RUN: not cinch-opt %s -form-state=pairs=row=vv 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: not cinch-opt %s -form-state=pairs=v=n 2>&1 | FileCheck %s --check-prefix=CONCAT
// RUN: not cinch-opt %s -form-state=pairs=f=ff 2>&1 | FileCheck %s --check-prefix=FIXED
// RUN: not cinch-opt %s -form-state=pairs=v=vv,v=vv 2>&1 | FileCheck %s --check-prefix=TWICE

// Only the pair that is named.
// CHECK-LABEL: func.func @takes_what_is_named
// CHECK-SAME: graph.states = [{axis = 0 : i64, input = 0 : i64, named, output = 0 : i64}]

// INPUT: form-state: the model has no input 'q'
// OUTPUT: form-state: the model has no output 'q'
// ORDER: form-state: expected 'vv' to be 'row' with new rows, but the output is no concatenation of the input and new rows behind it
// CONCAT: form-state: expected 'n' to be 'v' with new rows, but the output is no concatenation
// FIXED: form-state: expected 'ff' to be 'f' with new rows, but the input has a fixed number of rows along axis 0
// TWICE: form-state: 'v=vv' is given twice
func.func @takes_what_is_named(
    %v: tensor<?x8xf32> {graph.name = "v", graph.dims = ["past", 8]},
    %w: tensor<?x8xf32> {graph.name = "w", graph.dims = ["past", 8]},
    %f: tensor<4x8xf32> {graph.name = "f", graph.dims = [4, 8]},
    %row: tensor<1x8xf32> {graph.name = "row", graph.dims = [1, 8]})
    -> (tensor<?x8xf32> {graph.name = "vv"}, tensor<?x8xf32> {graph.name = "ww"}, tensor<5x8xf32> {graph.name = "ff"},
        tensor<1x8xf32> {graph.name = "n"})
    attributes {graph.entry, graph.symbols = [{name = "past", min = 0}]} {
  %vv = graph.concat %v, %row along 0 {names = ["vv"]} : tensor<?x8xf32>, tensor<1x8xf32> -> tensor<?x8xf32>
  %ww = graph.concat %w, %row along 0 {names = ["ww"]} : tensor<?x8xf32>, tensor<1x8xf32> -> tensor<?x8xf32>
  %ff = graph.concat %f, %row along 0 {names = ["ff"]} : tensor<4x8xf32>, tensor<1x8xf32> -> tensor<5x8xf32>
  %n = graph.neg %row {names = ["n"]} : tensor<1x8xf32> -> tensor<1x8xf32>
  return %vv, %ww, %ff, %n : tensor<?x8xf32>, tensor<?x8xf32>, tensor<5x8xf32>, tensor<1x8xf32>
}
