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

// -----

// Rows of one image with all channels innermost are neighbours: the others are a view
// from element 2 * 8 * 256 on, and joined rows an assembly.
// CHECK-LABEL: func.func @main
// CHECK: %[[Y:.*]] = exec.kernel @{{.*}} -> tensor<1x256x8x8xf32, #exec.channel_blocks<256>>
// CHECK: %[[TOP:.*]] = exec.view %[[Y]] {{.*}} -> tensor<1x256x2x8xf32, #exec.channel_blocks<256>>
// CHECK: %[[REST:.*]] = exec.view %[[Y]] at "4096" {{.*}} -> tensor<1x256x6x8xf32, #exec.channel_blocks<256>>
// CHECK: %[[R:.*]] = exec.assemble(%[[REST]], %[[TOP]]) {{.*}} -> tensor<1x256x8x8xf32, #exec.channel_blocks<256>>
// CHECK: exec.kernel @{{.*}}(%[[R]], %{{.*}}) {{.*}} -> tensor<1x256x8x8xf32>
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
func.func private @top(%in: tensor<1x256x8x8xf32>, %out: tensor<1x256x2x8xf32>) -> tensor<1x256x2x8xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%out : tensor<1x256x2x8xf32>) {
  ^bb0(%o: f32):
    %n = linalg.index 0 : index
    %f = linalg.index 1 : index
    %y = linalg.index 2 : index
    %x0 = linalg.index 3 : index
    %e = tensor.extract %in[%n, %f, %y, %x0] : tensor<1x256x8x8xf32>
    linalg.yield %e : f32
  } -> tensor<1x256x2x8xf32>
  return %0 : tensor<1x256x2x8xf32>
}
func.func private @rest(%in: tensor<1x256x8x8xf32>, %out: tensor<1x256x6x8xf32>) -> tensor<1x256x6x8xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%out : tensor<1x256x6x8xf32>) {
  ^bb0(%o: f32):
    %n = linalg.index 0 : index
    %f = linalg.index 1 : index
    %y = linalg.index 2 : index
    %x0 = linalg.index 3 : index
    %two = arith.constant 2 : index
    %at = arith.addi %y, %two : index
    %e = tensor.extract %in[%n, %f, %at, %x0] : tensor<1x256x8x8xf32>
    linalg.yield %e : f32
  } -> tensor<1x256x6x8xf32>
  return %0 : tensor<1x256x6x8xf32>
}
func.func private @join(%a: tensor<1x256x6x8xf32>, %b: tensor<1x256x2x8xf32>, %out: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32> attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%out : tensor<1x256x8x8xf32>) {
  ^bb0(%o: f32):
    %n = linalg.index 0 : index
    %f = linalg.index 1 : index
    %y = linalg.index 2 : index
    %x0 = linalg.index 3 : index
    %six = arith.constant 6 : index
    %first = arith.cmpi ult, %y, %six : index
    %e = scf.if %first -> f32 {
      %v = tensor.extract %a[%n, %f, %y, %x0] : tensor<1x256x6x8xf32>
      scf.yield %v : f32
    } else {
      %at = arith.subi %y, %six : index
      %v = tensor.extract %b[%n, %f, %at, %x0] : tensor<1x256x2x8xf32>
      scf.yield %v : f32
    }
    linalg.yield %e : f32
  } -> tensor<1x256x8x8xf32>
  return %0 : tensor<1x256x8x8xf32>
}
func.func @main(%x: tensor<1x256x8x8xf32>) -> tensor<1x256x8x8xf32> attributes {graph.entry} {
  %v = exec.weight dense<1.5> : tensor<256x256x1x1xf32> {names = ["v"]}
  %y = exec.kernel @conv(%x, %v) {dims = [[1, 256, 8, 8]], names = ["y"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  %t = exec.kernel @top(%y) {dims = [[1, 256, 2, 8]], exec.first_row = 0 : i64, names = ["t"]} : (tensor<1x256x8x8xf32>) -> tensor<1x256x2x8xf32>
  %r = exec.kernel @rest(%y) {dims = [[1, 256, 6, 8]], exec.first_row = 2 : i64, names = ["r"]} : (tensor<1x256x8x8xf32>) -> tensor<1x256x6x8xf32>
  %j = exec.kernel @join(%r, %t) {dims = [[1, 256, 8, 8]], exec.joins_rows, names = ["j"]} : (tensor<1x256x6x8xf32>, tensor<1x256x2x8xf32>) -> tensor<1x256x8x8xf32>
  %z = exec.kernel @conv(%j, %v) {dims = [[1, 256, 8, 8]], names = ["z"]} : (tensor<1x256x8x8xf32>, tensor<256x256x1x1xf32>) -> tensor<1x256x8x8xf32>
  return %z : tensor<1x256x8x8xf32>
}
