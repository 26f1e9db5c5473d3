// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{keep-originals},compensate-low-rank{rank=1 report}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{keep-originals},compensate-low-rank{rank=1}))' -o %t.once
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{keep-originals},compensate-low-rank{rank=1},compensate-low-rank{rank=1}))' -o %t.twice 2> %t.warning
// RUN: diff %t.once %t.twice
// RUN: FileCheck %s --check-prefix=TWICE --input-file=%t.warning
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights))' -o %t.plain
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{keep-originals},compensate-low-rank{rank=0}))' -o %t.zero
// RUN: diff %t.plain %t.zero
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{keep-originals},compensate-low-rank{rank=1 share=false precision=f32 select=:^z$}))' | FileCheck %s --check-prefix=ALONE
// TWICE: compensate-low-rank: there is no branch: 5 products have a weight whose original quantize-weights did not keep (keep-originals), 0 are small, 0 are no matmul, 0 are not selected

// Two products of one value share the first factor; what they return keeps its
// name, and the rounded weights stay. One column is as small as its factors, a
// convolution is no matmul, and rounding took nothing from the ones.
// CHECK-LABEL: func.func @main
// CHECK-SAME: graph.compensate_low_rank_report = {branches = 1 : i64, bytes = 24 : i64, error_before_ppm = {{[1-9][0-9]*}} : i64, error_ppm = {{[1-9][0-9]*}} : i64, other = 1 : i64, products = 2 : i64, small = 1 : i64, unknown = 0 : i64, unselected = 0 : i64, unshown = 3 : i64, useless = 1 : i64}
// CHECK-NOT: graph.original
// CHECK: %[[Q:.*]] = graph.dequantize {{.*}}names = ["q/dq"]
// CHECK: %[[K:.*]] = graph.dequantize {{.*}}names = ["k/dq"]
// CHECK: %[[LEFT:.*]] = graph.constant {{.*}} : tensor<4x1xf16> {names = ["q/left"]}
// CHECK: %[[LEFT32:.*]] = graph.cast %[[LEFT]] {names = ["q/left/f32"]}
// CHECK: %[[DOWN:.*]] = graph.matmul %[[X:.*]] by %[[LEFT32]] {names = ["q/down"]} : tensor<?x4xf32> by tensor<4x1xf32> -> tensor<?x1xf32>
// CHECK: %[[FEW:.*]] = graph.matmul %[[X]] by %[[Q]] {names = ["y/rounded"]}
// CHECK: %[[RIGHT:.*]] = graph.cast %{{.*}} {names = ["q/right/f32"]} : tensor<1x4xf16> -> tensor<1x4xf32>
// CHECK: %[[UP:.*]] = graph.matmul %[[DOWN]] by %[[RIGHT]] {names = ["y/branch"]}
// CHECK: graph.add %[[FEW]], %[[UP]] {names = ["y"]}
// CHECK: graph.matmul %[[X]] by %[[K]] transposed {names = ["z/rounded"]}
// CHECK: graph.matmul %[[DOWN]] by %{{.*}} {names = ["z/branch"]}
// CHECK: graph.add {{.*}} {names = ["z"]}
// CHECK: graph.matmul {{.*}} {names = ["yc"]}
// ALONE-LABEL: func.func @main
// ALONE: names = ["q/q"]
// ALONE: graph.original
// ALONE: graph.constant {{.*}} : tensor<4x1xf32> {names = ["k/left"]}
// ALONE: names = ["k/down"]
func.func @main(%x: tensor<?x4xf32> {graph.name = "x"}, %i: tensor<1x4x8xf32> {graph.name = "i"}) -> (tensor<?x4xf32> {graph.name = "y"}, tensor<?x4xf32> {graph.name = "z"}) attributes {graph.quantization_plan = {q = {format = "i8", granularity = "channel"}, k = {format = "i8", granularity = "channel"}, c = {format = "i8"}, d = {format = "i8"}, e = {format = "i8"}}} {
  %q = graph.constant dense<[[90.0, 61.0, -30.0, 0.5], [45.0, 30.0, -16.0, 0.0], [9.5, 6.0, -3.0, 1.0], [91.0, 60.0, -30.0, 0.0]]> : tensor<4x4xf32> {names = ["q"]}
  %k = graph.constant dense<[[40.0, 20.0, 4.0, 40.0], [80.0, 40.5, 8.0, 81.0], [20.0, 10.0, 2.5, 20.0], [4.0, 2.0, 0.0, 4.5]]> : tensor<4x4xf32> {names = ["k"]}
  %c = graph.constant dense<[[1.5], [2.0], [3.0], [4.0]]> : tensor<4x1xf32> {names = ["c"]}
  %d = graph.constant dense<127.0> : tensor<4x4x3xf32> {names = ["d"]}
  %e = graph.constant dense<127.0> : tensor<4x4xf32> {names = ["e"]}
  %y = graph.matmul %x by %q {names = ["y"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  %z = graph.matmul %x by %k transposed {names = ["z"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  %yc = graph.matmul %x by %c {names = ["yc"]} : tensor<?x4xf32> by tensor<4x1xf32> -> tensor<?x1xf32>
  %yd = graph.conv %i by %d {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["yd"]} : tensor<1x4x8xf32> by tensor<4x4x3xf32> -> tensor<1x4x8xf32>
  %ye = graph.matmul %z by %e {names = ["ye"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}
