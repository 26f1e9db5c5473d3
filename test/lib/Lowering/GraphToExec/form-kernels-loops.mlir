// RUN: cinch-opt %s --form-kernels | FileCheck %s
// RUN: cinch-opt %s --form-kernels=fuse=false | FileCheck %s --check-prefix=SINGLE

// In the body of a loop, matmuls of one shape share a kernel. The next state and
// the sequence are results of it; only its row of the sequence is written.
// CHECK-LABEL: func.func @steps_of_a_loop
// CHECK: scf.for {{.*}} iter_args(%[[H:.*]] = %{{.*}}, %[[Y:.*]] = %{{.*}})
// CHECK: %[[STEP:.*]]:2 = exec.kernel @[[STEPS:[a-z_0-9]*]](%{{.*}}, %{{.*}}, %[[H]], %{{.*}}, %{{.*}}, %[[Y]])
// CHECK-SAME: in_place = [array<i64: 5, 0>], names = ["z", "n"], updates = [array<i64: 5, 0>]}
// CHECK-NEXT: scf.yield %[[STEP]]#1, %[[STEP]]#0
// CHECK: func.func private @[[STEPS]]({{.*}}, %[[INTO:[a-z0-9]*]]: tensor<5x2x4xf32>, %{{.*}}: tensor<5x2x4xf32>, %{{.*}}: tensor<2x4xf32>)
// CHECK: %[[SET:.*]] = tensor.insert_slice %[[N:.*]] into %[[INTO]][%{{.*}}, 0, 0] [1, 2, 4] [1, 1, 1]
// CHECK: return %[[SET]], %[[N]]
// SINGLE-LABEL: func.func @steps_of_a_loop
// SINGLE: scf.for
// SINGLE-COUNT-10: exec.kernel
// SINGLE-NOT: updates
// SINGLE: scf.yield
func.func @steps_of_a_loop(%x: tensor<5x2x8xf32> {graph.name = "x"}, %h0: tensor<2x4xf32> {graph.name = "h"}, %y0: tensor<5x2x4xf32> {graph.name = "s"}) -> (tensor<2x4xf32>, tensor<5x2x4xf32>) {
  %w = graph.constant #graph.weight<"w", 0, 64, 0> : tensor<4x4xf32> {names = ["w"]}
  %r = graph.constant #graph.weight<"w", 64, 64, 0> : tensor<4x4xf32> {names = ["r"]}
  %b0 = graph.constant dense<0> : tensor<1xi64> {names = ["b0"]}
  %b1 = graph.constant dense<4> : tensor<1xi64> {names = ["b1"]}
  %b2 = graph.constant dense<8> : tensor<1xi64> {names = ["b2"]}
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %l:2 = scf.for %i = %c0 to %c5 step %c1 iter_args(%h = %h0, %y = %y0) -> (tensor<2x4xf32>, tensor<5x2x4xf32>) {
    %row = graph.step_get %x at %i {axis = 0 : i64, names = ["row"]} : tensor<5x2x8xf32> -> tensor<2x8xf32>
    %p = graph.matmul %h by %w transposed {names = ["p"]} : tensor<2x4xf32> by tensor<4x4xf32> -> tensor<2x4xf32>
    %q = graph.matmul %h by %r transposed {names = ["q"]} : tensor<2x4xf32> by tensor<4x4xf32> -> tensor<2x4xf32>
    %s0 = graph.slice %row from %b0 to %b1 {axes = array<i64: 1>, steps = array<i64: 1>, names = ["s0"]} : tensor<2x8xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<2x4xf32>
    %s1 = graph.slice %row from %b1 to %b2 {axes = array<i64: 1>, steps = array<i64: 1>, names = ["s1"]} : tensor<2x8xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<2x4xf32>
    %g = graph.add %p, %s0 {names = ["g"]} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
    %f = graph.sigmoid %g {names = ["f"]} : tensor<2x4xf32> -> tensor<2x4xf32>
    %e = graph.add %q, %s1 {names = ["e"]} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
    %n = graph.mul %f, %e {names = ["n"]} : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
    %z = graph.step_set %n into %y at %i {axis = 0 : i64, names = ["z"]} : tensor<2x4xf32> into tensor<5x2x4xf32>
    scf.yield %n, %z : tensor<2x4xf32>, tensor<5x2x4xf32>
  }
  return %l#0, %l#1 : tensor<2x4xf32>, tensor<5x2x4xf32>
}
