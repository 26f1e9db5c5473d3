// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{rank=1 report}))' | FileCheck %s
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{rank=1}))' -o %t.once
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{rank=1},add-low-rank-branch{rank=1}))' -o %t.twice
// RUN: diff %t.once %t.twice
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{rank=1 share=false precision=f32}))' | FileCheck %s --check-prefix=ALONE

// Two products of one value share the first factor. What each returns keeps its
// name, and the plan is now of the residuals.
// CHECK-LABEL: func.func @shared_factor
// CHECK-SAME: graph.add_low_rank_branch_report = {branched = 0 : i64, branches = 1 : i64, bytes = 24 : i64
// CHECK-SAME: products = 2 : i64
// CHECK-SAME: graph.quantization_plan = {"k/residual" = {{{[^}]*}}format = "i4"
// CHECK-SAME: "q/residual" = {{{[^}]*}}format = "i4"
// CHECK: %[[LEFT:.*]] = graph.constant {{.*}} : tensor<4x1xf16> {names = ["q/left"]}
// CHECK: %[[LEFT32:.*]] = graph.cast %[[LEFT]] {names = ["q/left/f32"]}
// CHECK: %[[DOWN:.*]] = graph.matmul %[[X:.*]] by %[[LEFT32]] {names = ["q/down"]} : tensor<?x4xf32> by tensor<4x1xf32> -> tensor<?x1xf32>
// CHECK: %[[Q:.*]] = graph.constant {{.*}} : tensor<4x4xf32> {names = ["q/residual"]}
// CHECK: %[[FEW:.*]] = graph.matmul %[[X]] by %[[Q]] {names = ["y/residual"]}
// CHECK: %[[RIGHT:.*]] = graph.cast %{{.*}} {names = ["q/right/f32"]} : tensor<1x4xf16> -> tensor<1x4xf32>
// CHECK: %[[UP:.*]] = graph.matmul %[[DOWN]] by %[[RIGHT]] {names = ["y/branch"]}
// CHECK: graph.add %[[FEW]], %[[UP]] {names = ["y"]}
// CHECK-NOT: names = ["q"]
// CHECK: graph.matmul %[[X]] by %{{.*}} transposed {names = ["z/residual"]}
// CHECK: graph.matmul %[[DOWN]] by %{{.*}} {names = ["z/branch"]}
// CHECK: graph.add {{.*}} {names = ["z"]}
// ALONE-LABEL: func.func @shared_factor
// ALONE: graph.constant {{.*}} : tensor<4x1xf32> {names = ["q/left"]}
// ALONE: names = ["q/down"]
// ALONE: graph.constant {{.*}} : tensor<4x1xf32> {names = ["k/left"]}
// ALONE: names = ["k/down"]
func.func @shared_factor(%x: tensor<?x4xf32> {graph.name = "x"}) -> (tensor<?x4xf32> {graph.name = "y"}, tensor<?x4xf32> {graph.name = "z"}) attributes {graph.quantization_plan = {q = {format = "i4", granularity = "channel"}, k = {format = "i4", granularity = "channel"}}} {
  %q = graph.constant dense<[[90.0, 61.0, -30.0, 0.5], [45.0, 30.0, -16.0, 0.0], [9.5, 6.0, -3.0, 1.0], [91.0, 60.0, -30.0, 0.0]]> : tensor<4x4xf32> {names = ["q"]}
  %k = graph.constant dense<[[40.0, 20.0, 4.0, 40.0], [80.0, 40.5, 8.0, 81.0], [20.0, 10.0, 2.5, 20.0], [4.0, 2.0, 0.0, 4.5]]> : tensor<4x4xf32> {names = ["k"]}
  %y = graph.matmul %x by %q {names = ["y"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  %z = graph.matmul %x by %k transposed {names = ["z"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A weight that the plan leaves, one that something else reads, one that is as
// small as its factors, a convolution, and one that loses nothing by rounding.
// CHECK-LABEL: func.func @left
// CHECK-SAME: branches = 0 : i64
// CHECK-SAME: other = 1 : i64, products = 0 : i64, shared = 1 : i64, small = 1 : i64, unplanned = 1 : i64, unselected = 0 : i64, useless = 1 : i64
// CHECK-NOT: residual
func.func @left(%x: tensor<4x4xf32> {graph.name = "x"}, %i: tensor<1x4x8xf32> {graph.name = "i"}) attributes {graph.quantization_plan = {a = {format = "none"}, b = {format = "i4"}, c = {format = "i4"}, d = {format = "i4"}, e = {format = "i8"}}} {
  %a = graph.constant dense<1.5> : tensor<4x4xf32> {names = ["a"]}
  %b = graph.constant dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0], [1.0, 2.0, 3.0, 6.0], [1.0, 2.0, 3.0, 7.5]]> : tensor<4x4xf32> {names = ["b"]}
  %c = graph.constant dense<[[1.5], [2.0], [3.0], [4.0]]> : tensor<4x1xf32> {names = ["c"]}
  %d = graph.constant dense<2.5> : tensor<4x4x3xf32> {names = ["d"]}
  %e = graph.constant dense<1.0> : tensor<4x4xf32> {names = ["e"]}
  %ya = graph.matmul %x by %a {names = ["ya"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  %yb = graph.matmul %x by %b {names = ["yb"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  %n = graph.neg %b {names = ["n"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %yc = graph.matmul %x by %c {names = ["yc"]} : tensor<4x4xf32> by tensor<4x1xf32> -> tensor<4x1xf32>
  %yd = graph.conv %i by %d {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["yd"]} : tensor<1x4x8xf32> by tensor<4x4x3xf32> -> tensor<1x4x8xf32>
  %ye = graph.matmul %x by %e {names = ["ye"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return
}
