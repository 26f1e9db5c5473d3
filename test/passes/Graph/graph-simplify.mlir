// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(graph-simplify{report}))' | FileCheck %s
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(graph-simplify,verify-names))' | FileCheck %s --check-prefix=AGAIN

// Arithmetic on static dimensions becomes constants; types follow; what is left over goes.
// CHECK-LABEL: func.func @resolves_shape_arithmetic
// CHECK-SAME: -> tensor<?x12x32xf32>
// CHECK-SAME: bypassed = 0 : i64, folded = 3 : i64, merged = 0 : i64, refined = 1 : i64, removed = 4 : i64
// AGAIN-LABEL: func.func @resolves_shape_arithmetic
func.func @resolves_shape_arithmetic(%x: tensor<?x384xf32> {graph.name = "x", graph.dims = ["n", 384]}) -> tensor<?x12x?xf32> {
  %d = graph.shape %x from 1 to 2 {names = ["d"]} : tensor<?x384xf32> -> tensor<1xi64>
  %heads = graph.constant dense<12> : tensor<1xi64> {names = ["heads"]}
  %minus = graph.constant dense<-1> : tensor<1xi64> {names = ["minus"]}
  %width = graph.div %d, %heads {names = ["width"]} : tensor<1xi64>, tensor<1xi64> -> tensor<1xi64>
  // CHECK-NEXT: %[[TO:.*]] = graph.constant dense<[-1, 12, 32]> : tensor<3xi64> {names = ["to"]}
  %to = graph.concat %minus, %heads, %width along 0 {names = ["to"]} : tensor<1xi64>, tensor<1xi64>, tensor<1xi64> -> tensor<3xi64>
  // CHECK-NEXT: %[[R:.*]] = graph.reshape %{{.*}} to %[[TO]] {names = ["r"]} : tensor<?x384xf32>, tensor<3xi64> -> tensor<?x12x32xf32>
  // CHECK-NEXT: return %[[R]]
  %r = graph.reshape %x to %to {names = ["r"]} : tensor<?x384xf32>, tensor<3xi64> -> tensor<?x12x?xf32>
  return %r : tensor<?x12x?xf32>
}

// -----

// CHECK-LABEL: func.func @removes_identities
// CHECK-SAME: bypassed = 4
func.func @removes_identities(%x: tensor<?x4xf32> {graph.name = "x", graph.dims = ["n", 4]}) -> tensor<?x4xf32> {
  // CHECK-NEXT: %[[E:.*]] = graph.exp %{{.*}} {names = ["e"]}
  %e = graph.exp %x {names = ["e"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  %s = graph.shape %e from 0 to 2 {names = ["s"]} : tensor<?x4xf32> -> tensor<2xi64>
  %r = graph.reshape %e to %s {names = ["r"]} : tensor<?x4xf32>, tensor<2xi64> -> tensor<?x4xf32>
  %c = graph.cast %r {names = ["c"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  %t = graph.transpose %c by [0, 1] {names = ["t"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  %b = graph.broadcast %t to %s {names = ["b"]} : tensor<?x4xf32>, tensor<2xi64> -> tensor<?x4xf32>
  // CHECK-NEXT: %[[N:.*]] = graph.neg %[[E]] {names = ["n"]}
  // CHECK-NEXT: return %[[N]]
  %n = graph.neg %b {names = ["n"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  return %n : tensor<?x4xf32>
}

// -----

// A reversal keeps the shape, but is no identity; neither is a crop made up for by a pad.
// CHECK-LABEL: func.func @keeps_what_only_looks_like_an_identity
func.func @keeps_what_only_looks_like_an_identity(%x: tensor<4x4xf32> {graph.name = "x"}) -> tensor<4x4xf32> {
  %start = graph.constant dense<-1> : tensor<1xi64> {names = ["start"]}
  %end = graph.constant dense<-9> : tensor<1xi64> {names = ["end"]}
  %pads = graph.constant dense<[1, -1]> : tensor<2xi64> {names = ["pads"]}
  // CHECK: graph.slice
  %r = graph.slice %x from %start to %end {axes = array<i64: 0>, steps = array<i64: -1>, names = ["r"]}
    : tensor<4x4xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<4x4xf32>
  // CHECK: graph.pad
  %p = graph.pad constant %r by %pads {axes = array<i64: 1>, names = ["p"]} : tensor<4x4xf32>, tensor<2xi64> -> tensor<4x4xf32>
  // CHECK: graph.transpose
  %t = graph.transpose %p by [1, 0] {names = ["t"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  return %t : tensor<4x4xf32>
}

// -----

// The returned name moves to the producer; the name of an argument or of another output cannot.
// CHECK-LABEL: func.func @keeps_returned_names
func.func @keeps_returned_names(%x: tensor<4xf32> {graph.name = "x"}) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK-NEXT: graph.cast %{{.*}} {names = ["y"]}
  %y = graph.cast %x {names = ["y"]} : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: graph.exp %{{.*}} {names = ["z"]}
  %e = graph.exp %x {names = ["e"]} : tensor<4xf32> -> tensor<4xf32>
  %z = graph.cast %e {names = ["z"]} : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: graph.abs %{{.*}} {names = ["a"]}
  // CHECK-NEXT: graph.cast %{{.*}} {names = ["b"]}
  %a = graph.abs %x {names = ["a"]} : tensor<4xf32> -> tensor<4xf32>
  %b = graph.cast %a {names = ["b"]} : tensor<4xf32> -> tensor<4xf32>
  return %y, %z, %a, %b : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @composes
func.func @composes(%x: tensor<2x3x4xf32> {graph.name = "x"}) -> (tensor<4x3x2xf32>, tensor<6x4xf32>) {
  // CHECK-DAG: graph.transpose %arg0 by [2, 1, 0] {names = ["u"]} : tensor<2x3x4xf32> -> tensor<4x3x2xf32>
  %t = graph.transpose %x by [1, 2, 0] {names = ["t"]} : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  %u = graph.transpose %t by [1, 0, 2] {names = ["u"]} : tensor<3x4x2xf32> -> tensor<4x3x2xf32>
  // CHECK-DAG: graph.reshape %arg0 to %{{.*}} {names = ["r"]} : tensor<2x3x4xf32>, tensor<2xi64> -> tensor<6x4xf32>
  %f = graph.flatten %x at 1 {names = ["f"]} : tensor<2x3x4xf32> -> tensor<2x12xf32>
  %to = graph.constant dense<[6, -1]> : tensor<2xi64> {names = ["to"]}
  %r = graph.reshape %f to %to {names = ["r"]} : tensor<2x12xf32>, tensor<2xi64> -> tensor<6x4xf32>
  return %u, %r : tensor<4x3x2xf32>, tensor<6x4xf32>
}

// -----

// Constants merge where one dominates the other; the branch of a known condition is inlined.
// CHECK-LABEL: func.func @merges_and_branches
// CHECK-SAME: merged = 1
func.func @merges_and_branches(%x: tensor<4xf32> {graph.name = "x"}) -> tensor<4xf32> {
  // CHECK-NEXT: %[[TWO:.*]] = graph.constant dense<2.000000e+00> : tensor<f32> {names = ["two"]}
  %two = graph.constant dense<2.0> : tensor<f32> {names = ["two"]}
  %rank = graph.size %x {names = ["size"]} : tensor<4xf32> -> tensor<i64>
  %four = graph.constant dense<4> : tensor<i64> {names = ["four"]}
  %is = graph.compare eq %rank, %four {names = ["is"]} : tensor<i64>, tensor<i64> -> tensor<i1>
  %condition = tensor.extract %is[] : tensor<i1>
  // CHECK-NEXT: %[[A:.*]] = graph.mul %{{.*}}, %[[TWO]] {names = ["a"]}
  // CHECK-NEXT: %[[Y:.*]] = graph.mul %[[A]], %[[TWO]] {names = ["y"]}
  // CHECK-NEXT: return %[[Y]]
  %a = graph.mul %x, %two {names = ["a"]} : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
  %r = scf.if %condition -> tensor<4xf32> {
    %same = graph.constant dense<2.0> : tensor<f32> {names = ["same"]}
    %y = graph.mul %a, %same {names = ["y"]} : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
    scf.yield %y : tensor<4xf32>
  } else {
    %n = graph.neg %a {names = ["n"]} : tensor<4xf32> -> tensor<4xf32>
    scf.yield %n : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// A loop that changes the shape ties its values to one type.
// CHECK-LABEL: func.func @keeps_types_of_loops
func.func @keeps_types_of_loops(%x: tensor<2x4xf32> {graph.name = "x"}, %n: index) -> tensor<?x4xf32> {
  %zero = graph.constant dense<[0, 4]> : tensor<2xi64> {names = ["to"]}
  %one = graph.constant dense<1.0> : tensor<0x1xf32> {names = ["one"]}
  // CHECK: graph.broadcast {{.*}} -> tensor<?x4xf32>
  %empty = graph.broadcast %one to %zero {names = ["empty"]} : tensor<0x1xf32>, tensor<2xi64> -> tensor<?x4xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: scf.for {{.*}} -> (tensor<?x4xf32>)
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%all = %empty) -> (tensor<?x4xf32>) {
    %more = graph.concat %all, %x along 0 {names = ["more"]} : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x4xf32>
    scf.yield %more : tensor<?x4xf32>
  }
  return %r : tensor<?x4xf32>
}

// -----

// Equal but for their names; an output keeps its own. Other attributes tell operations apart.
// CHECK-LABEL: func.func @merges_equal_operations
// CHECK-SAME: merged = 2
func.func @merges_equal_operations(%x: tensor<4x4xf32> {graph.name = "x"}) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  // CHECK-NEXT: %[[A:.*]] = graph.exp %arg0 {names = ["a"]}
  // CHECK-NEXT: %[[C:.*]] = graph.softmax %[[A]] {axis = 0 : i64, names = ["c"]}
  // CHECK-NEXT: %[[E:.*]] = graph.softmax %[[A]] {axis = 1 : i64, names = ["e"]}
  // CHECK-NEXT: %[[F:.*]] = graph.add %[[C]], %[[C]] {names = ["f"]}
  // CHECK-NEXT: %[[G:.*]] = graph.exp %arg0 {names = ["g"]}
  // CHECK-NEXT: return %[[F]], %[[E]], %[[G]]
  %a = graph.exp %x {names = ["a"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %b = graph.exp %x {names = ["b"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %c = graph.softmax %a {axis = 0 : i64, names = ["c"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %d = graph.softmax %b {axis = 0 : i64, names = ["d"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %e = graph.softmax %b {axis = 1 : i64, names = ["e"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %f = graph.add %c, %d {names = ["f"]} : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %g = graph.exp %x {names = ["g"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  return %f, %e, %g : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
