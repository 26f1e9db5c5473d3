// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(sink-transposes{report},verify-names))' | FileCheck %s

// Around a convolution nothing is left; constants of lower rank, scalars and the residual connection follow.
// CHECK-LABEL: func.func @residual
// CHECK-SAME: left = 0 : i64, moved = 4 : i64, transposes = 4 : i64
func.func @residual(%x: tensor<?x8x5x6xf32> {graph.name = "x", graph.dims = ["n", 8, 5, 6]}, %w: tensor<8x8x1x1xf32> {graph.name = "w"}) -> tensor<?x8x5x6xf32> {
  %b = graph.constant dense<[0., 1., 2., 3., 4., 5., 6., 7.]> : tensor<8xf32> {names = ["b"]}
  %two = graph.constant dense<2.0> : tensor<f32> {names = ["two"]}
  // CHECK: %[[A:.*]] = graph.conv %arg0 {{.*}}names = ["a"]
  %a = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["a"]}
    : tensor<?x8x5x6xf32> by tensor<8x8x1x1xf32> -> tensor<?x8x5x6xf32>
  %at = graph.transpose %a by [0, 2, 3, 1] {names = ["at"]} : tensor<?x8x5x6xf32> -> tensor<?x5x6x8xf32>
  // CHECK-NEXT: %[[R:.*]] = graph.relu %[[A]] {names = ["r/transposed"]} : tensor<?x8x5x6xf32> -> tensor<?x8x5x6xf32>
  %r = graph.relu %at {names = ["r"]} : tensor<?x5x6x8xf32> -> tensor<?x5x6x8xf32>
  %rt = graph.transpose %r by [0, 3, 1, 2] {names = ["rt"]} : tensor<?x5x6x8xf32> -> tensor<?x8x5x6xf32>
  // CHECK-NEXT: %[[C:.*]] = graph.conv %[[R]] {{.*}}names = ["c"]
  %c = graph.conv %rt by %w {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<?x8x5x6xf32> by tensor<8x8x1x1xf32> -> tensor<?x8x5x6xf32>
  %ct = graph.transpose %c by [0, 2, 3, 1] {names = ["ct"]} : tensor<?x8x5x6xf32> -> tensor<?x5x6x8xf32>
  // CHECK-NEXT: %[[BU:.*]] = graph.unsqueeze %{{.*}} insert [0, 1, 2] {names = ["b/transposed"]} : tensor<8xf32> -> tensor<1x1x1x8xf32>
  // CHECK-NEXT: %[[BT:.*]] = graph.transpose %[[BU]] by [0, 3, 1, 2] {names = ["b/transposed_1"]} : tensor<1x1x1x8xf32> -> tensor<1x8x1x1xf32>
  // CHECK-NEXT: %[[D:.*]] = graph.add %[[C]], %[[BT]] {names = ["d/transposed"]}
  %d = graph.add %ct, %b {names = ["d"]} : tensor<?x5x6x8xf32>, tensor<8xf32> -> tensor<?x5x6x8xf32>
  // CHECK-NEXT: %[[E:.*]] = graph.mul %[[D]], %{{.*}} {names = ["e/transposed"]} : tensor<?x8x5x6xf32>, tensor<f32> -> tensor<?x8x5x6xf32>
  %e = graph.mul %d, %two {names = ["e"]} : tensor<?x5x6x8xf32>, tensor<f32> -> tensor<?x5x6x8xf32>
  // CHECK-NEXT: %[[Y:.*]] = graph.add %[[E]], %[[R]] {names = ["y"]}
  %s = graph.add %e, %r {names = ["s"]} : tensor<?x5x6x8xf32>, tensor<?x5x6x8xf32> -> tensor<?x5x6x8xf32>
  // CHECK-NEXT: return %[[Y]]
  %y = graph.transpose %s by [0, 3, 1, 2] {names = ["y"]} : tensor<?x5x6x8xf32> -> tensor<?x8x5x6xf32>
  return %y : tensor<?x8x5x6xf32>
}

// -----

// The axes of operations move with those of their operands.
// CHECK-LABEL: func.func @axes
// CHECK-SAME: left = 0 : i64, moved = 6 : i64, transposes = 2 : i64
func.func @axes(%x: tensor<1x8x5x6xf32> {graph.name = "x"}) -> tensor<1x7x6x6xf32> {
  %t = graph.transpose %x by [0, 2, 3, 1] {names = ["t"]} : tensor<1x8x5x6xf32> -> tensor<1x5x6x8xf32>
  // CHECK-DAG: %[[ONE:.*]] = graph.constant dense<1>
  // CHECK-DAG: %[[THREE:.*]] = graph.constant dense<3>
  // CHECK-DAG: %[[PADS:.*]] = graph.constant dense<[1, 2, 0, 3]>
  %one = graph.constant dense<1> : tensor<1xi64> {names = ["one"]}
  %three = graph.constant dense<3> : tensor<1xi64> {names = ["three"]}
  %pads = graph.constant dense<[1, 2, 0, 3]> : tensor<4xi64> {names = ["pads"]}
  // CHECK: %[[C:.*]] = graph.concat %arg0, %arg0 along 1 {{.*}} -> tensor<1x16x5x6xf32>
  %c = graph.concat %t, %t along 3 {names = ["c"]} : tensor<1x5x6x8xf32>, tensor<1x5x6x8xf32> -> tensor<1x5x6x16xf32>
  // CHECK-NEXT: %[[S:.*]] = graph.slice %[[C]] from %[[ONE]] to %[[THREE]] {axes = array<i64: 1>{{.*}} -> tensor<1x2x5x6xf32>
  %s = graph.slice %c from %one to %three {axes = array<i64: 3>, steps = array<i64: 1>, names = ["s"]}
    : tensor<1x5x6x16xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<1x5x6x2xf32>
  // The pads are listed in the order of the axes, which stays.
  // CHECK-NEXT: %[[P:.*]] = graph.pad constant %[[S]] by %[[PADS]] {axes = array<i64: 2, 1>{{.*}} -> tensor<1x7x6x6xf32>
  %p = graph.pad constant %s by %pads {axes = array<i64: 1, 3>, names = ["p"]} : tensor<1x5x6x2xf32>, tensor<4xi64> -> tensor<1x6x6x7xf32>
  // CHECK-NEXT: %[[M:.*]] = graph.reduce_mean %[[P]] over [2, 3] {{.*}} -> tensor<1x7x1x1xf32>
  %m = graph.reduce_mean %p over [1, 2] {names = ["m"]} : tensor<1x6x6x7xf32> -> tensor<1x1x1x7xf32>
  // CHECK-NEXT: %[[D:.*]] = graph.sub %[[P]], %[[M]]
  %d = graph.sub %p, %m {names = ["d"]} : tensor<1x6x6x7xf32>, tensor<1x1x1x7xf32> -> tensor<1x6x6x7xf32>
  // CHECK-NEXT: %[[Y:.*]] = graph.softmax %[[D]] {axis = 2 : i64, names = ["y"]}
  %f = graph.softmax %d {axis = 1 : i64, names = ["f"]} : tensor<1x6x6x7xf32> -> tensor<1x6x6x7xf32>
  // CHECK-NEXT: return %[[Y]]
  %y = graph.transpose %f by [0, 3, 1, 2] {names = ["y"]} : tensor<1x6x6x7xf32> -> tensor<1x7x6x6xf32>
  return %y : tensor<1x7x6x6xf32>
}

// -----

// A reduction and a squeeze that keep the others in order want none.
// CHECK-LABEL: func.func @dropped_axes
// CHECK-SAME: left = 0 : i64, moved = 1 : i64, transposes = 2 : i64
func.func @dropped_axes(%x: tensor<2x8x5x6xf32> {graph.name = "x"}) -> (tensor<2x8xf32>, tensor<2x8x5x6xf32>) {
  %t = graph.transpose %x by [0, 2, 3, 1] {names = ["t"]} : tensor<2x8x5x6xf32> -> tensor<2x5x6x8xf32>
  // CHECK-NEXT: %[[R:.*]] = graph.relu %arg0 {names = ["y"]}
  %r = graph.relu %t {names = ["r"]} : tensor<2x5x6x8xf32> -> tensor<2x5x6x8xf32>
  // CHECK-NEXT: %[[M:.*]] = graph.reduce_mean %[[R]] over [2, 3] {keep_dims = false, names = ["m"]}
  %m = graph.reduce_mean %r over [1, 2] {keep_dims = false, names = ["m"]} : tensor<2x5x6x8xf32> -> tensor<2x8xf32>
  // CHECK-NEXT: return %[[M]], %[[R]]
  %y = graph.transpose %r by [0, 3, 1, 2] {names = ["y"]} : tensor<2x5x6x8xf32> -> tensor<2x8x5x6xf32>
  return %m, %y : tensor<2x8xf32>, tensor<2x8x5x6xf32>
}

// -----

// Not if the others change places.
// CHECK-LABEL: func.func @dropped_axes_in_another_order
// CHECK-SAME: left = 1 : i64, moved = 0 : i64, transposes = 1 : i64
func.func @dropped_axes_in_another_order(%x: tensor<2x8x5x6xf32> {graph.name = "x"}) -> tensor<5x8xf32> {
  // CHECK-NEXT: %[[T:.*]] = graph.transpose
  %t = graph.transpose %x by [0, 2, 3, 1] {names = ["t"]} : tensor<2x8x5x6xf32> -> tensor<2x5x6x8xf32>
  // CHECK-NEXT: graph.reduce_max %[[T]] over [0, 2]
  %m = graph.reduce_max %t over [0, 2] {keep_dims = false, names = ["m"]} : tensor<2x5x6x8xf32> -> tensor<5x8xf32>
  return %m : tensor<5x8xf32>
}

// -----

// A value that others want as it was is its transpose, under its name; one transpose instead of two.
// CHECK-LABEL: func.func @keeps_names
// CHECK-SAME: left = 1 : i64, moved = 1 : i64, transposes = 2 : i64
func.func @keeps_names(%x: tensor<3x4xf32> {graph.name = "x"}) -> (tensor<4x3xf32>, tensor<3x4xf32>) {
  %t = graph.transpose %x by [1, 0] {names = ["t"]} : tensor<3x4xf32> -> tensor<4x3xf32>
  // CHECK-NEXT: %[[E:.*]] = graph.exp %arg0 {names = ["v"]} : tensor<3x4xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %[[U:.*]] = graph.transpose %[[E]] by [1, 0] {names = ["u"]}
  %u = graph.exp %t {names = ["u"]} : tensor<4x3xf32> -> tensor<4x3xf32>
  // CHECK-NEXT: return %[[U]], %[[E]]
  %v = graph.transpose %u by [1, 0] {names = ["v"]} : tensor<4x3xf32> -> tensor<3x4xf32>
  return %u, %v : tensor<4x3xf32>, tensor<3x4xf32>
}

// -----

// Two outputs that are one value are two values.
// CHECK-LABEL: func.func @two_names_of_one_value
func.func @two_names_of_one_value(%x: tensor<2x3x4xf32> {graph.name = "x"}) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %t = graph.transpose %x by [1, 2, 0] {names = ["t"]} : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  // CHECK-NEXT: %[[E:.*]] = graph.exp %arg0 {names = ["v"]}
  %u = graph.exp %t {names = ["u"]} : tensor<3x4x2xf32> -> tensor<3x4x2xf32>
  // CHECK-NEXT: %[[W:.*]] = graph.transpose %[[E]] by [0, 1, 2] {names = ["w"]}
  // CHECK-NEXT: return %[[E]], %[[W]]
  %v = graph.transpose %u by [2, 0, 1] {names = ["v"]} : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  %w = graph.transpose %u by [2, 0, 1] {names = ["w"]} : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
  return %v, %w : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Transposes that do not undo each other become one.
// CHECK-LABEL: func.func @composes
// CHECK-SAME: left = 1 : i64, moved = 1 : i64, transposes = 2 : i64
func.func @composes(%x: tensor<2x3x4xf32> {graph.name = "x"}) -> tensor<4x2x3xf32> {
  %t = graph.transpose %x by [1, 2, 0] {names = ["t"]} : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  // CHECK-NEXT: %[[T:.*]] = graph.transpose %arg0 by [2, 0, 1]
  // CHECK-NEXT: %[[E:.*]] = graph.exp %[[T]] {names = ["v"]}
  // CHECK-NEXT: return %[[E]]
  %u = graph.exp %t {names = ["u"]} : tensor<3x4x2xf32> -> tensor<3x4x2xf32>
  %v = graph.transpose %u by [1, 2, 0] {names = ["v"]} : tensor<3x4x2xf32> -> tensor<4x2x3xf32>
  return %v : tensor<4x2x3xf32>
}

// -----

// Also from inside of a loop, and in it.
// CHECK-LABEL: func.func @nested
// CHECK-SAME: left = 0 : i64, moved = 2 : i64, transposes = 3 : i64
func.func @nested(%x: tensor<2x3x4xf32> {graph.name = "x"}, %n: index {graph.name = "n"}) -> tensor<2x3x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = graph.transpose %x by [1, 2, 0] {names = ["t"]} : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  // CHECK: %[[U:.*]] = graph.exp %arg0
  %u = graph.exp %t {names = ["u"]} : tensor<3x4x2xf32> -> tensor<3x4x2xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> (tensor<2x3x4xf32>) {
    // CHECK: graph.sin %[[U]]
    %s = graph.sin %u {names = ["s"]} : tensor<3x4x2xf32> -> tensor<3x4x2xf32>
    %v = graph.transpose %s by [2, 0, 1] {names = ["v"]} : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
    %w = graph.transpose %u by [2, 0, 1] {names = ["w"]} : tensor<3x4x2xf32> -> tensor<2x3x4xf32>
    %q = graph.add %v, %w {names = ["q"]} : tensor<2x3x4xf32>, tensor<2x3x4xf32> -> tensor<2x3x4xf32>
    scf.yield %q : tensor<2x3x4xf32>
  }
  return %r : tensor<2x3x4xf32>
}

// -----

// Nothing is saved: in front of a product a transpose is free, and two operands would need one each.
// CHECK-LABEL: func.func @left
// CHECK-SAME: left = 3 : i64, moved = 0 : i64, transposes = 3 : i64
func.func @left(%x: tensor<2x3x4xf32> {graph.name = "x"}, %y: tensor<2x3x4xf32> {graph.name = "y"}, %w: tensor<3x5xf32> {graph.name = "w"})
    -> (tensor<2x4x5xf32>, tensor<2x4x5xf32>, tensor<4x2x3xf32>) {
  // CHECK-NEXT: graph.transpose %arg0
  // CHECK-NEXT: graph.neg
  %t = graph.transpose %x by [0, 2, 1] {names = ["t"]} : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  %n = graph.neg %t {names = ["n"]} : tensor<2x4x3xf32> -> tensor<2x4x3xf32>
  %p = graph.matmul %n by %w {names = ["p"]} : tensor<2x4x3xf32> by tensor<3x5xf32> -> tensor<2x4x5xf32>
  // CHECK: graph.abs
  // CHECK-NEXT: graph.transpose
  %a = graph.abs %x {names = ["a"]} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %u = graph.transpose %a by [0, 2, 1] {names = ["u"]} : tensor<2x3x4xf32> -> tensor<2x4x3xf32>
  %q = graph.matmul %u by %w {names = ["q"]} : tensor<2x4x3xf32> by tensor<3x5xf32> -> tensor<2x4x5xf32>
  // CHECK: graph.add %arg0, %arg1
  // CHECK-NEXT: graph.transpose
  %s = graph.add %x, %y {names = ["s"]} : tensor<2x3x4xf32>, tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  %v = graph.transpose %s by [2, 0, 1] {names = ["v"]} : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  return %p, %q, %v : tensor<2x4x5xf32>, tensor<2x4x5xf32>, tensor<4x2x3xf32>
}

// -----

// A quantization of one axis moves with it; one in groups does not.
// CHECK-LABEL: func.func @quantized
// CHECK-SAME: left = 2 : i64, moved = 2 : i64, transposes = 4 : i64
func.func @quantized(%x: tensor<2x8x5xf32> {graph.name = "x"}, %s: tensor<8xf32> {graph.name = "s"}, %g: tensor<2x5x2xf32> {graph.name = "g"})
    -> (tensor<2x8x5xf32>, tensor<2x8x5xf32>) {
  %t = graph.transpose %x by [0, 2, 1] {names = ["t"]} : tensor<2x8x5xf32> -> tensor<2x5x8xf32>
  // CHECK-DAG: %[[Q:.*]] = graph.quantize %arg0 scale %arg1 {axis = 1 : i64
  // CHECK-DAG: graph.dequantize %[[Q]] scale %arg1 {axis = 1 : i64, names = ["y"]}
  %q = graph.quantize %t scale %s {axis = 2 : i64, names = ["q"]} : tensor<2x5x8xf32>, tensor<8xf32> -> tensor<2x5x8xi8>
  %d = graph.dequantize %q scale %s {axis = 2 : i64, names = ["d"]} : tensor<2x5x8xi8>, tensor<8xf32> -> tensor<2x5x8xf32>
  %y = graph.transpose %d by [0, 2, 1] {names = ["y"]} : tensor<2x5x8xf32> -> tensor<2x8x5xf32>
  %u = graph.transpose %x by [0, 2, 1] {names = ["u"]} : tensor<2x8x5xf32> -> tensor<2x5x8xf32>
  // CHECK-DAG: graph.quantize %{{.*}} scale %arg2 {axis = 2 : i64, group_size = 4
  %r = graph.quantize %u scale %g {axis = 2 : i64, group_size = 4 : i64, names = ["r"]} : tensor<2x5x8xf32>, tensor<2x5x2xf32> -> tensor<2x5x8xi8>
  %e = graph.dequantize %r scale %g {axis = 2 : i64, group_size = 4 : i64, names = ["e"]} : tensor<2x5x8xi8>, tensor<2x5x2xf32> -> tensor<2x5x8xf32>
  %z = graph.transpose %e by [0, 2, 1] {names = ["z"]} : tensor<2x5x8xf32> -> tensor<2x8x5xf32>
  return %y, %z : tensor<2x8x5xf32>, tensor<2x8x5xf32>
}
