// RUN: cinch-opt %s -split-input-file -form-kernels | FileCheck %s

// Two matmuls with a softmax between them are one kernel; the transposes and
// the repetition of the keys for grouped queries are part of its indexing.
// CHECK-LABEL: func.func @grouped_queries
// CHECK-SAME: (%[[Q:.*]]: tensor<1x5x4x8xf32> {{.*}}, %[[K:.*]]: tensor<1x2x?x8xf32> {{.*}}, %[[V:.*]]: tensor<1x4x?x8xf32> {{.*}}, %[[M:.*]]: tensor<1x1x5x?xf32>
// CHECK: %[[GROUPS:.*]] = exec.view %[[K]]
// CHECK: %[[Y:.*]] = exec.kernel @[[BODY:.*]](%[[GROUPS]], %[[Q]], %[[M]], %[[V]])
// CHECK-NOT: exec.kernel
// CHECK: return %[[Y]]
// CHECK: func.func private @[[BODY]]
// CHECK-SAME: exec.kind = "attention"
func.func @grouped_queries(
    %q: tensor<1x5x4x8xf32> {graph.name = "q", graph.dims = [1, 5, 4, 8]},
    %k: tensor<1x2x?x8xf32> {graph.name = "k", graph.dims = [1, 2, "s", 8]},
    %v: tensor<1x4x?x8xf32> {graph.name = "v", graph.dims = [1, 4, "s", 8]},
    %mask: tensor<1x1x5x?xf32> {graph.name = "m", graph.dims = [1, 1, 5, "s"]})
    -> (tensor<1x5x4x8xf32> {graph.name = "y"})
    attributes {graph.entry, graph.symbols = [{name = "s", min = 1}]} {
  %n = graph.shape %k from 2 to 3 {names = ["n"]} : tensor<1x2x?x8xf32> -> tensor<1xi64>
  %c1 = graph.constant dense<[1, 2, 2]> : tensor<3xi64> {names = ["c1"]}
  %c2 = graph.constant dense<[1, 4]> : tensor<2xi64> {names = ["c2"]}
  %c8 = graph.constant dense<[8]> : tensor<1xi64> {names = ["c8"]}
  %scale = graph.constant dense<0.35> : tensor<f32> {names = ["scale"]}
  %to5 = graph.concat %c1, %n, %c8 along 0 {names = ["to5"]} : tensor<3xi64>, tensor<1xi64>, tensor<1xi64> -> tensor<5xi64>
  %to4 = graph.concat %c2, %n, %c8 along 0 {names = ["to4"]} : tensor<2xi64>, tensor<1xi64>, tensor<1xi64> -> tensor<4xi64>
  %k1 = graph.unsqueeze %k insert [2] {names = ["k1"]} : tensor<1x2x?x8xf32> -> tensor<1x2x1x?x8xf32>
  %k2 = graph.broadcast %k1 to %to5 {names = ["k2"]} : tensor<1x2x1x?x8xf32>, tensor<5xi64> -> tensor<1x2x2x?x8xf32>
  %k3 = graph.reshape %k2 to %to4 {names = ["k3"]} : tensor<1x2x2x?x8xf32>, tensor<4xi64> -> tensor<1x4x?x8xf32>
  %kt = graph.transpose %k3 by [0, 1, 3, 2] {names = ["kt"]} : tensor<1x4x?x8xf32> -> tensor<1x4x8x?xf32>
  %qt = graph.transpose %q by [0, 2, 1, 3] {names = ["qt"]} : tensor<1x5x4x8xf32> -> tensor<1x4x5x8xf32>
  %s = graph.matmul %qt by %kt {names = ["s"]} : tensor<1x4x5x8xf32> by tensor<1x4x8x?xf32> -> tensor<1x4x5x?xf32>
  %t = graph.mul %s, %scale {names = ["t"]} : tensor<1x4x5x?xf32>, tensor<f32> -> tensor<1x4x5x?xf32>
  %u = graph.add %t, %mask {names = ["u"]} : tensor<1x4x5x?xf32>, tensor<1x1x5x?xf32> -> tensor<1x4x5x?xf32>
  %p = graph.softmax %u {axis = 3 : i64, names = ["p"]} : tensor<1x4x5x?xf32> -> tensor<1x4x5x?xf32>
  %o = graph.matmul %p by %v {names = ["o"]} : tensor<1x4x5x?xf32> by tensor<1x4x?x8xf32> -> tensor<1x4x5x8xf32>
  %y = graph.transpose %o by [0, 2, 1, 3] {names = ["y"]} : tensor<1x4x5x8xf32> -> tensor<1x5x4x8xf32>
  return %y : tensor<1x5x4x8xf32>
}

// -----

// Weights that are returned have to be made.
// CHECK-LABEL: func.func @weights_are_returned
// CHECK-COUNT-3: exec.kernel
// CHECK-NOT: exec.kind = "attention"
func.func @weights_are_returned(
    %q: tensor<5x8xf32> {graph.name = "q"}, %k: tensor<8x7xf32> {graph.name = "k"},
    %v: tensor<7x8xf32> {graph.name = "v"})
    -> (tensor<5x8xf32> {graph.name = "y"}, tensor<5x7xf32> {graph.name = "p"})
    attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<5x8xf32> by tensor<8x7xf32> -> tensor<5x7xf32>
  %p = graph.softmax %s {axis = 1 : i64, names = ["p"]} : tensor<5x7xf32> -> tensor<5x7xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<5x7xf32> by tensor<7x8xf32> -> tensor<5x8xf32>
  return %y, %p : tensor<5x8xf32>, tensor<5x7xf32>
}

// -----

// The softmax runs along the queries: not an attention.
// CHECK-LABEL: func.func @other_axis
// CHECK-NOT: exec.kind = "attention"
func.func @other_axis(
    %q: tensor<5x8xf32> {graph.name = "q"}, %k: tensor<8x7xf32> {graph.name = "k"},
    %v: tensor<7x8xf32> {graph.name = "v"}) -> (tensor<5x8xf32> {graph.name = "y"})
    attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<5x8xf32> by tensor<8x7xf32> -> tensor<5x7xf32>
  %p = graph.softmax %s {axis = 0 : i64, names = ["p"]} : tensor<5x7xf32> -> tensor<5x7xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<5x7xf32> by tensor<7x8xf32> -> tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}

// -----

// The product that ends one attention is not the scores of the next.
// CHECK-LABEL: func.func @chain_of_softmaxes
// CHECK-COUNT-3: exec.kernel @
// CHECK-NOT: exec.kernel @
// CHECK: return
// CHECK: func.func private @k_matmul_softmax_matmul
// CHECK: func.func private @k_softmax
func.func @chain_of_softmaxes(%x: tensor<4x8xf32> {graph.name = "x"}, %w: tensor<8x8xf32> {graph.name = "w"})
    -> (tensor<4x8xf32> {graph.name = "t"}) attributes {graph.entry} {
  %a = graph.matmul %x by %w {names = ["a"]} : tensor<4x8xf32> by tensor<8x8xf32> -> tensor<4x8xf32>
  %s = graph.softmax %a {axis = 1 : i64, names = ["s"]} : tensor<4x8xf32> -> tensor<4x8xf32>
  %b = graph.matmul %s by %w {names = ["b"]} : tensor<4x8xf32> by tensor<8x8xf32> -> tensor<4x8xf32>
  %t = graph.softmax %b {axis = 1 : i64, names = ["t"]} : tensor<4x8xf32> -> tensor<4x8xf32>
  %c = graph.matmul %t by %w {names = ["c"]} : tensor<4x8xf32> by tensor<8x8xf32> -> tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}
