// RUN: cinch-opt %s -split-input-file -plan-memory -verify-plan | FileCheck %s

// A loop-carried value keeps one place; values that trade places need copies.
func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: @carries_values_in_place
// CHECK: names = ["a"], slots = [#exec.slot<caller, 2, "0">]
// CHECK: scf.for
// CHECK: names = ["b"], slots = [#exec.slot<caller, 2, "0">]
// CHECK: exec.arg_slots = {{\[\[}}unit, #exec.slot<caller, 2, "0">]], exec.slots = [#exec.slot<caller, 2, "0">]
func.func @carries_values_in_place(%x: tensor<4xf32> {graph.name = "x"}, %n: tensor<i64> {graph.name = "n"})
    -> (tensor<4xf32> {graph.name = "y"}) attributes {graph.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %count = exec.read %n : tensor<i64> -> index
  %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"]} : (tensor<4xf32>) -> tensor<4xf32>
  %r = scf.for %i = %c0 to %count step %c1 iter_args(%p = %a) -> (tensor<4xf32>) {
    %b = exec.kernel @k(%p) {dims = [[4]], in_place = [array<i64: 0, 0>], names = ["b"]} : (tensor<4xf32>) -> tensor<4xf32>
    scf.yield %b : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
