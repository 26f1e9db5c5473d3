// RUN: cinch-opt %s -assign-layouts -split-input-file | FileCheck %s
// RUN: cinch-opt %s -assign-layouts -pack-weights -split-input-file | FileCheck %s --check-prefix=PACKED

// The value between the two convolutions is stored with its channels innermost,
// and each call has a body of its own; input and output stay.
// CHECK-LABEL: func.func private @conv_0(
// CHECK-SAME: tensor<1x256x8x8xf32>, %{{.*}}: tensor<256x256x1x1xf32>, %{{.*}}: tensor<1x256x8x8xf32, #exec.channel_blocks<256>>)
// CHECK: linalg.fill {{.*}} -> tensor<1x256x8x8xf32, #exec.channel_blocks<256>>
// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.*]] = exec.kernel @[[FIRST:.*]](%{{.*}}) {{.*}} -> tensor<1x256x8x8xf32, #exec.channel_blocks<256>>
// CHECK: exec.kernel @{{.*}}(%[[Y]], %{{.*}}) {{.*}} -> tensor<1x256x8x8xf32>
// PACKED-LABEL: func.func @main
// PACKED: exec.weight {{.*}} : tensor<256x256x1x1xf32, #exec.filter_blocks<64, 256>>
// PACKED-SAME: exec.layout = "filter-blocks:64:256"
func.func private @conv(%x: tensor<1x256x8x8xf32>, %w: tensor<256x256x1x1xf32>, %out: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, j, i) -> (n, c, y + j, x + i)>, affine_map<(n, f, y, x, c, j, i) -> (f, c, j, i)>, affine_map<(n, f, y, x, c, j, i) -> (n, f, y, x)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) outs(%f : tensor<1x256x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x256x8x8xf32>
  return %0 : tensor<1x256x8x8xf32>
}
func.func @main(%x: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32> attributes {graph.entry} {
  %v = exec.weight dense<1.5> : tensor<256x256x1x1xf32> {names = ["v"]}
  %w = exec.weight dense<2.5> : tensor<256x256x1x1xf32> {names = ["w"]}
  %y = exec.kernel @conv(%x, %v) {dims = [[1, 256, 8, 8]], names = ["y"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  %z = exec.kernel @conv(%y, %w) {dims = [[1, 256, 8, 8]], names = ["z"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  return %z : tensor<1x256x8x8xf32>
}

// -----

// The parts of a concatenation have blocks of one size, and it stays one.
// CHECK-LABEL: func.func @main
// CHECK: exec.assemble(%{{.*}}, %{{.*}}) {{.*}} : (tensor<1x192x8x8xf32, #exec.channel_blocks<64>>, tensor<1x256x8x8xf32, #exec.channel_blocks<64>>) -> tensor<1x448x8x8xf32, #exec.channel_blocks<64>>
func.func private @narrow(%x: tensor<1x256x8x8xf32>, %w: tensor<192x256x1x1xf32>, %out: tensor<1x192x8x8xf32>) -> tensor<1x192x8x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x192x8x8xf32>) -> tensor<1x192x8x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, j, i) -> (n, c, y + j, x + i)>, affine_map<(n, f, y, x, c, j, i) -> (f, c, j, i)>, affine_map<(n, f, y, x, c, j, i) -> (n, f, y, x)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x256x8x8xf32>, tensor<192x256x1x1xf32>) outs(%f : tensor<1x192x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x192x8x8xf32>
  return %0 : tensor<1x192x8x8xf32>
}
func.func private @wide(%x: tensor<1x256x8x8xf32>, %w: tensor<256x256x1x1xf32>, %out: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, j, i) -> (n, c, y + j, x + i)>, affine_map<(n, f, y, x, c, j, i) -> (f, c, j, i)>, affine_map<(n, f, y, x, c, j, i) -> (n, f, y, x)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) outs(%f : tensor<1x256x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x256x8x8xf32>
  return %0 : tensor<1x256x8x8xf32>
}
func.func private @last(%x: tensor<1x448x8x8xf32>, %w: tensor<256x448x1x1xf32>, %out: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, j, i) -> (n, c, y + j, x + i)>, affine_map<(n, f, y, x, c, j, i) -> (f, c, j, i)>, affine_map<(n, f, y, x, c, j, i) -> (n, f, y, x)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x448x8x8xf32>, tensor<256x448x1x1xf32>) outs(%f : tensor<1x256x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x256x8x8xf32>
  return %0 : tensor<1x256x8x8xf32>
}
func.func @main(%x: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32> attributes {graph.entry} {
  %u = exec.weight dense<1.5> : tensor<192x256x1x1xf32> {names = ["u"]}
  %v = exec.weight dense<1.5> : tensor<256x256x1x1xf32> {names = ["v"]}
  %w = exec.weight dense<2.5> : tensor<256x448x1x1xf32> {names = ["w"]}
  %p = exec.kernel @narrow(%x, %u) {dims = [[1, 192, 8, 8]], names = ["p"]} : (tensor<1x256x8x8xf32>, tensor<192x256x1x1xf32>) -> tensor<1x192x8x8xf32>
  %q = exec.kernel @wide(%x, %v) {dims = [[1, 256, 8, 8]], names = ["q"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  %c = exec.assemble(%p, %q) {dims = [[1, 448, 8, 8]], names = ["c"]} : (tensor<1x192x8x8xf32>, tensor<1x256x8x8xf32>) -> tensor<1x448x8x8xf32>
  %z = exec.kernel @last(%c, %w) {dims = [[1, 256, 8, 8]], names = ["z"]} : (tensor<1x448x8x8xf32>, tensor<256x448x1x1xf32>) -> tensor<1x256x8x8xf32>
  return %z : tensor<1x256x8x8xf32>
}

// -----

// Too little work for what the ends cost.
// CHECK-LABEL: func.func @main
// CHECK-NOT: channel_blocks
// CHECK: return
func.func private @conv(%x: tensor<1x16x8x8xf32>, %w: tensor<16x16x1x1xf32>, %out: tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, j, i) -> (n, c, y + j, x + i)>, affine_map<(n, f, y, x, c, j, i) -> (f, c, j, i)>, affine_map<(n, f, y, x, c, j, i) -> (n, f, y, x)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) outs(%f : tensor<1x16x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x16x8x8xf32>
  return %0 : tensor<1x16x8x8xf32>
}
func.func @main(%x: tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32> attributes {graph.entry} {
  %v = exec.weight dense<1.5> : tensor<16x16x1x1xf32> {names = ["v"]}
  %w = exec.weight dense<2.5> : tensor<16x16x1x1xf32> {names = ["w"]}
  %y = exec.kernel @conv(%x, %v) {dims = [[1, 16, 8, 8]], names = ["y"]} : (tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  %z = exec.kernel @conv(%y, %w) {dims = [[1, 16, 8, 8]], names = ["z"]} : (tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  return %z : tensor<1x16x8x8xf32>
}

// -----

// What is also a view or an output keeps its order.
// CHECK-LABEL: func.func @main
// CHECK-NOT: channel_blocks
// CHECK: return
func.func private @conv(%x: tensor<1x256x8x8xf32>, %w: tensor<256x256x1x1xf32>, %out: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(n, f, y, x, c, j, i) -> (n, c, y + j, x + i)>, affine_map<(n, f, y, x, c, j, i) -> (f, c, j, i)>, affine_map<(n, f, y, x, c, j, i) -> (n, f, y, x)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) outs(%f : tensor<1x256x8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x256x8x8xf32>
  return %0 : tensor<1x256x8x8xf32>
}
func.func @main(%x: tensor<1x256x8x8xf32>) -> (tensor<1x256x8x8xf32>, tensor<1x16384xf32>) attributes {graph.entry} {
  %v = exec.weight dense<1.5> : tensor<256x256x1x1xf32> {names = ["v"]}
  %w = exec.weight dense<2.5> : tensor<256x256x1x1xf32> {names = ["w"]}
  %y = exec.kernel @conv(%x, %v) {dims = [[1, 256, 8, 8]], names = ["y"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  %z = exec.kernel @conv(%y, %w) {dims = [[1, 256, 8, 8]], names = ["z"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  %r = exec.view %y {dims = [[1, 16384]], names = ["r"]} : tensor<1x256x8x8xf32> -> tensor<1x16384xf32>
  return %z, %r : tensor<1x256x8x8xf32>, tensor<1x16384xf32>
}
