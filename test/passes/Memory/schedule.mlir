// RUN: cinch-opt %s -schedule | FileCheck %s

// Both big values before either is reduced would need them at once.
// CHECK: exec.schedule = {given_peak = 8208 : i64, lower_bound = 4112 : i64, peak = 4128 : i64
func.func private @grow(%x: tensor<4xf32>, %d: tensor<1024xf32>) -> tensor<1024xf32> attributes {exec.kernel_body} {
  return %d : tensor<1024xf32>
}
func.func private @shrink(%x: tensor<1024xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
func.func private @add(%x: tensor<4xf32>, %y: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: exec.kernel @grow
// CHECK: exec.kernel @shrink
// CHECK: exec.kernel @grow
// CHECK: exec.kernel @shrink
// CHECK: exec.kernel @add
func.func @main(%x: tensor<4xf32> {graph.name = "x"}) -> (tensor<4xf32> {graph.name = "y"}) attributes {graph.entry} {
  %a = exec.kernel @grow(%x) {dims = [[1024]], names = ["a"]} : (tensor<4xf32>) -> tensor<1024xf32>
  %b = exec.kernel @grow(%x) {dims = [[1024]], names = ["b"]} : (tensor<4xf32>) -> tensor<1024xf32>
  %c = exec.kernel @shrink(%a) {dims = [[4]], names = ["c"]} : (tensor<1024xf32>) -> tensor<4xf32>
  %d = exec.kernel @shrink(%b) {dims = [[4]], names = ["d"]} : (tensor<1024xf32>) -> tensor<4xf32>
  %y = exec.kernel @add(%c, %d) {dims = [[4]], names = ["y"]} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
