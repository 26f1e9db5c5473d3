// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(expand-recurrent,verify-names,graph-simplify))' | FileCheck %s

// The input is multiplied once for all steps; the loop carries the state and the sequence.
// CHECK-LABEL: func.func @rnn
func.func @rnn(%x: tensor<5x2x3xf32> {graph.name = "x"}) -> (tensor<5x1x2x4xf32>, tensor<1x2x4xf32>) {
  %w = graph.constant #graph.weight<"w", 0, 48, 0> : tensor<1x4x3xf32> {names = ["w"]}
  %r = graph.constant #graph.weight<"w", 48, 64, 0> : tensor<1x4x4xf32> {names = ["r"]}
  // CHECK: %[[W:.*]] = graph.constant #graph.weight<"w", 0, 48, 0> : tensor<4x3xf32>
  // CHECK: %[[P:.*]] = graph.matmul %{{.*}} by %[[W]] transposed {{.*}} -> tensor<5x2x4xf32>
  // CHECK: %[[R:.*]] = graph.constant #graph.weight<"w", 48, 64, 0> : tensor<4x4xf32>
  // CHECK: %[[LOOP:.*]]:2 = scf.for %[[I:.*]] = %c0 to %c5 step %c1 iter_args(%[[H:.*]] = %{{.*}}, %[[Y:.*]] = %{{.*}}) -> (tensor<2x4xf32>, tensor<5x2x4xf32>)
  // CHECK:   %[[ROW:.*]] = graph.step_get %[[P]] at %[[I]]
  // CHECK:   %[[REC:.*]] = graph.matmul %[[H]] by %[[R]] transposed
  // CHECK:   %[[SUM:.*]] = graph.add %[[ROW]], %[[REC]]
  // CHECK:   %[[NEXT:.*]] = graph.tanh %[[SUM]]
  // CHECK:   %[[SET:.*]] = graph.step_set %[[NEXT]] into %[[Y]] at %[[I]]
  // CHECK:   scf.yield %[[NEXT]], %[[SET]]
  // CHECK: graph.unsqueeze %[[LOOP]]#1 insert [1] {names = ["y"]}
  // CHECK: graph.unsqueeze %[[LOOP]]#0 insert [0] {names = ["h"]}
  %y, %h = graph.rnn %x, %w, %r {activations = ["tanh"], direction = #graph<direction forward>, hidden_size = 4 : i64, names = ["y", "h"],
    operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}
    : (tensor<5x2x3xf32>, tensor<1x4x3xf32>, tensor<1x4x4xf32>) -> (tensor<5x1x2x4xf32>, tensor<1x2x4xf32>)
  return %y, %h : tensor<5x1x2x4xf32>, tensor<1x2x4xf32>
}

// -----

// Without a use, the sequence is not kept. A reverse direction counts from the end; the reset comes before the product.
// CHECK-LABEL: func.func @gru_last_state
func.func @gru_last_state(%x: tensor<5x2x3xf32> {graph.name = "x"}) -> tensor<1x2x4xf32> {
  %w = graph.constant #graph.weight<"w", 0, 144, 0> : tensor<1x12x3xf32> {names = ["w"]}
  %r = graph.constant #graph.weight<"w", 144, 192, 0> : tensor<1x12x4xf32> {names = ["r"]}
  // CHECK-DAG: %[[RZ:.*]] = graph.constant #graph.weight<"w", 144, 64, 0> : tensor<4x4xf32>
  // CHECK-DAG: %[[RR:.*]] = graph.constant #graph.weight<"w", 208, 64, 0> : tensor<4x4xf32>
  // CHECK-DAG: %[[RH:.*]] = graph.constant #graph.weight<"w", 272, 64, 0> : tensor<4x4xf32>
  // CHECK-DAG: %[[LAST:.*]] = arith.constant 4 : index
  // CHECK: scf.for %[[I:.*]] = {{.*}} iter_args(%[[H:.*]] = %{{.*}}) -> (tensor<2x4xf32>)
  // CHECK:   %[[T:.*]] = arith.subi %[[LAST]], %[[I]]
  // CHECK:   graph.step_get %{{.*}} at %[[T]]
  // CHECK:   graph.matmul %[[H]] by %[[RR]] transposed
  // CHECK:   %[[RESET:.*]] = graph.mul %{{.*}}, %[[H]]
  // CHECK:   graph.matmul %[[RESET]] by %[[RH]] transposed
  // CHECK:   graph.matmul %[[H]] by %[[RZ]] transposed
  // CHECK-NOT: graph.step_set
  // CHECK: return
  %y, %h = graph.gru %x, %w, %r {activations = ["sigmoid", "tanh"], direction = #graph<direction reverse>, hidden_size = 4 : i64, names = ["y", "h"],
    operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}
    : (tensor<5x2x3xf32>, tensor<1x12x3xf32>, tensor<1x12x4xf32>) -> (tensor<5x1x2x4xf32>, tensor<1x2x4xf32>)
  return %h : tensor<1x2x4xf32>
}

// -----

// Rows keep their state and give zeros beyond their length; two directions are two loops; time is dynamic.
// CHECK-LABEL: func.func @lstm_of_lengths
func.func @lstm_of_lengths(%x: tensor<?x2x3xf32> {graph.name = "x", graph.dims = ["time", 2, 3]}, %lengths: tensor<2xi32> {graph.name = "lengths"},
                           %h0: tensor<2x2x4xf32> {graph.name = "h0"}) -> (tensor<?x2x2x4xf32>, tensor<2x2x4xf32>) {
  %w = graph.constant #graph.weight<"w", 0, 384, 0> : tensor<2x16x3xf32> {names = ["w"]}
  %r = graph.constant #graph.weight<"w", 384, 512, 0> : tensor<2x16x4xf32> {names = ["r"]}
  // CHECK: %[[WITHIN:.*]] = graph.compare {{ *}}lt %{{.*}}, %{{.*}} -> tensor<?x2xi1>
  // CHECK: %[[MASK:.*]] = graph.unsqueeze %[[WITHIN]]
  // CHECK: scf.for {{.*}} iter_args(%[[H:.*]] = %{{.*}}, %[[C:.*]] = %{{.*}}, %[[Y:.*]] = %{{.*}}) ->
  // CHECK:   %[[IS:.*]] = graph.step_get %[[MASK]]
  // CHECK:   %[[OUT:.*]] = graph.select %[[IS]] then %[[NEW:.*]] else %{{.*}} {{.*}} tensor<f32> -> tensor<2x4xf32>
  // CHECK:   %[[NEXT:.*]] = graph.select %[[IS]] then %[[NEW]] else %[[H]]
  // CHECK:   %[[CELL:.*]] = graph.select %[[IS]] then %{{.*}} else %[[C]]
  // CHECK:   %[[SET:.*]] = graph.step_set %[[OUT]] into %[[Y]]
  // CHECK:   scf.yield %[[NEXT]], %[[CELL]], %[[SET]]
  // CHECK: scf.for
  // CHECK:   arith.subi
  // CHECK: graph.concat {{.*}} along 1 {names = ["y"]}
  // CHECK: graph.concat {{.*}} along 0 {names = ["c"]}
  %y, %h, %c = graph.lstm %x, %w, %r, %lengths, %h0 {activations = ["sigmoid", "tanh", "tanh", "sigmoid", "tanh", "tanh"],
    direction = #graph<direction bidirectional>, hidden_size = 4 : i64, names = ["y", "h", "c"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 1, 1, 0, 0>}
    : (tensor<?x2x3xf32>, tensor<2x16x3xf32>, tensor<2x16x4xf32>, tensor<2xi32>, tensor<2x2x4xf32>)
    -> (tensor<?x2x2x4xf32>, tensor<2x2x4xf32>, tensor<2x2x4xf32>)
  return %y, %c : tensor<?x2x2x4xf32>, tensor<2x2x4xf32>
}
