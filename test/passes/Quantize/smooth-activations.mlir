// Channels of largest magnitude 16, 1 and 0 and weights of at most 1: divided by
// 4, 1 and 1 with alpha = 0.5.
// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.statistics %build/bin/cinch-opt %s x=16,1,0 n=16,1,0 r=16,1,0 u=16,1,0
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{report calibration=%t.statistics},fold-constants,graph-simplify))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.statistics select="matmul:^a$"}))' | FileCheck %s --check-prefix=SELECT
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.statistics}))' -o %t.once.mlir
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.statistics},smooth-activations{calibration=%t.statistics}))' -o %t.twice.mlir
// RUN: FileCheck %s --check-prefix=TWICE --input-file=%t.twice.mlir
// What is computed stays the same, and so it does with the strength found: sums of
// terms up to 26, each rounded to 2e-6, may cancel.
// RUN: cinch-compile %s -o %t.so --pipeline=reference --quiet
// RUN: cinch-run %t.so --seed=3 --outputs=%t.npz --quiet
// RUN: cinch-compile %t.once.mlir -o %t.smooth.so --pipeline=reference --quiet
// RUN: cinch-run %t.smooth.so --seed=3 --expect=%t.npz --rtol=1e-6 --atol=1e-5 --quiet
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.statistics mode=search granularity=token weight-bits=4}))' -o %t.search.mlir
// RUN: cinch-compile %t.search.mlir -o %t.search.so --pipeline=reference --quiet
// RUN: cinch-run %t.search.so --seed=3 --expect=%t.npz --rtol=1e-6 --atol=1e-5 --quiet
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.statistics factors=activations inserts=false activation-bits=16 report}))' -o %t.weights.mlir
// RUN: FileCheck %s --check-prefix=WEIGHTS --input-file=%t.weights.mlir
// RUN: cinch-compile %t.weights.mlir -o %t.weights.so --pipeline=reference --quiet
// RUN: cinch-run %t.weights.so --seed=3 --expect=%t.npz --rtol=1e-6 --atol=1e-5 --quiet

// For weights alone, and only where it costs nothing.
// WEIGHTS-LABEL: func.func @main
// WEIGHTS-SAME: folded = 3 : i64, inserted = 0 : i64, shared = 0 : i64, smoothed = 0 : i64, unfolded = 1 : i64
// WEIGHTS-NOT: "x/smoothed"
// WEIGHTS: graph.matmul %{{.*}} by %{{.*}} {names = ["a"]}

// The argument gets a multiplication; the gain and bias of the norm, the weights
// and bias of the product and the relu behind it, and one side of the gate take
// the factors in.
// CHECK-LABEL: func.func @main
// CHECK-SAME: graph.smooth_activations_report = {folded = 3 : i64, inserted = 1 : i64, shared = 0 : i64, smoothed = 0 : i64, unfolded = 0 : i64, unsearched = 0 : i64, unselected = 0 : i64, unshown = 1 : i64}
// CHECK-SAME: graph.smoothed = {"n/smoothed" = [-4.000000e+00, 4.000000e+00], "r/smoothed" = [-4.000000e+00, 4.000000e+00], "u/smoothed" = [-4.000000e+00, 4.000000e+00], "x/smoothed" = [-4.000000e+00, 4.000000e+00]}
// CHECK-SAME: graph.smoothing_alpha = {"n/smoothed" = 5.000000e-01
// CHECK: %[[F:.*]] = graph.constant dense<[2.500000e-01, 1.000000e+00, 1.000000e+00]> : tensor<3xf32> {names = ["x/smoothed/factors"]}
// CHECK: %[[X:.*]] = graph.mul %{{.*}}, %[[F]] {names = ["x/smoothed"]}
// CHECK: graph.matmul %[[X]] by %{{.*}} {names = ["a"]}
// CHECK: %[[G:.*]] = graph.constant dense<[5.000000e-01, 3.000000e+00, 4.000000e+00]> : tensor<3xf32> {names = ["gain/smoothed"]}
// CHECK: %[[B:.*]] = graph.constant dense<[2.000000e+00, 8.000000e+00, 8.000000e+00]> : tensor<3xf32> {names = ["bias/smoothed"]}
// CHECK: %[[N:.*]] = graph.layer_norm %{{.*}} scale %[[G]] bias %[[B]] {{.*}}names = ["n/smoothed"]
// CHECK: graph.matmul %[[N]] by %{{.*}} {names = ["b"]}
// CHECK: %[[L:.*]] = graph.matmul %[[N]] by %{{.*}} {names = ["l/smoothed"]}
// CHECK: %[[H:.*]] = graph.constant dense<[1.250000e-01, 2.500000e-01, 5.000000e-01]> : tensor<3xf32> {names = ["shift/smoothed"]}
// CHECK: %[[S:.*]] = graph.add %[[L]], %[[H]] {names = ["s/smoothed"]}
// CHECK: graph.relu %[[S]] {names = ["r/smoothed"]}
// CHECK: %[[K:.*]] = graph.matmul {{.*}}names = ["k/smoothed"]
// CHECK: graph.mul %{{.*}}, %[[K]] {names = ["u/smoothed"]}

// Only a part of what reads x is smoothed: x itself stays.
// SELECT-LABEL: func.func @main
// SELECT-SAME: %[[X:[^:]*]]: tensor<4x3xf32>
// SELECT: %[[M:.*]] = graph.mul %[[X]]
// SELECT: graph.matmul %[[M]] by %{{.*}} {names = ["a"]}
// SELECT: graph.layer_norm %[[X]]
// SELECT-NOT: n/smoothed

// TWICE-COUNT-4: /smoothed" = [-4.000000e+00, 4.000000e+00]
// TWICE-NOT: smoothed_2
func.func @main(%x: tensor<4x3xf32> {graph.name = "x"}) -> (tensor<4x3xf32> {graph.name = "y"}, tensor<4x3xf32> {graph.name = "z"}, tensor<4x3xf32> {graph.name = "o"}, tensor<4x3xf32> {graph.name = "p"}) attributes {graph.entry} {
  %w = graph.constant dense<[[1.0, -0.5, 0.25], [0.5, 1.0, -0.25], [0.25, 0.5, 1.0]]> : tensor<3x3xf32> {names = ["w"]}
  %w1 = graph.constant dense<[[1.0, -0.5, 0.25], [0.5, 1.0, -0.25], [0.25, 0.5, 1.0]]> : tensor<3x3xf32> {names = ["w1"]}
  %w2 = graph.constant dense<[[0.5, 0.125, -1.0], [1.0, 0.5, -0.25], [1.0, 0.5, 0.25]]> : tensor<3x3xf32> {names = ["w2"]}
  %w3 = graph.constant dense<[[0.5, 0.125, -1.0], [1.0, 0.5, -0.25], [1.0, 0.5, 0.25]]> : tensor<3x3xf32> {names = ["w3"]}
  %w4 = graph.constant dense<[[0.5, 0.125, -1.0], [1.0, 0.5, -0.25], [1.0, 0.5, 0.25]]> : tensor<3x3xf32> {names = ["w4"]}
  %gain = graph.constant dense<[2.0, 3.0, 4.0]> : tensor<3xf32> {names = ["gain"]}
  %bias = graph.constant dense<8.0> : tensor<3xf32> {names = ["bias"]}
  %shift = graph.constant dense<[0.5, 0.25, 0.5]> : tensor<3xf32> {names = ["shift"]}
  %a = graph.matmul %x by %w {names = ["a"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  %n = graph.layer_norm %x scale %gain bias %bias {axis = 1 : i64, epsilon = 1.0e-6 : f32, names = ["n"]} : tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32> -> tensor<4x3xf32>
  %b = graph.matmul %n by %w1 {names = ["b"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  %l = graph.matmul %n by %w2 {names = ["l"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  %s = graph.add %l, %shift {names = ["s"]} : tensor<4x3xf32>, tensor<3xf32> -> tensor<4x3xf32>
  %r = graph.relu %s {names = ["r"]} : tensor<4x3xf32> -> tensor<4x3xf32>
  %y = graph.matmul %r by %w3 {names = ["y"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  %e = graph.sigmoid %b {names = ["e"]} : tensor<4x3xf32> -> tensor<4x3xf32>
  %w5 = graph.constant dense<[[0.25, 0.125, -1.0], [0.5, 0.5, -0.25], [1.0, 0.5, 0.25]]> : tensor<3x3xf32> {names = ["w5"]}
  %k = graph.matmul %a by %w4 {names = ["k"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  %u = graph.mul %e, %k {names = ["u"]} : tensor<4x3xf32>, tensor<4x3xf32> -> tensor<4x3xf32>
  %z = graph.matmul %u by %w5 {names = ["z"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  %o = graph.add %b, %a {names = ["o"]} : tensor<4x3xf32>, tensor<4x3xf32> -> tensor<4x3xf32>
  %p = graph.neg %b {names = ["p"]} : tensor<4x3xf32> -> tensor<4x3xf32>
  return %y, %z, %o, %p : tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x3xf32>
}
