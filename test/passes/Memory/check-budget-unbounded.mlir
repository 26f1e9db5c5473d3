// RUN: not cinch-opt %s -plan-memory -check-budget=budget-bytes=200 -o /dev/null 2>&1 | FileCheck %s

// CHECK: error: check-budget: a budget holds for bounded sizes only, but 'n' has no upper bound
// CHECK: note: bound it with --dim n=lo..hi, or pin it with --dim n=value

func.func private @k(%x: tensor<?xf32>, %d: tensor<?xf32>) -> tensor<?xf32> attributes {exec.kernel_body} {
  return %d : tensor<?xf32>
}
func.func @main(%x: tensor<?xf32> {graph.name = "x", graph.dims = ["n"]}) -> (tensor<?xf32> {graph.name = "b"})
    attributes {graph.entry, graph.symbols = [{name = "n", min = 1}]} {
  %a = exec.kernel @k(%x) {dims = [["n"]], names = ["a"]} : (tensor<?xf32>) -> tensor<?xf32>
  %b = exec.kernel @k(%a) {dims = [["n"]], names = ["b"]} : (tensor<?xf32>) -> tensor<?xf32>
  return %b : tensor<?xf32>
}
