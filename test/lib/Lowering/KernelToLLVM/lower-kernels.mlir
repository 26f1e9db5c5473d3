// RUN: cinch-opt %s -lower-kernels -split-input-file | FileCheck %s
// RUN: cinch-opt %s -lower-kernels=reference=true -split-input-file | FileCheck %s --check-prefix=REFERENCE

// The words of x are its address and one dimension; a kernel has a counter of its
// tiles, and keeps its signature for the entry program.
// CHECK-LABEL: llvm.func internal @scale.body(
// CHECK-SAME: %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: llvm.load %{{.*}} {access_groups
// CHECK: llvm.fmul
// CHECK: llvm.store %{{.*}} {access_groups
// CHECK: llvm.func @scale(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64) attributes
// CHECK-SAME: exec.grain = 4
// CHECK-SAME: exec.signature = (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
// CHECK: llvm.func @scale.tiles(%{{.*}}: !llvm.ptr) -> i64
// CHECK-NOT: exec.kernel_body
func.func private @scale(%x: tensor<?xf32>, %out: tensor<?xf32>) -> tensor<?xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %two = arith.constant 2.0 : f32
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%out : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.mulf %a, %two : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Arguments that share a buffer are not noalias.
// CHECK-LABEL: llvm.func internal @negate.body(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
func.func private @negate(%x: tensor<8xf32>, %out: tensor<8xf32>) -> tensor<8xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%out : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> attributes {graph.entry} {
  %y = exec.kernel @negate(%x) {dims = [[8]], in_place = [array<i64: 0, 0>], names = ["y"]} : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// The sum of a row is computed once, before the loop that divides by it, and may
// be reordered, except on the reference path.
// CHECK-LABEL: llvm.func internal @normalize.body
// CHECK-NOT: llvm.fdiv
// CHECK: llvm.fadd {{.*}} {fastmathFlags = #llvm.fastmath<contract, reassoc>}
// CHECK: llvm.fdiv
// REFERENCE-LABEL: llvm.func internal @normalize.body
// REFERENCE: llvm.fadd %{{.*}}, %{{.*}} : f32
func.func private @normalize(%x: tensor<?x64xf32>, %out: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x64xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<?x64xf32>, tensor<?xf32>) outs(%out : tensor<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.divf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// A matrix product calls microkernels: 100 rows are a block of 64 and one of 36.
// The reference path has none.
// CHECK: module attributes {exec.microkernels = [array<i32: 64, 32, 80, 80, 32, 32, 1, 0, 0>, array<i32: 36, 32, 80, 80, 32, 32, 1, 0, 0>]}
// CHECK-LABEL: llvm.func internal @matmul.body
// CHECK: llvm.call %{{.*}}(%{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// REFERENCE-LABEL: llvm.func internal @matmul.body
// REFERENCE-NOT: llvm.call
// REFERENCE: llvm.func @matmul(
func.func private @matmul(%a: tensor<100x80xf32>, %b: tensor<80x32xf32>, %out: tensor<100x32xf32>) -> tensor<100x32xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<100x32xf32>) -> tensor<100x32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<100x80xf32>, tensor<80x32xf32>) outs(%f : tensor<100x32xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<100x32xf32>
  return %0 : tensor<100x32xf32>
}

// -----

// An imperative body is one tile that works in its destination.
// CHECK-LABEL: llvm.func internal @scatter.body
// CHECK-NOT: llvm.call
// CHECK: llvm.func @scatter(
// CHECK: llvm.func @scatter.tiles
// CHECK: llvm.mlir.constant(1 :
func.func private @scatter(%x: tensor<?xf32>, %i: tensor<?xi64>, %u: tensor<?xf32>, %out: tensor<?xf32>) -> tensor<?xf32>
    attributes {exec.kernel_body, exec.kind = "loops"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %i, %c0 : tensor<?xi64>
  %0 = linalg.copy ins(%x : tensor<?xf32>) outs(%out : tensor<?xf32>) -> tensor<?xf32>
  %1 = scf.for %p = %c0 to %n step %c1 iter_args(%t = %0) -> (tensor<?xf32>) {
    %q = tensor.extract %i[%p] : tensor<?xi64>
    %at = arith.index_cast %q : i64 to index
    %v = tensor.extract %u[%p] : tensor<?xf32>
    %w = tensor.insert %v into %t[%at] : tensor<?xf32>
    scf.yield %w : tensor<?xf32>
  }
  return %1 : tensor<?xf32>
}

// -----

// An assertion about a row is checked once per row: no atomic update in the loop
// over the columns, whose body is the copy alone. The two words behind those of
// the tensors are the fault word and the number of the first assertion.
// CHECK-LABEL: llvm.func internal @rows.body
// CHECK-SAME: (%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %[[FAULT:[a-z0-9]+]]: !llvm.ptr, %[[FIRST:[a-z0-9]+]]: i64,
// CHECK: %[[NUMBER:.*]] = llvm.trunc %[[FIRST]] : i64 to i32
// CHECK: llvm.atomicrmw umin %[[FAULT]], %[[NUMBER]] monotonic
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f32
// CHECK-NOT: llvm.atomicrmw
// CHECK: llvm.func @rows(
func.func private @rows(%x: tensor<10x64xf32>, %i: tensor<4xi64>, %out: tensor<4x64xf32>) -> tensor<4x64xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%i : tensor<4xi64>) outs(%out : tensor<4x64xf32>) {
  ^bb0(%index: i64, %o: f32):
    %c9 = arith.constant 9 : index
    %c10 = arith.constant 10 : index
    %at = arith.index_cast %index : i64 to index
    %inside = arith.cmpi ult, %at, %c10 : index
    cf.assert %inside, "holds while running" {exec.fault = 0 : i64}
    %row = arith.minui %at, %c9 : index
    %column = linalg.index 1 : index
    %v = tensor.extract %x[%row, %column] : tensor<10x64xf32>
    linalg.yield %v : f32
  } -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}

// -----

// Both elements of a byte are taken at once, so that bytes are neighbours and the
// distance to move is known.
// CHECK-LABEL: llvm.func internal @widen.body(
// CHECK: %[[FOUR:.*]] = llvm.mlir.constant(4 : i8) : i8
// CHECK: llvm.load %{{.*}} {access_groups{{.*}} : !llvm.ptr -> i8
// CHECK: llvm.trunc %{{.*}} : i8 to i4
// CHECK: llvm.lshr %{{.*}}, %[[FOUR]] : i8
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
func.func private @widen(%x: tensor<?x6xi4>, %out: tensor<?x6xf32>) -> tensor<?x6xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x6xi4>) outs(%out : tensor<?x6xf32>) {
  ^bb0(%a: i4, %o: f32):
    %1 = arith.sitofp %a : i4 to f32
    linalg.yield %1 : f32
  } -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// Rows that begin within a byte: the result is one run of bytes, each written once,
// with 0 behind the last element.
// CHECK-LABEL: llvm.func internal @narrow.body(
// CHECK: llvm.icmp "slt"
// CHECK: llvm.select
// CHECK: llvm.shl
// CHECK: llvm.or
// CHECK: llvm.store %{{.*}} : i8, !llvm.ptr
// CHECK-NOT: llvm.store
// CHECK-LABEL: llvm.func @narrow(
func.func private @narrow(%x: tensor<5x7xi32>, %out: tensor<5x7xi4>) -> tensor<5x7xi4>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<5x7xi32>) outs(%out : tensor<5x7xi4>) {
  ^bb0(%a: i32, %o: i4):
    %1 = arith.trunci %a : i32 to i4
    linalg.yield %1 : i4
  } -> tensor<5x7xi4>
  return %0 : tensor<5x7xi4>
}

// -----

// A panel of a matrix of few bits takes both columns of a byte at once, from bytes
// that are neighbours, and the microkernel reads the panel.
// CHECK-LABEL: llvm.func internal @decoded.body(
// CHECK: %[[FOUR:.*]] = llvm.mlir.constant(4 : i8) : i8
// CHECK: llvm.sitofp %{{.*}} : i4 to f32
// CHECK-NOT: llvm.call
// CHECK: llvm.lshr %{{.*}}, %[[FOUR]] : i8
// CHECK: llvm.sitofp %{{.*}} : i4 to f32
// CHECK-NOT: sitofp
// CHECK: llvm.call
func.func private @decoded(%a: tensor<8x16xf32>, %b: tensor<16x64xi4>, %out: tensor<8x64xf32>) -> tensor<8x64xf32>
    attributes {exec.kernel_body, exec.kind = "contraction"} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x64xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<16x64xi4>) outs(%e : tensor<16x64xf32>) {
  ^bb0(%q: i4, %o: f32):
    %n = arith.sitofp %q : i4 to f32
    linalg.yield %n : f32
  } -> tensor<16x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%out : tensor<8x64xf32>) -> tensor<8x64xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %w : tensor<8x16xf32>, tensor<16x64xf32>) outs(%f : tensor<8x64xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}
