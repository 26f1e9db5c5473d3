// RUN: cinch-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(rotate-activations))' -o %t.mlir
// RUN: not cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(rotate-activations{select="#x"}))' 2>&1 | FileCheck %s
// CHECK: error: rotate-activations: select: {{.*}}#x

func.func @argument(%x: tensor<3x2xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %w = graph.constant dense<2.0> : tensor<2x2xf32> {names = ["w"]}
  // expected-remark @below {{rotate-activations: 'x' is not rotated: 'x' is an input of the model}}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

func.func @odd(%i: tensor<3xi64> {graph.name = "i"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %t = graph.constant dense<2.0> : tensor<4x3xf32> {names = ["t"]}
  %w = graph.constant dense<2.0> : tensor<3x2xf32> {names = ["w"]}
  %x = graph.gather %t at %i {axis = 0 : i64, names = ["x"]} : tensor<4x3xf32>, tensor<3xi64> -> tensor<3x3xf32>
  // expected-remark @below {{rotate-activations: 'x' is not rotated: an odd number of channels has no Hadamard matrix}}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<3x3xf32> by tensor<3x2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

func.func @gain(%i: tensor<3xi64> {graph.name = "i"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %t = graph.constant dense<2.0> : tensor<4x4xf32> {names = ["t"]}
  %g = graph.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> {names = ["g"]}
  %w = graph.constant dense<2.0> : tensor<4x2xf32> {names = ["w"]}
  %e = graph.gather %t at %i {axis = 0 : i64, names = ["e"]} : tensor<4x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  // expected-note @below {{here}}
  %x = graph.rms_norm %e scale %g {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["x"]} : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  // expected-remark @below {{rotate-activations: 'x' is not rotated: the gain of graph.rms_norm 'x' differs between channels (fold-normalization folds what only products read)}}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<3x4xf32> by tensor<4x2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

func.func @mean(%i: tensor<3xi64> {graph.name = "i"}) -> (tensor<3x2xf32> {graph.name = "y"}, tensor<3x4xf32> {graph.name = "z"}) attributes {graph.entry} {
  %t = graph.constant dense<2.0> : tensor<4x4xf32> {names = ["t"]}
  %g = graph.constant dense<1.0> : tensor<4xf32> {names = ["g"]}
  %w = graph.constant dense<2.0> : tensor<4x2xf32> {names = ["w"]}
  %x = graph.gather %t at %i {axis = 0 : i64, names = ["x"]} : tensor<4x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  // expected-note @below {{here}}
  %z = graph.layer_norm %x scale %g {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["z"]} : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  // expected-remark @below {{rotate-activations: 'x' is not rotated: 'x' is read by graph.layer_norm 'z', which subtracts the mean of the channels (fold-normalization can make it an rms_norm)}}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<3x4xf32> by tensor<4x2xf32> -> tensor<3x2xf32>
  return %y, %z : tensor<3x2xf32>, tensor<3x4xf32>
}

// -----

func.func @nonlinear(%x: tensor<3x4xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %w = graph.constant dense<2.0> : tensor<4x2xf32> {names = ["w"]}
  // expected-note @below {{here}}
  %g = graph.tanh %x {names = ["g"]} : tensor<3x4xf32> -> tensor<3x4xf32>
  // expected-remark @below {{rotate-activations: 'g' is not rotated: it is made by graph.tanh 'g', which is not linear in channels}}
  %y = graph.matmul %g by %w {names = ["y"]} : tensor<3x4xf32> by tensor<4x2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
