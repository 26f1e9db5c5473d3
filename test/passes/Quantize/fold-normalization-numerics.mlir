// The same numbers but for the rounding of f32 weights: the reference before and
// behind the pass, ids 0 to 3 and norms with outliers in the gain.
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(fold-normalization))' -o %t.folded.mlir
// RUN: FileCheck %s --input-file=%t.folded.mlir
// RUN: cinch-compile %s -o %t.so --pipeline=reference --quiet
// RUN: cinch-run %t.so --seed=3 --outputs=%t.npz --quiet
// RUN: cinch-compile %t.folded.mlir -o %t.folded.so --pipeline=reference --quiet
// RUN: cinch-run %t.folded.so --seed=3 --expect=%t.npz --rtol=1e-5 --atol=1e-5 --quiet
// CHECK-NOT: graph.layer_norm
// CHECK-COUNT-2: graph.rms_norm
func.func @main(%x: tensor<5x4xf32> {graph.name = "x"}) -> (tensor<5x3xf32> {graph.name = "y"}) attributes {graph.entry} {
  %in = graph.constant dense<[[0.5, -1.0, 2.0, 0.25], [1.5, 0.75, -0.5, 1.0], [-2.0, 0.5, 0.125, 1.0], [1.0, -3.0, 0.5, 0.25]]> : tensor<4x4xf32> {names = ["in"]}
  %bin = graph.constant dense<[0.5, -4.0, 0.25, 1.0]> : tensor<4xf32> {names = ["bin"]}
  %gain = graph.constant dense<[0.5, 8.0, 0.25, 1.0]> : tensor<4xf32> {names = ["gain"]}
  %bias = graph.constant dense<[0.1, -0.2, 0.3, 4.0]> : tensor<4xf32> {names = ["bias"]}
  %up = graph.constant dense<[[0.5, -1.0], [1.5, 0.75], [-2.0, 0.5], [1.0, -3.0]]> : tensor<4x2xf32> {names = ["up"]}
  %down = graph.constant dense<[[0.5, -1.0, 2.0, 0.25], [1.5, 0.75, -0.5, 1.0]]> : tensor<2x4xf32> {names = ["down"]}
  %head = graph.constant dense<[[0.5, -1.0, 2.0], [1.5, 0.75, -0.5], [-2.0, 0.5, 0.125], [1.0, -3.0, 0.5]]> : tensor<4x3xf32> {names = ["head"]}
  %e = graph.matmul %x by %in {names = ["e"]} : tensor<5x4xf32> by tensor<4x4xf32> -> tensor<5x4xf32>
  %s = graph.add %bin, %e {names = ["s"]} : tensor<4xf32>, tensor<5x4xf32> -> tensor<5x4xf32>
  %n = graph.layer_norm %s scale %gain bias %bias {axis = 1 : i64, epsilon = 1.0e-3 : f32, names = ["n"]} : tensor<5x4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<5x4xf32>
  %u = graph.matmul %n by %up {names = ["u"]} : tensor<5x4xf32> by tensor<4x2xf32> -> tensor<5x2xf32>
  %t = graph.tanh %u {names = ["t"]} : tensor<5x2xf32> -> tensor<5x2xf32>
  %d = graph.matmul %t by %down {names = ["d"]} : tensor<5x2xf32> by tensor<2x4xf32> -> tensor<5x4xf32>
  %r = graph.sub %s, %d {names = ["r"]} : tensor<5x4xf32>, tensor<5x4xf32> -> tensor<5x4xf32>
  %f = graph.layer_norm %r scale %gain bias %bias {axis = 1 : i64, epsilon = 1.0e-3 : f32, names = ["f"]} : tensor<5x4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<5x4xf32>
  %y = graph.matmul %f by %head {names = ["y"]} : tensor<5x4xf32> by tensor<4x3xf32> -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}
