// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-normalization{report},fold-constants,graph-simplify))' | FileCheck %s
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-normalization,fold-normalization{report}))' | FileCheck %s --check-prefix=TWICE
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-normalization{report select=":^nothing$"}))' | FileCheck %s --check-prefix=SELECT
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-normalization{report center=false}))' | FileCheck %s --check-prefix=GAINS

// The residual stream is written by a table, a row for each position and a
// product with a bias: all are centered. The table is also the last matrix,
// which takes the gain in instead: now there are two. The bias gets a number for
// each channel.
// CHECK-LABEL: func.func @stream
// CHECK-SAME: graph.fold_normalization_report = {bytes_added = 36 : i64, centered = 2 : i64, folded = 3 : i64, kept_gains = 0 : i64, kept_means = 0 : i64, unselected = 0 : i64}
// CHECK-DAG: %[[T:.*]] = graph.constant {{.*}} : tensor<4x2xf32> {names = ["table/centered"]}
// CHECK-DAG: %[[P:.*]] = graph.constant {{.*}} : tensor<1x2xf32> {names = ["places/centered"]}
// CHECK-DAG: %[[O:.*]] = graph.constant {{.*}} : tensor<2x2xf32> {names = ["o/centered"]}
// CHECK-DAG: %[[B:.*]] = graph.constant {{.*}} : tensor<2xf32> {names = ["shift/centered"]}
// CHECK-DAG: %[[W:.*]] = graph.constant {{.*}} : tensor<2x2xf32> {names = ["w/folded"]}
// CHECK: %[[E:.*]] = graph.gather %[[T]] at %{{.*}}names = ["e/centered"]
// CHECK: %[[S:.*]] = graph.add %[[E]], %[[P]] {names = ["s/centered"]}
// CHECK: %[[N:.*]] = graph.rms_norm %[[S]] scale %{{.*}} {axis = 1 : i64, epsilon = 9.99999974E-6 : f32, names = ["n/scaled/normalized"]}
// CHECK: %[[WS:.*]] = graph.constant dense<[8.000000e+00, 9.000000e+00]> : tensor<2xf32> {names = ["a/shift"]}
// CHECK: %[[L:.*]] = graph.matmul %[[N]] by %[[W]] {names = ["l"]}
// CHECK: graph.add %[[L]], %[[WS]] {names = ["a"]}
// CHECK: %[[M:.*]] = graph.matmul %{{.*}} by %[[O]] {names = ["m/centered"]}
// CHECK: %[[C:.*]] = graph.add %[[M]], %[[B]] {names = ["c/centered"]}
// CHECK: %[[R:.*]] = graph.add %[[S]], %[[C]] {names = ["r/centered"]}
// CHECK: %[[F:.*]] = graph.rms_norm %[[R]]
// CHECK: %[[V:.*]] = graph.constant dense<{{\[}}[2.000000e+00, 0.000000e+00, -4.000000e+00, 6.000000e+00], [0.000000e+00, 1.500000e+00, 6.000000e+00, 4.500000e+00]]> : tensor<2x4xf32> {names = ["v/folded"]}
// CHECK: graph.matmul %[[F]] by %[[V]] {names = ["y"]}
// TWICE-LABEL: func.func @stream
// TWICE-SAME: {bytes_added = 0 : i64, centered = 0 : i64, folded = 0 : i64, kept_gains = 0 : i64, kept_means = 0 : i64, unselected = 0 : i64}
// SELECT-LABEL: func.func @stream
// SELECT-SAME: {bytes_added = 0 : i64, centered = 0 : i64, folded = 0 : i64, kept_gains = 0 : i64, kept_means = 0 : i64, unselected = 4 : i64}
// GAINS-LABEL: func.func @stream
// GAINS-SAME: {bytes_added = 32 : i64, centered = 0 : i64, folded = 2 : i64,
// GAINS: graph.layer_norm %{{.*}} scale %{{[^ ]*}} {axis = 1 : i64{{.*}}names = ["n/normalized"]
func.func @stream(%ids: tensor<3xi64> {graph.name = "ids"}) -> (tensor<3x4xf32> {graph.name = "y"}) attributes {graph.entry} {
  %table = graph.constant dense<[[1.0, 0.0], [0.0, 1.0], [-2.0, 4.0], [3.0, 3.0]]> : tensor<4x2xf32> {names = ["table"]}
  %places = graph.constant dense<[[3.0, 1.0]]> : tensor<1x2xf32> {names = ["places"]}
  %gain = graph.constant dense<[2.0, 4.0]> : tensor<2xf32> {names = ["gain"]}
  %bias = graph.constant dense<[3.0, 5.0]> : tensor<2xf32> {names = ["bias"]}
  %w = graph.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32> {names = ["w"]}
  %c5 = graph.constant dense<[5.0, 4.0]> : tensor<2xf32> {names = ["old"]}
  %o = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32> {names = ["o"]}
  %shift = graph.constant dense<0.5> : tensor<f32> {names = ["shift"]}
  %last = graph.constant dense<[2.0, 1.5]> : tensor<2xf32> {names = ["last"]}
  %e = graph.gather %table at %ids {axis = 0 : i64, names = ["e"]} : tensor<4x2xf32>, tensor<3xi64> -> tensor<3x2xf32>
  %s = graph.add %e, %places {names = ["s"]} : tensor<3x2xf32>, tensor<1x2xf32> -> tensor<3x2xf32>
  %n = graph.layer_norm %s scale %gain bias %bias {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["n"]} : tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %l = graph.matmul %n by %w {names = ["l"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  %a = graph.add %l, %c5 {names = ["a"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %g = graph.sigmoid %a {names = ["g"]} : tensor<3x2xf32> -> tensor<3x2xf32>
  %m = graph.matmul %g by %o {names = ["m"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  %c = graph.add %m, %shift {names = ["c"]} : tensor<3x2xf32>, tensor<f32> -> tensor<3x2xf32>
  %r = graph.add %s, %c {names = ["r"]} : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  %f = graph.layer_norm %r scale %last {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["f"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %v = graph.transpose %table by [1, 0] {names = ["v"]} : tensor<4x2xf32> -> tensor<2x4xf32>
  %y = graph.matmul %f by %v {names = ["y"]} : tensor<3x2xf32> by tensor<2x4xf32> -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// A norm that is written out: nothing is left of the mean and the gain.
// CHECK-LABEL: func.func @written_out
// CHECK-SAME: centered = 1 : i64, folded = 2 : i64
// CHECK-NOT: graph.sub
// CHECK: %[[H:.*]] = graph.matmul %{{.*}}names = ["h/centered"]
// CHECK: %[[S:.*]] = graph.mul %[[H]], %[[H]]
// CHECK: %[[M:.*]] = graph.reduce_mean %[[S]]
// CHECK: %[[D:.*]] = graph.sqrt %[[M]]
// CHECK: %[[N:.*]] = graph.div %[[H]], %[[D]] {names = ["n"]}
// CHECK: %[[L:.*]] = graph.matmul %[[N]] by %{{.*}} {names = ["y/linear"]}
// CHECK: graph.add %[[L]], %{{.*}} {names = ["y"]}
// TWICE-LABEL: func.func @written_out
// TWICE-SAME: {bytes_added = 0 : i64, centered = 0 : i64, folded = 0 : i64, kept_gains = 0 : i64, kept_means = 0 : i64, unselected = 0 : i64}
func.func @written_out(%x: tensor<3x2xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32> {names = ["w"]}
  %gain = graph.constant dense<[2.0, 4.0]> : tensor<2xf32> {names = ["gain"]}
  %bias = graph.constant dense<[3.0, 5.0]> : tensor<2xf32> {names = ["bias"]}
  %o = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32> {names = ["o"]}
  %h = graph.matmul %x by %w {names = ["h"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  %a = graph.reduce_mean %h over [1] {names = ["a"]} : tensor<3x2xf32> -> tensor<3x1xf32>
  %c = graph.sub %h, %a {names = ["c"]} : tensor<3x2xf32>, tensor<3x1xf32> -> tensor<3x2xf32>
  %s = graph.mul %c, %c {names = ["s"]} : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  %m = graph.reduce_mean %s over [1] {names = ["m"]} : tensor<3x2xf32> -> tensor<3x1xf32>
  %d = graph.sqrt %m {names = ["d"]} : tensor<3x1xf32> -> tensor<3x1xf32>
  %n = graph.div %c, %d {names = ["n"]} : tensor<3x2xf32>, tensor<3x1xf32> -> tensor<3x2xf32>
  %p = graph.mul %n, %gain {names = ["p"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %q = graph.add %bias, %p {names = ["q"]} : tensor<2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  %y = graph.matmul %q by %o {names = ["y"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
