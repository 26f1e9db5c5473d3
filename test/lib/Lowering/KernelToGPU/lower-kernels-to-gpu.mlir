// RUN: cinch-opt %s -lower-kernels-to-gpu=chip=sm_90 -split-input-file | FileCheck %s

// A device function has the words of the kernel as parameters, and is declared for
// its calls; the host counts its blocks. Four elements a thread where addresses and
// sizes are multiples of 16 bytes.
// CHECK: exec.device_functions = [{calls = 1 : i64, name = "scale",
// CHECK-SAME: record = {reason = "4 elements a thread", schedule = "elementwise"}
// CHECK-SAME: threads = 256 : i64, words = 2 : i64
// CHECK: llvm.func @scale(!llvm.ptr, !llvm.ptr) attributes {exec.signature
// CHECK: llvm.func @scale.tiles(%{{.*}}: !llvm.ptr) -> i64
// CHECK: gpu.module @cinch_device [#nvvm.target<O = 3, chip = "sm_90", features = "+ptx84">]
// CHECK: llvm.func @scale(%{{.*}}: !llvm.ptr {llvm.align = 16 : i64, llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.align = 16 : i64, llvm.noalias}) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256>}
// CHECK: nvvm.read.ptx.sreg.tid.x range <i32, 0, 256>
// CHECK-COUNT-4: llvm.fmul
func.func private @scale(%x: tensor<64x100xf32>, %out: tensor<64x100xf32>) -> tensor<64x100xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %two = arith.constant 2.0 : f32
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x100xf32>) outs(%out : tensor<64x100xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.mulf %a, %two : f32
    linalg.yield %s : f32
  } -> tensor<64x100xf32>
  return %0 : tensor<64x100xf32>
}

// -----

// The threads of a row share its items and combine what they have by shuffles.
// CHECK: schedule = "rows"
// CHECK: llvm.func @sums(
// CHECK: nvvm.shfl.sync bfly
// CHECK: llvm.fadd
func.func private @sums(%x: tensor<?x384xf32>, %out: tensor<?xf32>) -> tensor<?xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<?xf32>) -> tensor<?xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x384xf32>) outs(%init : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %o, %a : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Calls of one kernel that do not depend on each other are one launch: a function
// with the words of both, whose row of the grid picks them.
// CHECK: exec.device_functions = [{calls = 1 : i64, name = "negate"
// CHECK-SAME: {calls = 2 : i64, name = "negate_x2"{{.*}}words = 4 : i64
// CHECK: exec.kernel @negate(%arg0){{.*}}exec.launch_calls = 2 : i64
// CHECK: exec.kernel @negate(%arg1){{.*}}exec.launch_calls = 0 : i64
// The third reads what the first has written.
// CHECK: exec.kernel @negate(
// CHECK-NOT: exec.launch_calls
// CHECK: llvm.func internal @negate_x2_one(
// CHECK-SAME: always_inline
// CHECK: llvm.func @negate_x2(
// CHECK: nvvm.read.ptx.sreg.ctaid.y
module attributes {exec.slots = [{bytes = "32", first = 0 : i64, last = 9 : i64, name = "a"}, {bytes = "32", first = 1 : i64, last = 9 : i64, name = "b"}, {bytes = "32", first = 2 : i64, last = 9 : i64, name = "c"}]} {
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
func.func @main(%x: tensor<8xf32> {exec.slot = #exec.slot<caller, 0, "0">}, %y: tensor<8xf32> {exec.slot = #exec.slot<caller, 1, "0">}) -> tensor<8xf32> attributes {graph.entry} {
  %a = exec.kernel @negate(%x) {dims = [[8]], names = ["a"], slots = [#exec.slot<arena, 0, "0">]} : (tensor<8xf32>) -> tensor<8xf32>
  %b = exec.kernel @negate(%y) {dims = [[8]], names = ["b"], slots = [#exec.slot<arena, 1, "0">]} : (tensor<8xf32>) -> tensor<8xf32>
  %c = exec.kernel @negate(%a) {dims = [[8]], names = ["c"], slots = [#exec.slot<arena, 2, "0">]} : (tensor<8xf32>) -> tensor<8xf32>
  return %c : tensor<8xf32>
}
}
