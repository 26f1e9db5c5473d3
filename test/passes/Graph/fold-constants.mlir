// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-constants{report},verify-names))' -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @reshapes
// CHECK-SAME: viewed = 2
func.func @reshapes(%x: tensor<1x2x3xf32> {graph.name = "x"}) -> tensor<1x2x3xf32> {
  // CHECK-NEXT: %[[B:.*]] = graph.constant dense<{{\[\[\[}}1.000000e+00], [2.000000e+00]]]> : tensor<1x2x1xf32> {names = ["c"]}
  // CHECK-NEXT: graph.add %arg0, %[[B]] {names = ["y"]}
  %a = graph.constant dense<[1.0, 2.0]> : tensor<2xf32> {names = ["a"]}
  %b = graph.unsqueeze %a insert [1] {names = ["b"]} : tensor<2xf32> -> tensor<2x1xf32>
  %c = graph.unsqueeze %b insert [0] {names = ["c"]} : tensor<2x1xf32> -> tensor<1x2x1xf32>
  %y = graph.add %x, %c {names = ["y"]} : tensor<1x2x3xf32>, tensor<1x2x1xf32> -> tensor<1x2x3xf32>
  return %y : tensor<1x2x3xf32>
}

// -----

// A chain, of which the function also returns the middle; integers that decide shapes; bools.
// CHECK-LABEL: func.func @evaluates
// CHECK-SAME: evaluated = 5
// CHECK-SAME: stored = 4
func.func @evaluates() -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<3xi1>) {
  // CHECK-DAG: %[[T:.*]] = graph.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32> {names = ["t"]}
  // CHECK-DAG: %[[E:.*]] = graph.constant dense<{{\[\[}}2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00], [4.000000e+00, 7.000000e+00]]> : tensor<3x2xf32> {names = ["e"]}
  // CHECK-DAG: %[[S:.*]] = graph.constant dense<{{\[\[}}2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<2x2xf32> {names = ["s"]}
  // CHECK-DAG: %[[G:.*]] = graph.constant dense<[false, true, true]> : tensor<3xi1> {names = ["g"]}
  // CHECK: return %[[T]], %[[E]], %[[S]], %[[G]]
  %a = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> {names = ["a"]}
  %one = graph.constant dense<1.0> : tensor<f32> {names = ["one"]}
  %i = graph.constant dense<[1, 2, 3]> : tensor<3xi64> {names = ["i"]}
  %begin = graph.constant dense<0> : tensor<1xi64> {names = ["begin"]}
  %end = graph.constant dense<-1> : tensor<1xi64> {names = ["end"]}
  %k = graph.constant dense<1> : tensor<i64> {names = ["k"]}
  %t = graph.transpose %a by [1, 0] {names = ["t"]} : tensor<2x3xf32> -> tensor<3x2xf32>
  %e = graph.add %t, %one {names = ["e"]} : tensor<3x2xf32>, tensor<f32> -> tensor<3x2xf32>
  %s = graph.slice %e from %begin to %end {axes = array<i64: 0>, steps = array<i64: 1>, names = ["s"]}
    : tensor<3x2xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<2x2xf32>
  %f = graph.sub %i, %k {names = ["f"]} : tensor<3xi64>, tensor<i64> -> tensor<3xi64>
  %g = graph.cast %f {names = ["g"]} : tensor<3xi64> -> tensor<3xi1>
  return %t, %e, %s, %g : tensor<3x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<3xi1>
}

// -----

// The broadcast would make 256 KiB of 4 bytes; what it reads is small.
// CHECK-LABEL: func.func @stores_no_more_than_it_replaces
// CHECK-SAME: evaluated = 1
// CHECK-SAME: kept = 1
func.func @stores_no_more_than_it_replaces() -> tensor<256x256xf32> {
  // CHECK: %[[N:.*]] = graph.constant dense<-2.000000e+00> : tensor<1xf32> {names = ["n"]}
  // CHECK: graph.broadcast %[[N]]
  %a = graph.constant dense<2.0> : tensor<1xf32> {names = ["a"]}
  %n = graph.neg %a {names = ["n"]} : tensor<1xf32> -> tensor<1xf32>
  %to = graph.constant dense<256> : tensor<2xi64> {names = ["to"]}
  %b = graph.broadcast %n to %to {names = ["b"]} : tensor<1xf32>, tensor<2xi64> -> tensor<256x256xf32>
  return %b : tensor<256x256xf32>
}

// -----

// The large weight is needed as it is, too, so its transpose would be a second copy; the other is not.
// CHECK-LABEL: func.func @keeps_weights_of_others
// CHECK-SAME: kept = 1
// CHECK-SAME: stored = 1
func.func @keeps_weights_of_others(%x: tensor<1x256xf32> {graph.name = "x"}) -> (tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>) {
  // CHECK-DAG: graph.transpose {{.*}} {names = ["t"]}
  // CHECK-DAG: graph.constant #graph.weight<"<computed:0>", 0, 262144, 0> : tensor<256x256xf32> {names = ["u"]}
  // CHECK: return
  %w = graph.constant dense<1.0> : tensor<256x256xf32> {names = ["w"]}
  %v = graph.constant dense<2.0> : tensor<256x256xf32> {names = ["v"]}
  %t = graph.transpose %w by [1, 0] {names = ["t"]} : tensor<256x256xf32> -> tensor<256x256xf32>
  %u = graph.transpose %v by [1, 0] {names = ["u"]} : tensor<256x256xf32> -> tensor<256x256xf32>
  %a = graph.matmul %x by %w {names = ["a"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %b = graph.matmul %x by %t {names = ["b"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  %c = graph.matmul %x by %u {names = ["c"]} : tensor<1x256xf32> by tensor<256x256xf32> -> tensor<1x256xf32>
  return %a, %b, %c : tensor<1x256xf32>, tensor<1x256xf32>, tensor<1x256xf32>
}

// -----

// A run that fails is left to the run.
// CHECK-LABEL: func.func @keeps_what_fails
// expected-remark @below {{fold-constants: constants are computed at run time: gather 'y': an index of 'i' is outside axis 0 of 'a', which has size 2}}
func.func @keeps_what_fails() -> tensor<1xf32> {
  // CHECK: graph.gather
  %a = graph.constant dense<[1.0, 2.0]> : tensor<2xf32> {names = ["a"]}
  %f = graph.constant dense<5.0> : tensor<1xf32> {names = ["f"]}
  %i = graph.cast %f {names = ["i"]} : tensor<1xf32> -> tensor<1xi64>
  %y = graph.gather %a at %i {axis = 0 : i64, names = ["y"]} : tensor<2xf32>, tensor<1xi64> -> tensor<1xf32>
  return %y : tensor<1xf32>
}

// -----

// A weight is stored in few bits on purpose.
// CHECK-LABEL: func.func @keeps_quantized_weights
func.func @keeps_quantized_weights() -> tensor<2xf32> {
  // CHECK: graph.dequantize
  %q = graph.constant dense<[1, 2]> : tensor<2xui8> {names = ["q"]}
  %s = graph.constant dense<[0.5, 2.0]> : tensor<2xf32> {names = ["s"]}
  %y = graph.dequantize %q scale %s {axis = 0 : i64, names = ["y"]} : tensor<2xui8>, tensor<2xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}
