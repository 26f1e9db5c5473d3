// RUN: cinch-opt %s -split-input-file -verify-diagnostics -pass-pipeline='builtin.module(func.func(fold-normalization))' -o %t.mlir
// RUN: not cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(fold-normalization{select="#x"}))' 2>&1 | FileCheck %s
// CHECK: error: fold-normalization: select: {{.*}}#x

func.func @argument(%x: tensor<3x2xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %gain = graph.constant dense<2.0> : tensor<2xf32> {names = ["gain"]}
  // expected-remark @below {{fold-normalization: 'y' keeps its mean: 'x' is an input of the model}}
  %y = graph.layer_norm %x scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["y"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// A sum behind a norm has its gain in it.
func.func @post_norm(%x: tensor<3x2xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %gain = graph.constant dense<[2.0, 3.0]> : tensor<2xf32> {names = ["gain"]}
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32> {names = ["w"]}
  %h = graph.matmul %x by %w {names = ["h"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  // expected-note @below {{here}}
  %n = graph.layer_norm %h scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["n"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  %m = graph.matmul %n by %w {names = ["m"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  %r = graph.add %n, %m {names = ["r"]} : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  // expected-remark @below {{fold-normalization: 'y' keeps its mean: it is made by graph.rms_norm 'n', which is not linear in channels}}
  %y = graph.layer_norm %r scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["y"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----

// A product sees the mean that a norm would not.
func.func @other_reader(%x: tensor<3x2xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "y"}, tensor<3x2xf32> {graph.name = "z"}) attributes {graph.entry} {
  %gain = graph.constant dense<[2.0, 3.0]> : tensor<2xf32> {names = ["gain"]}
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32> {names = ["w"]}
  %h = graph.matmul %x by %w {names = ["h"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  // expected-remark @below {{fold-normalization: 'y' keeps its mean: 'h' is read by graph.matmul 'z', not by a norm}}
  %y = graph.layer_norm %h scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["y"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  // expected-note @below {{here}}
  %z = graph.matmul %h by %w {names = ["z"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  return %y, %z : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

func.func @output(%x: tensor<3x2xf32> {graph.name = "x"}) -> (tensor<3x2xf32> {graph.name = "h"}, tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %gain = graph.constant dense<[2.0, 3.0]> : tensor<2xf32> {names = ["gain"]}
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32> {names = ["w"]}
  // expected-note @below {{here}}
  %h = graph.matmul %x by %w {names = ["h"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  // expected-remark @below {{fold-normalization: 'y' keeps its mean: 'h' is an output of the model}}
  %y = graph.layer_norm %h scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["y"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  return %h, %y : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// What is added is not known before.
func.func @unknown_sum(%x: tensor<3x2xf32> {graph.name = "x"}, %b: tensor<3x1xf32> {graph.name = "b"}) -> (tensor<3x2xf32> {graph.name = "y"}) attributes {graph.entry} {
  %gain = graph.constant dense<[2.0, 3.0]> : tensor<2xf32> {names = ["gain"]}
  %w = graph.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32> {names = ["w"]}
  %h = graph.matmul %x by %w {names = ["h"]} : tensor<3x2xf32> by tensor<2x2xf32> -> tensor<3x2xf32>
  // expected-note @below {{here}}
  %s = graph.add %h, %b {names = ["s"]} : tensor<3x2xf32>, tensor<3x1xf32> -> tensor<3x2xf32>
  // expected-remark @below {{fold-normalization: 'y' keeps its mean: 'b', which is added to all channels by graph.add 's', is no constant}}
  %y = graph.layer_norm %s scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["y"]} : tensor<3x2xf32>, tensor<2xf32> -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
