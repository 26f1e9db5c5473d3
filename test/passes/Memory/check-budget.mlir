// RUN: cinch-opt %s -plan-memory -check-budget=budget-bytes=128 -o /dev/null
// RUN: not cinch-opt %s -plan-memory -check-budget=budget-bytes=100 -o /dev/null 2>&1 | FileCheck %s
// RUN: not cinch-opt %s -plan-memory -check-budget=budget-bytes=-1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=OPTION

// CHECK: error: check-budget: the program needs 128 bytes (arena 128, weights 0), the budget is 100
// CHECK: note: smallest budget that works: 128 bytes; proven lower bound: 128 bytes
// 'a' lies where 'c' will be.
// CHECK: note: alive at the peak: 'b', 128 bytes
// OPTION: check-budget: expected budget-bytes >= 0, but got -1

func.func private @k(%x: tensor<?x4xf32>, %d: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {exec.kernel_body} {
  return %d : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {graph.name = "x", graph.dims = ["n", 4]})
    -> (tensor<?x4xf32> {graph.name = "c"})
    attributes {graph.entry, graph.symbols = [{name = "n", min = 1, max = 8}]} {
  %a = exec.kernel @k(%x) {dims = [["n", 4]], names = ["a"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = exec.kernel @k(%a) {dims = [["n", 4]], names = ["b"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = exec.kernel @k(%b) {dims = [["n", 4]], names = ["c"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}
