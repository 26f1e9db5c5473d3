// RUN: cinch-opt %s -expand-recurrent -verify-diagnostics

func.func @refuses_an_activation(%x: tensor<5x2x3xf32>, %w: tensor<1x4x3xf32>, %r: tensor<1x4x4xf32>) {
  // expected-error @below {{'graph.rnn' op expand-recurrent: activation 'elu' is not supported}}
  %y, %h = graph.rnn %x, %w, %r {activations = ["elu"], direction = #graph<direction forward>, hidden_size = 4 : i64, names = ["y", "h"],
    operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}
    : (tensor<5x2x3xf32>, tensor<1x4x3xf32>, tensor<1x4x4xf32>) -> (tensor<5x1x2x4xf32>, tensor<1x2x4xf32>)
  return
}
