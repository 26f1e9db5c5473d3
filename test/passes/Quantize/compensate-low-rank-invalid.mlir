// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-weights{keep-originals},compensate-low-rank{rank=1}))' -verify-diagnostics
// RUN: not cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(compensate-low-rank{rank=-1}))' 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: compensate-low-rank: expected rank of at least 0, but got -1

// expected-error @below {{compensate-low-rank: 'w' has a branch beyond the range of its precision}}
func.func @beyond_f16(%x: tensor<4x4xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8"}}} {
  %w = graph.constant dense<[[1.0e+30, 0.3e+30, 0.2e+30, 0.1e+30], [1.0e+30, 0.3e+30, 0.2e+30, 0.1e+30], [1.0e+30, 0.3e+30, 0.2e+30, 0.1e+30], [1.0e+30, 0.3e+30, 0.2e+30, 0.1e+30]]> : tensor<4x4xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// expected-error @below {{compensate-low-rank: 'w' is dequantized in another way than quantize-weights does}}
func.func @zero_point(%x: tensor<4x4xf32> {graph.name = "x"}) {
  %q = graph.constant dense<3> : tensor<4x4xi8> {graph.original = dense<1.0> : tensor<4x4xf32>, names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %z = graph.constant dense<1> : tensor<i8> {names = ["w/zero"]}
  %w = graph.dequantize %q scale %s zero %z : tensor<i8> {axis = 0 : i64, names = ["w/dq"]} : tensor<4x4xi8>, tensor<f32> -> tensor<4x4xf32>
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return
}
