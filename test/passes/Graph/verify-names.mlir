// RUN: cinch-opt %s -verify-names -verify-diagnostics -split-input-file

func.func @accepts(%x: tensor<4xf32> {graph.name = "x"}) -> tensor<4xf32> {
  %y = graph.exp %x {names = ["y"]} : tensor<4xf32> -> tensor<4xf32>
  %c = arith.constant true
  %z = scf.if %c -> tensor<4xf32> {
    %a = graph.neg %y {names = ["a"]} : tensor<4xf32> -> tensor<4xf32>
    scf.yield %a : tensor<4xf32>
  } else {
    scf.yield %y : tensor<4xf32>
  }
  return %z : tensor<4xf32>
}

// -----

func.func @has_no_name(%x: tensor<4xf32> {graph.name = "x"}) {
  // expected-error @below {{'graph.exp' op verify-names: expected 1 names, but got 0}}
  %y = graph.exp %x : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @has_an_empty_name(%x: tensor<4xf32> {graph.name = "x"}) {
  // expected-error @below {{'graph.exp' op verify-names: expected names that are not empty, but got [""]}}
  %y = graph.exp %x {names = [""]} : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @repeats_a_name(%x: tensor<4xf32> {graph.name = "x"}) {
  // expected-note @below {{the other is here}}
  %y = graph.exp %x {names = ["y"]} : tensor<4xf32> -> tensor<4xf32>
  // expected-error @below {{verify-names: two values are named 'y'}}
  %z = graph.neg %y {names = ["y"]} : tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

// expected-note @below {{the other is here}}
func.func @repeats_the_name_of_an_argument(%x: tensor<4xf32> {graph.name = "x"}) {
  // expected-error @below {{verify-names: two values are named 'x'}}
  %y = graph.exp %x {names = ["x"]} : tensor<4xf32> -> tensor<4xf32>
  return
}
