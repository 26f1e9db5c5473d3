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

// -----

// What a loop carries is read in both branches: the result of the branch, whose
// place both write, cannot be that of the carried value, and is copied there.
func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: @copies_the_result_of_a_branch
// CHECK: %[[RESULT:.*]] = scf.if
// CHECK: %[[COPY:.*]] = exec.copy %[[RESULT]]
// CHECK-NEXT: scf.yield %[[COPY]]
func.func @copies_the_result_of_a_branch(%x: tensor<4xf32> {graph.name = "x"}, %c: tensor<i1> {graph.name = "c"}, %n: tensor<i64> {graph.name = "n"})
    -> (tensor<4xf32> {graph.name = "y"}) attributes {graph.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %count = exec.read %n : tensor<i64> -> index
  %flag = exec.read %c : tensor<i1> -> i1
  %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"]} : (tensor<4xf32>) -> tensor<4xf32>
  %r = scf.for %i = %c0 to %count step %c1 iter_args(%p = %a) -> (tensor<4xf32>) {
    %b = scf.if %flag -> (tensor<4xf32>) {
      %t = exec.kernel @k(%p) {dims = [[4]], in_place = [array<i64: 0, 0>], names = ["t"]} : (tensor<4xf32>) -> tensor<4xf32>
      scf.yield %t : tensor<4xf32>
    } else {
      %e = exec.kernel @k(%p) {dims = [[4]], in_place = [array<i64: 0, 0>], names = ["e"]} : (tensor<4xf32>) -> tensor<4xf32>
      scf.yield %e : tensor<4xf32>
    }
    scf.yield %b : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// What a kernel updates in part has the place of the result; where it is still
// read, that is a copy.
func.func private @set(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: @copies_what_is_updated
// CHECK: %[[A:.*]] = exec.kernel @set(%{{.*}}) {{.*}}slots = [#exec.slot<caller, 1, "0">]
// CHECK: %[[COPY:.*]] = exec.copy %[[A]] {{.*}}slots = [#exec.slot<caller, 2, "0">]
// CHECK: exec.kernel @set(%[[COPY]]) {{.*}}slots = [#exec.slot<caller, 2, "0">]
func.func @copies_what_is_updated(%x: tensor<4xf32> {graph.name = "x"})
    -> (tensor<4xf32> {graph.name = "y"}, tensor<4xf32> {graph.name = "z"}) attributes {graph.entry} {
  %a = exec.kernel @set(%x) {dims = [[4]], names = ["a"]} : (tensor<4xf32>) -> tensor<4xf32>
  %b = exec.kernel @set(%a) {dims = [[4]], in_place = [array<i64: 0, 0>], names = ["b"], updates = [array<i64: 0, 0>]} : (tensor<4xf32>) -> tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}
