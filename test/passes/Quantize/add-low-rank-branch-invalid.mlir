// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{rank=1}))' -verify-diagnostics
// RUN: not cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{rank=0}))' 2>&1 | FileCheck %s --check-prefix=RANK
// RUN: not cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(add-low-rank-branch{max-rounds=-1}))' 2>&1 | FileCheck %s --check-prefix=ROUNDS
// RANK: add-low-rank-branch: expected rank above 0, but got 0
// ROUNDS: add-low-rank-branch: expected max-rounds above 0, but got -1

// expected-error @below {{add-low-rank-branch: 'w' has a weight that is not finite}}
func.func @infinite(%x: tensor<4x4xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i4"}}} {
  %w = graph.constant dense<0x7F800000> : tensor<4x4xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// expected-error @below {{add-low-rank-branch: 'w' has a branch beyond the range of its precision}}
func.func @beyond_f16(%x: tensor<4x4xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i4"}}} {
  %w = graph.constant dense<1.0e+20> : tensor<4x4xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return
}

// -----

// expected-warning @below {{add-low-rank-branch: there is no branch: 1 weights are not in the plan, 0 are small, 0 are shared, 0 gain nothing, 0 products are not selected}}
func.func @no_plan(%x: tensor<4x4xf32> {graph.name = "x"}) {
  %w = graph.constant dense<1.0> : tensor<4x4xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x4xf32> by tensor<4x4xf32> -> tensor<4x4xf32>
  return
}
