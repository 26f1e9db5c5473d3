// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision{report},verify-names))' | FileCheck %s
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision{type=bf16}))' | FileCheck %s --check-prefix=BF16
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision{select="matmul;:^kept"}))' | FileCheck %s --check-prefix=SELECT
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision{select="#1..2;#4"}))' | FileCheck %s --check-prefix=LAYER
// Applied to its own output it changes nothing.
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision))' > %t.once
// RUN: cinch-opt %t.once -split-input-file -pass-pipeline='builtin.module(func.func(convert-precision))' | diff %t.once -

// CHECK-LABEL: func.func @products_and_what_follows
// CHECK-SAME: clamped = 0
// CHECK-SAME: converted = 2
// CHECK-SAME: value_bytes_after = 16
// CHECK-SAME: value_bytes_before = 32
// CHECK-SAME: weight_bytes_after = 16
// CHECK-SAME: weight_bytes_before = 32
// BF16-LABEL: func.func @products_and_what_follows
// SELECT-LABEL: func.func @products_and_what_follows
func.func @products_and_what_follows(%x: tensor<2x4xf32> {graph.name = "x"}) -> tensor<2x2xf32> {
  // CHECK: %[[X:.*]] = graph.cast %arg0 {names = ["x/f16"]} : tensor<2x4xf32> -> tensor<2x4xf16>
  // CHECK: %[[W:.*]] = graph.constant dense<{{.*}}> : tensor<4x2xf16> {names = ["w"]}
  // CHECK: %[[Y:.*]] = graph.matmul %[[X]] by %[[W]] {names = ["y"]} : tensor<2x4xf16> by tensor<4x2xf16> -> tensor<2x2xf16>
  // CHECK: %[[R:.*]] = graph.relu %[[Y]] {names = ["r/f16"]} : tensor<2x2xf16> -> tensor<2x2xf16>
  // CHECK: %[[OUT:.*]] = graph.cast %[[R]] {names = ["r"]} : tensor<2x2xf16> -> tensor<2x2xf32>
  // CHECK: return %[[OUT]]
  // BF16: graph.matmul {{.*}} -> tensor<2x2xbf16>
  // BF16: graph.relu {{.*}}names = ["r/bf16"]
  // SELECT: graph.matmul {{.*}} -> tensor<2x2xf16>
  // SELECT: graph.relu {{.*}}names = ["r"]} : tensor<2x2xf32>
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<2x4xf32> by tensor<4x2xf32> -> tensor<2x2xf32>
  %r = graph.relu %y {names = ["r"]} : tensor<2x2xf32> -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

// The squares of 300 are beyond f16; what is divided by their root is not.
// CHECK-LABEL: func.func @sums_of_squares_stay
// CHECK-SAME: converted = 1
// CHECK-SAME: range = 4
func.func @sums_of_squares_stay(%x: tensor<2x4xf32> {graph.name = "x"}, %v: tensor<4x4xf32> {graph.name = "v"}) -> tensor<2x4xf32> {
  // CHECK: graph.mul {{.*}}names = ["s"]} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  // CHECK: graph.reduce_mean {{.*}}names = ["m"]} : tensor<2x4xf32> -> tensor<2x1xf32>
  // CHECK: graph.add {{.*}}names = ["a"]} : tensor<2x1xf32>, tensor<f32> -> tensor<2x1xf32>
  // CHECK: graph.sqrt {{.*}}names = ["q"]} : tensor<2x1xf32> -> tensor<2x1xf32>
  // CHECK: %[[Y:.*]] = graph.div {{.*}}names = ["y"]} : tensor<2x4xf32>, tensor<2x1xf32> -> tensor<2x4xf32>
  // CHECK: return %[[Y]]
  %eps = graph.constant dense<1.0e-12> : tensor<f32> {names = ["eps"]}
  %s = graph.mul %x, %x {names = ["s"]} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  %m = graph.reduce_mean %s over [1] {names = ["m"]} : tensor<2x4xf32> -> tensor<2x1xf32>
  %a = graph.add %m, %eps {names = ["a"]} : tensor<2x1xf32>, tensor<f32> -> tensor<2x1xf32>
  %q = graph.sqrt %a {names = ["q"]} : tensor<2x1xf32> -> tensor<2x1xf32>
  %y = graph.div %x, %q {names = ["y"]} : tensor<2x4xf32>, tensor<2x1xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Softmax and what it alone reads are f32, so the mask keeps its value.
// CHECK-LABEL: func.func @softmax_is_f32_inside
// CHECK-SAME: clamped = 0
func.func @softmax_is_f32_inside(%x: tensor<2x2xf32> {graph.name = "x"}, %b: tensor<2x2xi1> {graph.name = "b"}) -> tensor<2x2xf32> {
  // CHECK: %[[Y:.*]] = graph.matmul {{.*}} -> tensor<2x2xf16>
  // CHECK: %[[S:.*]] = graph.cast %[[Y]] {names = ["y/f32"]}
  // CHECK: %[[M:.*]] = graph.select %arg1 then %[[S]] else %{{.*}} {names = ["m"]} : tensor<2x2xi1>, tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  // CHECK: %[[P:.*]] = graph.softmax %[[M]] {{.*}} -> tensor<2x2xf32>
  // CHECK: %[[N:.*]] = graph.cast %[[P]] {names = ["p/f16"]}
  // CHECK: graph.matmul %[[N]] by
  %low = graph.constant dense<-3.4e38> : tensor<f32> {names = ["low"]}
  %y = graph.matmul %x by %x {names = ["y"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %m = graph.select %b then %y else %low {names = ["m"]} : tensor<2x2xi1>, tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %p = graph.softmax %m {axis = 1 : i64, names = ["p"]} : tensor<2x2xf32> -> tensor<2x2xf32>
  %z = graph.matmul %p by %x {names = ["z"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  return %z : tensor<2x2xf32>
}

// -----

// CHECK-LABEL: func.func @constants_beyond_the_range_are_clamped
// CHECK-SAME: clamped = 1
func.func @constants_beyond_the_range_are_clamped(%x: tensor<2xf32> {graph.name = "x"}) -> tensor<2xf32> {
  // CHECK: graph.constant dense<[-6.550400e+04, 1.000000e+00]> : tensor<2xf16>
  %c = graph.constant dense<[-1.0e9, 1.0]> : tensor<2xf32> {names = ["c"]}
  %y = graph.max %x, %c {names = ["y"]} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// 1e-12 would be 0 in f16: the sum is computed in f32 and rounded.
// CHECK-LABEL: func.func @keeps_constants_that_would_vanish
func.func @keeps_constants_that_would_vanish(%x: tensor<2x2xf32> {graph.name = "x"}) -> tensor<2x2xf32> {
  // CHECK: graph.constant dense<9.99999996E-13> : tensor<f32>
  // CHECK: graph.add {{.*}} -> tensor<2x2xf32>
  // CHECK: graph.cast {{.*}}names = ["a/f16"]
  %eps = graph.constant dense<1.0e-12> : tensor<f32> {names = ["eps"]}
  %a = graph.add %x, %eps {names = ["a"]} : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %y = graph.matmul %a by %a {names = ["y"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

// CHECK-LABEL: func.func @leaves_positions_and_integers
// CHECK-SAME: counts = 1
func.func @leaves_positions_and_integers(%p: tensor<1x4xi64> {graph.name = "p"}, %i: tensor<2xi64> {graph.name = "i"}) -> (tensor<2x4xf32>, tensor<2xi64>) {
  // CHECK: graph.cast %arg0 {names = ["f"]} : tensor<1x4xi64> -> tensor<1x4xf32>
  // CHECK: graph.matmul {{.*}} : tensor<2x1xf32> by tensor<1x4xf32> -> tensor<2x4xf32>
  // CHECK: graph.cos {{.*}}names = ["y"]} : tensor<2x4xf32> -> tensor<2x4xf32>
  // CHECK: graph.add %arg1, %arg1 {{.*}} -> tensor<2xi64>
  %w = graph.constant dense<[[1.0], [0.1]]> : tensor<2x1xf32> {names = ["w"]}
  %f = graph.cast %p {names = ["f"]} : tensor<1x4xi64> -> tensor<1x4xf32>
  %a = graph.matmul %w by %f {names = ["a"]} : tensor<2x1xf32> by tensor<1x4xf32> -> tensor<2x4xf32>
  %y = graph.cos %a {names = ["y"]} : tensor<2x4xf32> -> tensor<2x4xf32>
  %j = graph.add %i, %i {names = ["j"]} : tensor<2xi64>, tensor<2xi64> -> tensor<2xi64>
  return %y, %j : tensor<2x4xf32>, tensor<2xi64>
}

// -----

// CHECK-LABEL: func.func @leaves_quantized_products
// CHECK-SAME: quantized = 3
func.func @leaves_quantized_products(%q: tensor<2x2xi8> {graph.name = "q"}) -> tensor<2x2xi8> {
  // CHECK-NOT: f16
  // CHECK: return
  %s = graph.constant dense<0.5> : tensor<f32> {names = ["s"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["d"]} : tensor<2x2xi8>, tensor<f32> -> tensor<2x2xf32>
  %m = graph.matmul %d by %d {names = ["m"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %r = graph.quantize %m scale %s {axis = 0 : i64, names = ["r"]} : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xi8>
  return %r : tensor<2x2xi8>
}

// -----

// The state keeps its type, and what reads all of its rows is not copied.
// CHECK-LABEL: func.func @leaves_states
// CHECK-SAME: state = 2
func.func @leaves_states(%past: tensor<?x4xf32> {graph.name = "past", graph.dims = ["n", 4]}, %x: tensor<1x4xf32> {graph.name = "x"})
    -> (tensor<?x4xf32> {graph.name = "present"}, tensor<1x?xf32> {graph.name = "y"}) attributes {graph.entry, graph.symbols = [{name = "n", min = 0}]} {
  // CHECK: graph.matmul {{.*}}names = ["k"]} : tensor<1x4xf16> by tensor<4x4xf16> -> tensor<1x4xf16>
  // CHECK: %[[P:.*]] = graph.concat %arg0, %{{.*}} along 0 {names = ["present"]} : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  // CHECK: graph.matmul %{{.*}} by %[[P]] transposed {names = ["y"]} : tensor<1x4xf32>
  %w = graph.constant dense<0.5> : tensor<4x4xf32> {names = ["w"]}
  %k = graph.matmul %x by %w {names = ["k"]} : tensor<1x4xf32> by tensor<4x4xf32> -> tensor<1x4xf32>
  %present = graph.concat %past, %k along 0 {names = ["present"]} : tensor<?x4xf32>, tensor<1x4xf32> -> tensor<?x4xf32>
  %y = graph.matmul %x by %present transposed {names = ["y"]} : tensor<1x4xf32> by tensor<?x4xf32> -> tensor<1x?xf32>
  return %present, %y : tensor<?x4xf32>, tensor<1x?xf32>
}

// -----

// What the samples showed decides: a large value stays f32, what reads it is
// computed in f32, and rounded again where it is in range. Nothing is lost of
// zeros and of values without elements.
// CHECK-LABEL: func.func @keeps_values_out_of_range
// CHECK-SAME: converted = 4
// CHECK-SAME: out_of_range = 3
// CHECK-SAME: graph.precision_kept = {big = "out of range: largest magnitude 2.00e+04", small = "out of range: largest magnitude 1.00e-05", wide = "out of range: largest magnitude 2.00e+04"}
// BF16-LABEL: func.func @keeps_values_out_of_range
// BF16: names = ["big"]} : {{.*}} -> tensor<2x2xbf16>
// BF16: names = ["small"]} : {{.*}} -> tensor<2x2xbf16>
func.func @keeps_values_out_of_range(%x: tensor<2x2xf32> {graph.name = "x"}) -> tensor<2x2xf32>
    attributes {graph.magnitudes = {big = 2.0e+4, wide = 2.0e+4, small = 1.0e-5, y = 1.6e+4, zero = 0.0, empty = -1.0e+30, x = 1.0}} {
  // CHECK: graph.matmul %arg0 by %arg0 {names = ["big"]} : {{.*}} -> tensor<2x2xf32>
  // CHECK: graph.relu {{.*}}names = ["wide"]} : tensor<2x2xf32> -> tensor<2x2xf32>
  // CHECK: graph.matmul {{.*}}names = ["y"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  // CHECK: graph.cast {{.*}}names = ["y/f16"]
  // CHECK: graph.matmul {{.*}}names = ["zero"]} : {{.*}} -> tensor<2x2xf16>
  // CHECK: graph.matmul {{.*}}names = ["empty"]} : {{.*}} -> tensor<2x2xf16>
  // CHECK: graph.mul {{.*}}names = ["small"]} : {{.*}} -> tensor<2x2xf32>
  // CHECK: graph.matmul {{.*}}names = ["z"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %c = graph.constant dense<0.5> : tensor<f32> {names = ["c"]}
  %big = graph.matmul %x by %x {names = ["big"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %wide = graph.relu %big {names = ["wide"]} : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = graph.matmul %wide by %x {names = ["y"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %zero = graph.matmul %y by %x {names = ["zero"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %empty = graph.matmul %zero by %x {names = ["empty"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %small = graph.mul %empty, %c {names = ["small"]} : tensor<2x2xf32>, tensor<f32> -> tensor<2x2xf32>
  %z = graph.matmul %small by %x {names = ["z"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  return %z : tensor<2x2xf32>
}

// -----

// A weight beyond the range, or all of which is below it, is read in f32.
// CHECK-LABEL: func.func @keeps_weights_out_of_range
func.func @keeps_weights_out_of_range(%x: tensor<2x2xf32> {graph.name = "x"}) -> tensor<2x2xf32> {
  // CHECK: graph.constant dense<[{{.*}}]> : tensor<2x2xf32> {names = ["large"]}
  // CHECK: graph.constant dense<9.99999974E-6> : tensor<2x2xf32> {names = ["tiny"]}
  // CHECK: graph.constant dense<[{{.*}}]> : tensor<2x2xf16> {names = ["fits"]}
  // CHECK: graph.matmul {{.*}}names = ["a"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  // CHECK: graph.matmul {{.*}}names = ["b"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  // CHECK: graph.matmul {{.*}}names = ["y/f16"]} : tensor<2x2xf16> by tensor<2x2xf16> -> tensor<2x2xf16>
  %large = graph.constant dense<[[1.0, -7.0e4], [2.0, 3.0]]> : tensor<2x2xf32> {names = ["large"]}
  %tiny = graph.constant dense<1.0e-5> : tensor<2x2xf32> {names = ["tiny"]}
  %fits = graph.constant dense<[[6.5e4, 1.0e-5], [0.0, 3.0]]> : tensor<2x2xf32> {names = ["fits"]}
  %a = graph.matmul %x by %large {names = ["a"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %b = graph.matmul %a by %tiny {names = ["b"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %y = graph.matmul %b by %fits {names = ["y"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

// LAYER-LABEL: func.func @numbers_products
func.func @numbers_products(%x: tensor<2x2xf32> {graph.name = "x"}) -> tensor<2x2xf32> {
  // LAYER: names = ["l0"]} : {{.*}} -> tensor<2x2xf32>
  // LAYER: graph.relu {{.*}} -> tensor<2x2xf32>
  // LAYER: names = ["l1"]} : {{.*}} -> tensor<2x2xf16>
  // LAYER: names = ["l2"]} : {{.*}} -> tensor<2x2xf16>
  // LAYER: names = ["l3"]} : {{.*}} -> tensor<2x2xf32>
  // LAYER: names = ["l4/f16"]} : {{.*}} -> tensor<2x2xf16>
  %a = graph.matmul %x by %x {names = ["l0"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %r = graph.relu %a {names = ["r"]} : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = graph.matmul %r by %x {names = ["l1"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %c = graph.matmul %b by %x {names = ["l2"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %d = graph.matmul %c by %x {names = ["l3"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  %e = graph.matmul %d by %x {names = ["l4"]} : tensor<2x2xf32> by tensor<2x2xf32> -> tensor<2x2xf32>
  return %e : tensor<2x2xf32>
}

// -----

// What is rounded inside a kernel is said by casts of the model alone.
// CHECK-LABEL: func.func @rounds_at_store
// CHECK-SAME: graph.rounds_at_store
func.func @rounds_at_store(%x: tensor<2x4xf32> {graph.name = "x"}) -> tensor<2x4xf32> {
  // CHECK: graph.cast %arg0 {graph.rounds, names = ["a"]} : tensor<2x4xf32> -> tensor<2x4xbf16>
  // CHECK: graph.cast {{.*}} {graph.rounds, names = ["b"]} : tensor<2x4xbf16> -> tensor<2x4xf32>
  // CHECK: return
  %a = graph.cast %x {names = ["a"]} : tensor<2x4xf32> -> tensor<2x4xbf16>
  %b = graph.cast %a {names = ["b"]} : tensor<2x4xbf16> -> tensor<2x4xf32>
  return %b : tensor<2x4xf32>
}

// -----

// A product that an error goal keeps reads f32, from the product before it on.
// CHECK-LABEL: func.func @products_of_a_goal
// CHECK-SAME: goal = 3
func.func @products_of_a_goal(%x: tensor<4x4xf32> {graph.name = "x"}) -> tensor<4x4xf32> attributes {graph.wide_products = ["z"]} {
  // CHECK: %[[Y:.*]] = graph.matmul {{.*}}names = ["y"]} : tensor<4x4xf16> by tensor<4x4xf16>
  // CHECK: %[[S:.*]] = graph.cast %[[Y]]
  // CHECK: %[[R:.*]] = graph.relu %[[S]] {names = ["r"]} : tensor<4x4xf32>
  // CHECK: %[[T:.*]] = graph.transpose %[[R]] {{.*}} -> tensor<4x4xf32>
  // CHECK: %[[Z:.*]] = graph.matmul %[[T]] by {{.*}}names = ["z"]} : tensor<4x4xf32> by tensor<4x4xf32>
  // CHECK: graph.matmul {{.*}}names = ["v/f16"]} : tensor<4x4xf16> by tensor<4x4xf16>
  %w = graph.constant dense<0.5> : tensor<4x4xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  %r = graph.relu %y {names = ["r"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %t = graph.transpose %r by [1, 0] {names = ["t"]} : tensor<4x4xf32> -> tensor<4x4xf32>
  %z = graph.matmul %t by %w {names = ["z"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  %v = graph.matmul %z by %w {names = ["v"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return %v : tensor<4x4xf32>
}
