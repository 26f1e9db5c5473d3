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

// -----

// The result may lie over the queries, whose rows are at the same places, and
// over what is added to it.
// CHECK-LABEL: func.func @over_queries
// CHECK: exec.kernel @{{.*}}(%[[Q:.*]], %{{.*}}, %{{.*}}, %{{.*}}) {{.*}}in_place = [array<i64: 0, 0>, array<i64: 3, 0>]
// CHECK: func.func private
func.func @over_queries(
    %q: tensor<2x5x8xf32> {graph.name = "q"}, %k: tensor<2x8x7xf32> {graph.name = "k"},
    %v: tensor<2x7x8xf32> {graph.name = "v"}, %r: tensor<2x5x8xf32> {graph.name = "r"})
    -> (tensor<2x5x8xf32> {graph.name = "y"}) attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<2x5x8xf32> by tensor<2x8x7xf32> -> tensor<2x5x7xf32>
  %p = graph.softmax %s {axis = 2 : i64, names = ["p"]} : tensor<2x5x7xf32> -> tensor<2x5x7xf32>
  %o = graph.matmul %p by %v {names = ["o"]} : tensor<2x5x7xf32> by tensor<2x7x8xf32> -> tensor<2x5x8xf32>
  %y = graph.add %o, %r {names = ["y"]} : tensor<2x5x8xf32>, tensor<2x5x8xf32> -> tensor<2x5x8xf32>
  return %y : tensor<2x5x8xf32>
}

// -----

// Other tiles read the queries too, as keys.
// CHECK-LABEL: func.func @queries_are_keys
// CHECK: exec.kernel @
// CHECK-NOT: in_place
// CHECK: func.func private
func.func @queries_are_keys(
    %q: tensor<2x8x8xf32> {graph.name = "q"}, %v: tensor<2x8x8xf32> {graph.name = "v"})
    -> (tensor<2x8x8xf32> {graph.name = "y"}) attributes {graph.entry} {
  %k = graph.transpose %q by [0, 2, 1] {names = ["k"]} : tensor<2x8x8xf32> -> tensor<2x8x8xf32>
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<2x8x8xf32> by tensor<2x8x8xf32> -> tensor<2x8x8xf32>
  %p = graph.softmax %s {axis = 2 : i64, names = ["p"]} : tensor<2x8x8xf32> -> tensor<2x8x8xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<2x8x8xf32> by tensor<2x8x8xf32> -> tensor<2x8x8xf32>
  return %y : tensor<2x8x8xf32>
}

// -----

// The result has its rows where it is read; other rows of the queries are there,
// and all of a bias is read before.
// CHECK-LABEL: func.func @rows_elsewhere
// CHECK: exec.kernel @
// CHECK-NOT: in_place
// CHECK: func.func private
func.func @rows_elsewhere(
    %q: tensor<4x4x4xf32> {graph.name = "q"}, %k: tensor<4x4x4xf32> {graph.name = "k"},
    %v: tensor<4x4x4xf32> {graph.name = "v"}, %b: tensor<4x4x4xf32> {graph.name = "b"})
    -> (tensor<4x4x4xf32> {graph.name = "y"}) attributes {graph.entry} {
  %s = graph.matmul %q by %k {names = ["s"]} : tensor<4x4x4xf32> by tensor<4x4x4xf32> -> tensor<4x4x4xf32>
  %l = graph.add %s, %b {names = ["l"]} : tensor<4x4x4xf32>, tensor<4x4x4xf32> -> tensor<4x4x4xf32>
  %p = graph.softmax %l {axis = 2 : i64, names = ["p"]} : tensor<4x4x4xf32> -> tensor<4x4x4xf32>
  %o = graph.matmul %p by %v {names = ["o"]} : tensor<4x4x4xf32> by tensor<4x4x4xf32> -> tensor<4x4x4xf32>
  %y = graph.transpose %o by [1, 0, 2] {names = ["y"]} : tensor<4x4x4xf32> -> tensor<4x4x4xf32>
  return %y : tensor<4x4x4xf32>
}

// -----

// Queries are read by token: the result is written so, and the matmul behind it
// reads it as it is.
// CHECK-LABEL: func.func @by_token
// CHECK: %[[O:.*]] = exec.kernel @k_transpose_matmul_softmax_matmul_transpose(%[[Q:.*]], %{{.*}}, %{{.*}}) {{.*}}in_place = [array<i64: 0, 0>]
// CHECK: %[[ROWS:.*]] = exec.view %[[O]]
// CHECK: exec.kernel @k_matmul(%[[ROWS]],
func.func @by_token(
    %q: tensor<5x2x8xf32> {graph.name = "q"}, %k: tensor<2x8x7xf32> {graph.name = "k"},
    %v: tensor<2x7x8xf32> {graph.name = "v"}, %w: tensor<16x16xf32> {graph.name = "w"})
    -> (tensor<5x16xf32> {graph.name = "y"}) attributes {graph.entry} {
  %c = graph.constant dense<[5, 16]> : tensor<2xi64> {names = ["c"]}
  %qt = graph.transpose %q by [1, 0, 2] {names = ["qt"]} : tensor<5x2x8xf32> -> tensor<2x5x8xf32>
  %s = graph.matmul %qt by %k {names = ["s"]} : tensor<2x5x8xf32> by tensor<2x8x7xf32> -> tensor<2x5x7xf32>
  %p = graph.softmax %s {axis = 2 : i64, names = ["p"]} : tensor<2x5x7xf32> -> tensor<2x5x7xf32>
  %o = graph.matmul %p by %v {names = ["o"]} : tensor<2x5x7xf32> by tensor<2x7x8xf32> -> tensor<2x5x8xf32>
  %t = graph.transpose %o by [1, 0, 2] {names = ["t"]} : tensor<2x5x8xf32> -> tensor<5x2x8xf32>
  %rows = graph.reshape %t to %c {names = ["rows"]} : tensor<5x2x8xf32>, tensor<2xi64> -> tensor<5x16xf32>
  %y = graph.matmul %rows by %w {names = ["y"]} : tensor<5x16xf32> by tensor<16x16xf32> -> tensor<5x16xf32>
  return %y : tensor<5x16xf32>
}
