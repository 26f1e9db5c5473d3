// RUN: cinch-opt %s -split-input-file -plan-memory -verify-plan | FileCheck %s

// A chain takes one slot: each result lies over its dead operand; the last is
// the caller's.
// CHECK: exec.slots = [{bytes = "16*n", first = 0 : i64, last = 2 : i64, name = "b"}]
func.func private @k(%x: tensor<?x4xf32>, %d: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {exec.kernel_body} {
  return %d : tensor<?x4xf32>
}
// CHECK-LABEL: @shares_in_place
// CHECK: exec.kernel @k(%{{.*}}) {{.*}}names = ["a"], slots = [#exec.slot<arena, 0, "0">]
// CHECK: exec.kernel @k(%{{.*}}) {{.*}}names = ["b"], slots = [#exec.slot<arena, 0, "0">]
// CHECK: exec.kernel @k(%{{.*}}) {{.*}}names = ["c"], slots = [#exec.slot<caller, 1, "0">]
func.func @shares_in_place(%x: tensor<?x4xf32> {graph.name = "x", graph.dims = ["n", 4]})
    -> (tensor<?x4xf32> {graph.name = "c"})
    attributes {graph.entry, graph.symbols = [{name = "n", min = 1, max = 8}]} {
  %a = exec.kernel @k(%x) {dims = [["n", 4]], names = ["a"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = exec.kernel @k(%a) {dims = [["n", 4]], in_place = [array<i64: 0, 0>], names = ["b"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = exec.kernel @k(%b) {dims = [["n", 4]], names = ["c"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}

// -----

// The operand is read again, so its bytes stay; both lie in what they are joined to.
func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: @keeps_what_is_read_again
// CHECK: names = ["a"], slots = [#exec.slot<caller, 1, "16">]
// CHECK: names = ["b"], slots = [#exec.slot<caller, 1, "32">]
// CHECK: exec.assemble{{.*}}slots = [#exec.slot<caller, 1, "0">]
func.func @keeps_what_is_read_again(%x: tensor<4xf32> {graph.name = "x"}) -> (tensor<12xf32> {graph.name = "y"})
    attributes {graph.entry} {
  %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"]} : (tensor<4xf32>) -> tensor<4xf32>
  %b = exec.kernel @k(%a) {dims = [[4]], in_place = [array<i64: 0, 0>], names = ["b"]} : (tensor<4xf32>) -> tensor<4xf32>
  %y = exec.assemble(%x, %a, %b) {dims = [[12]], names = ["y"]} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<12xf32>
  return %y : tensor<12xf32>
}

// -----

// Outputs that are an input, a part of a value, or returned twice are copied.
func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: @copies_outputs_without_a_place
// CHECK: names = ["a"], slots = [#exec.slot<caller, 1, "0">]
// CHECK: %[[X:.*]] = exec.copy %{{.*}} {{.*}}slots = [#exec.slot<caller, 2, "0">]
// CHECK: %[[A:.*]] = exec.copy %{{.*}} {{.*}}slots = [#exec.slot<caller, 3, "0">]
// CHECK: %[[V:.*]] = exec.copy %{{.*}} {{.*}}slots = [#exec.slot<caller, 4, "0">]
// CHECK: return %{{.*}}, %[[X]], %[[A]], %[[V]]
func.func @copies_outputs_without_a_place(%x: tensor<4xf32> {graph.name = "x"})
    -> (tensor<4xf32> {graph.name = "a"}, tensor<4xf32> {graph.name = "b"},
        tensor<4xf32> {graph.name = "c"}, tensor<2xf32> {graph.name = "d"})
    attributes {graph.entry} {
  %a = exec.kernel @k(%x) {dims = [[4]], names = ["a"]} : (tensor<4xf32>) -> tensor<4xf32>
  %v = exec.view %a at "2" {dims = [[2]], names = ["v"]} : tensor<4xf32> -> tensor<2xf32>
  return %a, %x, %a, %v : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2xf32>
}

// -----
func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
// CHECK-LABEL: @copies_values_that_trade_places
// CHECK: scf.for
// CHECK-COUNT-3: exec.copy
// CHECK: scf.yield
func.func @copies_values_that_trade_places(%n: tensor<i64> {graph.name = "n"})
    -> (tensor<4xf32> {graph.name = "y"}, tensor<4xf32> {graph.name = "z"}) attributes {graph.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %count = exec.read %n : tensor<i64> -> index
  %v = exec.weight dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> {names = ["v"]}
  %w = exec.weight dense<1.0> : tensor<4xf32> {names = ["w"]}
  %r:2 = scf.for %i = %c0 to %count step %c1 iter_args(%p = %v, %q = %w) -> (tensor<4xf32>, tensor<4xf32>) {
    scf.yield %q, %p : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}
