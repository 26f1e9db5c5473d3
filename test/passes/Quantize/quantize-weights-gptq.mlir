// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.statistics %build/bin/cinch-opt %s x=1,2 u=1,2
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{method=gptq}))' 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: quantize-weights: expected calibration=FILE with method=gptq, which second moments come from
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{method=gptq report select=:^y calibration=%t.statistics}))' -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(quantize-weights{method=gptq select=:^yn$ calibration=%t.statistics}))' 2>&1 | FileCheck %s --check-prefix=UNSHOWN
// UNSHOWN: quantize-weights: gptq rounded 1 weights to nearest: {{.*}} has no second moments of what they are multiplied by
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{select=:^y$ calibration=%t.statistics},choose-quantization{recipe=w8a16 min-elements=1 select=:^y$},quantize-weights{method=gptq report select=:^y$ calibration=%t.statistics}))' 2>/dev/null | FileCheck %s --check-prefix=SMOOTH

// Rounded to nearest, 0.6 * 1 + 0.6 * 2 = 1.8 is 3. The second input weighs
// more, so it goes first and loses nothing but the scale's rounding; the first
// one makes up for what it can. No sample shows what `n` is multiplied by.
// CHECK-LABEL: func.func @main
// CHECK-SAME: graph.quantize_weights_report = {bytes_after = {{[0-9]+}} : i64, bytes_before = 40 : i64, compensated = 1 : i64, error_ppm = {{[0-9]+}} : i64, output_ppm = {{[0-9]+}} : i64, quantized = 2 : i64, unselected = 1 : i64, unshown = 1 : i64, widened = 0 : i64}
// CHECK: graph.constant dense<{{\[}}[0, 1, 1], [1, 1, 0]]> : tensor<2x3xi2> {names = ["w/q"]}
// CHECK: names = ["n/q"]
// CHECK-NOT: names = ["v/q"]
// The statistics are of x, not of x/smoothed.
// SMOOTH-LABEL: func.func @main
// SMOOTH-SAME: compensated = 1 : i64
// SMOOTH-SAME: unshown = 0 : i64
// SMOOTH-SAME: graph.smoothing_factors = {"x/smoothed" = {factors = dense<{{.*}}> : tensor<2xf64>, value = "x"}}
func.func @main(%x: tensor<4x2xf32> {graph.name = "x"}, %u: tensor<4x2xf32> {graph.name = "u"}, %t: tensor<4x2xf32> {graph.name = "t"}) attributes {graph.quantization_plan = {w = {format = "i2"}, n = {format = "i8"}, v = {format = "i8"}}} {
  %w = graph.constant dense<[[0.6, 0.6, 1.0], [0.6, 1.0, 0.2]]> : tensor<2x3xf32> {names = ["w"]}
  %n = graph.constant dense<1.0> : tensor<2x2xf32> {names = ["n"]}
  %v = graph.constant dense<1.0> : tensor<2x2xf32> {names = ["v"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x3xf32> -> tensor<4x3xf32>
  %yn = graph.matmul %t by %n {names = ["yn"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  %z = graph.matmul %u by %v {names = ["z"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  return
}
