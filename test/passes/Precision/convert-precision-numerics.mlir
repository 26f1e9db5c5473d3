// The reference path before and after the pass, on random inputs of seed 7 in
// [-1, 1). Sums have 64 terms of about 0.3; an operand is rounded by 2^-12 of
// itself in f16 and 2^-9 in bf16, a result twice (product and sum), so 2^-10 and
// 2^-7 of the largest output bound them. A softmax on top has results below 1.
// RUN: cinch-compile %s -o %t.so --pipeline=reference --quiet
// RUN: cinch-run %t.so --seed=7 --outputs=%t.npz --quiet
// RUN: cinch-compile %s -o %t16.so --pipeline=reference --precision=f16 --quiet
// RUN: cinch-run %t16.so --seed=7 --expect=%t.npz --rtol=2e-3 --atol=2e-3 --quiet
// RUN: not cinch-run %t16.so --seed=7 --expect=%t.npz --rtol=1e-6 --atol=1e-6 --quiet
// RUN: cinch-compile %s -o %tb.so --pipeline=reference --precision=bf16 --quiet
// RUN: cinch-run %tb.so --seed=7 --expect=%t.npz --rtol=2e-2 --atol=2e-2 --quiet
// The fused kernels agree with the reference path in 16 bits but for the order
// of f32 sums, which may change a rounding.
// RUN: cinch-run %t16.so --seed=7 --outputs=%t16.npz --quiet
// RUN: cinch-compile %s -o %tk.so --precision=f16 --quiet
// RUN: cinch-run %tk.so --seed=7 --expect=%t16.npz --rtol=1e-3 --atol=1e-3 --quiet
func.func @main(%x: tensor<1x5x64xf32> {graph.name = "x"}, %v: tensor<64x64xf32> {graph.name = "v"})
    -> (tensor<1x5x5xf32> {graph.name = "p"}, tensor<1x5x64xf32> {graph.name = "y"}) attributes {graph.entry} {
  %scale = graph.constant dense<0.125> : tensor<f32> {names = ["scale"]}
  %gain = graph.constant dense<1.5> : tensor<64xf32> {names = ["gain"]}
  %w = graph.constant dense<0.03125> : tensor<64x64xf32> {names = ["w"]}
  %h = graph.matmul %x by %v {names = ["h"]} : tensor<1x5x64xf32> by tensor<64x64xf32> -> tensor<1x5x64xf32>
  %g = graph.mul %h, %scale {names = ["g"]} : tensor<1x5x64xf32>, tensor<f32> -> tensor<1x5x64xf32>
  %n = graph.rms_norm %g scale %gain {axis = 2 : i64, epsilon = 1.0e-6 : f32, names = ["n"]} : tensor<1x5x64xf32>, tensor<64xf32> -> tensor<1x5x64xf32>
  %s = graph.matmul %n by %x transposed {names = ["s"]} : tensor<1x5x64xf32> by tensor<1x5x64xf32> -> tensor<1x5x5xf32>
  %t = graph.mul %s, %scale {names = ["t"]} : tensor<1x5x5xf32>, tensor<f32> -> tensor<1x5x5xf32>
  %p = graph.softmax %t {axis = 2 : i64, names = ["p"]} : tensor<1x5x5xf32> -> tensor<1x5x5xf32>
  %z = graph.matmul %p by %n {names = ["z"]} : tensor<1x5x5xf32> by tensor<1x5x64xf32> -> tensor<1x5x64xf32>
  %y = graph.matmul %z by %w {names = ["y"]} : tensor<1x5x64xf32> by tensor<64x64xf32> -> tensor<1x5x64xf32>
  return %p, %y : tensor<1x5x5xf32>, tensor<1x5x64xf32>
}
