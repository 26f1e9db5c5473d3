// RUN: cinch-opt %s -orient-weights -split-input-file | FileCheck %s

// Beside floats, columns of codes and of scales become neighbours.
// CHECK: #[[TURNED:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func private @product
// CHECK-SAME: %[[W:.*]]: tensor<32x8xi4>, %[[S:.*]]: tensor<2x8xf32>, %[[X:.*]]: tensor<16x32xf32>
// CHECK: linalg.generic {indexing_maps = [#[[TURNED]], #{{.*}}], {{.*}} ins(%[[W]]
// CHECK: %[[N:.*]] = linalg.index 0
// CHECK: %[[G:.*]] = arith.divui
// CHECK: tensor.extract %[[S]][%[[G]], %[[N]]]
func.func private @product(%w: tensor<8x32xi4>, %s: tensor<8x2xf32>, %x: tensor<16x32xf32>, %out: tensor<16x8xf32>) -> tensor<16x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %e = tensor.empty() : tensor<8x32xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<8x32xi4>) outs(%e : tensor<8x32xf32>) attrs = {exec.decodes = si4} {
  ^bb0(%q: i4, %o: f32):
    %n = linalg.index 0 : index
    %k = linalg.index 1 : index
    %c16 = arith.constant 16 : index
    %g = arith.divui %k, %c16 : index
    %scale = tensor.extract %s[%n, %g] : tensor<8x2xf32>
    %wide = arith.extsi %q : i4 to i32
    %real = arith.sitofp %wide : i32 to f32
    %product = arith.mulf %real, %scale : f32
    linalg.yield %product : f32
  } -> tensor<8x32xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<16x8xf32>) -> tensor<16x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %d : tensor<16x32xf32>, tensor<8x32xf32>) outs(%f : tensor<16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: exec.weight {{.*}} : tensor<32x8xi4>
// CHECK-SAME: exec.layout = "transposed", exec.unpacked_shape = array<i64: 8, 32>
// CHECK: exec.weight {{.*}} : tensor<2x8xf32>
// CHECK: exec.kernel @product
// CHECK-SAME: (tensor<32x8xi4>, tensor<2x8xf32>, tensor<16x32xf32>) -> tensor<16x8xf32>
func.func @main(%x: tensor<16x32xf32>) -> tensor<16x8xf32> attributes {graph.entry} {
  %w = exec.weight dense<3> : tensor<8x32xi4> {names = ["w"]}
  %s = exec.weight dense<0.5> : tensor<8x2xf32> {names = ["s"]}
  %y = exec.kernel @product(%w, %s, %x) {dims = [[16, 8]], names = ["y"]} : (tensor<8x32xi4>, tensor<8x2xf32>, tensor<16x32xf32>) -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// -----

// Beside codes, places along the depth become neighbours; a number is a scale too.
// CHECK-LABEL: func.func private @codes
// CHECK-SAME: %{{.*}}: tensor<16x32xi4>, %{{.*}}: tensor<8x32xi4>
func.func private @codes(%x: tensor<16x32xi4>, %w: tensor<32x8xi4>, %out: tensor<16x8xf32>) -> tensor<16x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %ex = tensor.empty() : tensor<16x32xf32>
  %half = arith.constant 0.5 : f32
  %dx = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<16x32xi4>) outs(%ex : tensor<16x32xf32>) attrs = {exec.decodes = si4} {
  ^bb0(%q: i4, %o: f32):
    %wide = arith.extsi %q : i4 to i32
    %real = arith.sitofp %wide : i32 to f32
    %product = arith.mulf %real, %half : f32
    linalg.yield %product : f32
  } -> tensor<16x32xf32>
  %e = tensor.empty() : tensor<32x8xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(k, n) -> (k, n)>, affine_map<(k, n) -> (k, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x8xi4>) outs(%e : tensor<32x8xf32>) attrs = {exec.decodes = si4} {
  ^bb0(%q: i4, %o: f32):
    %wide = arith.extsi %q : i4 to i32
    %real = arith.sitofp %wide : i32 to f32
    %product = arith.mulf %real, %half : f32
    linalg.yield %product : f32
  } -> tensor<32x8xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<16x8xf32>) -> tensor<16x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%dx, %d : tensor<16x32xf32>, tensor<32x8xf32>) outs(%f : tensor<16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: exec.weight {{.*}} : tensor<8x32xi4>
func.func @main(%x: tensor<16x32xi4>) -> tensor<16x8xf32> attributes {graph.entry} {
  %w = exec.weight dense<3> : tensor<32x8xi4> {names = ["w"]}
  %y = exec.kernel @codes(%x, %w) {dims = [[16, 8]], names = ["y"]} : (tensor<16x32xi4>, tensor<32x8xi4>) -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// -----

// What has another reader keeps its place.
// CHECK-LABEL: func.func private @product
// CHECK-SAME: %{{.*}}: tensor<8x32xi4>, %{{.*}}: tensor<8x2xf32>, %{{.*}}: tensor<16x32xf32>
func.func private @product(%w: tensor<8x32xi4>, %s: tensor<8x2xf32>, %x: tensor<16x32xf32>, %out: tensor<16x8xf32>) -> tensor<16x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %e = tensor.empty() : tensor<8x32xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<8x32xi4>) outs(%e : tensor<8x32xf32>) attrs = {exec.decodes = si4} {
  ^bb0(%q: i4, %o: f32):
    %n = linalg.index 0 : index
    %k = linalg.index 1 : index
    %c16 = arith.constant 16 : index
    %g = arith.divui %k, %c16 : index
    %scale = tensor.extract %s[%n, %g] : tensor<8x2xf32>
    %wide = arith.extsi %q : i4 to i32
    %real = arith.sitofp %wide : i32 to f32
    %product = arith.mulf %real, %scale : f32
    linalg.yield %product : f32
  } -> tensor<8x32xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<16x8xf32>) -> tensor<16x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %d : tensor<16x32xf32>, tensor<8x32xf32>) outs(%f : tensor<16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}
// CHECK-LABEL: func.func @main
// CHECK: exec.weight {{.*}} : tensor<8x32xi4>
func.func @main(%x: tensor<16x32xf32>) -> (tensor<16x8xf32>, tensor<8x32xi4>, tensor<8x2xf32>) attributes {graph.entry} {
  %w = exec.weight dense<3> : tensor<8x32xi4> {names = ["w"]}
  %s = exec.weight dense<0.5> : tensor<8x2xf32> {names = ["s"]}
  %y = exec.kernel @product(%w, %s, %x) {dims = [[16, 8]], names = ["y"]} : (tensor<8x32xi4>, tensor<8x2xf32>, tensor<16x32xf32>) -> tensor<16x8xf32>
  %v = exec.copy %w {dims = [[8, 32]], names = ["v"]} : tensor<8x32xi4>
  %t = exec.copy %s {dims = [[8, 2]], names = ["t"]} : tensor<8x2xf32>
  return %y, %v, %t : tensor<16x8xf32>, tensor<8x32xi4>, tensor<8x2xf32>
}
