// RUN: cinch-opt %s -join-rows -split-input-file | FileCheck %s

// The second call writes below what the first has written, and the concatenation
// is gone.
// CHECK-LABEL: func.func private @twice_rows_0(
// CHECK-SAME: %[[X:.*]]: tensor<?x8x4x9xf32>, %[[INTO:.*]]: tensor<?x8x8x9xf32>, %[[ROW:.*]]: index, %[[OUT:.*]]: tensor<?x8x8x9xf32>) -> tensor<?x8x8x9xf32>
// CHECK: %[[N:.*]] = tensor.dim %[[OUT]], %{{.*}} : tensor<?x8x8x9xf32>
// CHECK: %[[PART:.*]] = tensor.empty(%[[N]]) : tensor<?x8x4x9xf32>
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} outs(%[[PART]] :
// CHECK: %[[ALL:.*]] = tensor.insert_slice %[[Y]] into %[[INTO]][0, 0, %[[ROW]], 0] [%[[N]], 8, 4, 9] [1, 1, 1, 1]
// CHECK: return %[[ALL]]
// CHECK-LABEL: func.func private @twice_rows(
// CHECK: tensor.insert_slice
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = exec.kernel @twice_rows(%arg0) scalars ["0"] {dims = {{\[\[}}"n", 8, 8, 9]], names = ["a"]}
// CHECK: %[[Z:.*]] = exec.kernel @twice_rows_0(%arg1, %[[A]]) scalars ["4"] {dims = {{\[\[}}"n", 8, 8, 9]], in_place = [array<i64: 1, 0>], names = ["z"], updates = [array<i64: 1, 0>]}
// CHECK-NOT: exec.kernel
// CHECK: return %[[Z]]
func.func private @twice(%x: tensor<?x8x4x9xf32>, %out: tensor<?x8x4x9xf32>) -> tensor<?x8x4x9xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x8x4x9xf32>) outs(%out : tensor<?x8x4x9xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<?x8x4x9xf32>
  return %0 : tensor<?x8x4x9xf32>
}
func.func private @concat(%x: tensor<?x8x4x9xf32>, %y: tensor<?x8x4x9xf32>, %out: tensor<?x8x8x9xf32>) -> tensor<?x8x8x9xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  return %out : tensor<?x8x8x9xf32>
}
func.func @main(%x: tensor<?x8x4x9xf32> {graph.dims = ["n", 8, 4, 9]}, %y: tensor<?x8x4x9xf32> {graph.dims = ["n", 8, 4, 9]}) -> tensor<?x8x8x9xf32> attributes {graph.entry} {
  %a = exec.kernel @twice(%x) {dims = [["n", 8, 4, 9]], in_place = [array<i64: 0, 0>], names = ["a"]} : (tensor<?x8x4x9xf32>) -> tensor<?x8x4x9xf32>
  %b = exec.kernel @twice(%y) {dims = [["n", 8, 4, 9]], in_place = [array<i64: 0, 0>], names = ["b"]} : (tensor<?x8x4x9xf32>) -> tensor<?x8x4x9xf32>
  %z = exec.kernel @concat(%a, %b) {dims = [["n", 8, 8, 9]], exec.joins_rows, names = ["z"]} : (tensor<?x8x4x9xf32>, tensor<?x8x4x9xf32>) -> tensor<?x8x8x9xf32>
  return %z : tensor<?x8x8x9xf32>
}

// -----

// What somebody else reads has to be where it is.
// CHECK-LABEL: func.func @main
// CHECK: exec.kernel @twice(
// CHECK: exec.kernel @twice(
// CHECK: exec.kernel @concat(
func.func private @twice(%x: tensor<?x8x4x9xf32>, %out: tensor<?x8x4x9xf32>) -> tensor<?x8x4x9xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : tensor<?x8x4x9xf32>) outs(%out : tensor<?x8x4x9xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<?x8x4x9xf32>
  return %0 : tensor<?x8x4x9xf32>
}
func.func private @concat(%x: tensor<?x8x4x9xf32>, %y: tensor<?x8x4x9xf32>, %out: tensor<?x8x8x9xf32>) -> tensor<?x8x8x9xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  return %out : tensor<?x8x8x9xf32>
}
func.func @main(%x: tensor<?x8x4x9xf32> {graph.dims = ["n", 8, 4, 9]}, %y: tensor<?x8x4x9xf32> {graph.dims = ["n", 8, 4, 9]}) -> (tensor<?x8x8x9xf32>, tensor<?x8x4x9xf32>) attributes {graph.entry} {
  %a = exec.kernel @twice(%x) {dims = [["n", 8, 4, 9]], names = ["a"]} : (tensor<?x8x4x9xf32>) -> tensor<?x8x4x9xf32>
  %b = exec.kernel @twice(%y) {dims = [["n", 8, 4, 9]], names = ["b"]} : (tensor<?x8x4x9xf32>) -> tensor<?x8x4x9xf32>
  %z = exec.kernel @concat(%a, %b) {dims = [["n", 8, 8, 9]], exec.joins_rows, names = ["z"]} : (tensor<?x8x4x9xf32>, tensor<?x8x4x9xf32>) -> tensor<?x8x8x9xf32>
  return %z, %b : tensor<?x8x8x9xf32>, tensor<?x8x4x9xf32>
}
