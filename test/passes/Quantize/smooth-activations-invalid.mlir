// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations))' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{alpha=1.5}))' 2>&1 | FileCheck %s --check-prefix=ALPHA
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{weight-bits=3}))' 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{activation-bits=32}))' 2>&1 | FileCheck %s --check-prefix=ACTIVATIONS
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{group-size=-1}))' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.safetensors %build/bin/cinch-opt %s x=1,2
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.safetensors}))' 2>&1 | FileCheck %s --check-prefix=CHANNELS
// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.safetensors %build/bin/cinch-opt %s z=1,2,3
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.safetensors}))' 2>&1 -o %t.mlir | FileCheck %s --check-prefix=NOTHING
// RUN: sed 's/0.25/0.5/' %s > %t.other.mlir
// RUN: not cinch-opt %t.other.mlir -pass-pipeline='builtin.module(func.func(smooth-activations{calibration=%t.safetensors}))' 2>&1 | FileCheck %s --check-prefix=OTHER

// NONE: smooth-activations: expected calibration=FILE, which the largest magnitudes of channels come from
// ALPHA: smooth-activations: expected alpha of 0 to 1, but got 1.50
// WEIGHTS: smooth-activations: expected weight-bits of 2, 4 or 8, but got 3
// ACTIVATIONS: smooth-activations: expected activation-bits of 4, 8 or 16, but got 32
// GROUP: smooth-activations: expected group-size of at least 0, but got -1
// CHANNELS: smooth-activations: 'x' has 3 channels, but 2 in the statistics
// NOTHING: warning: smooth-activations: nothing is smoothed: 1 values are not in the statistics, 0 have weights that others read, 0 have no place to fold factors into, 0 products are not selected
// OTHER: smooth-activations: {{.*}}: is of another model ({{[0-9a-f]*}}, this is {{[0-9a-f]*}}); calibrate again
func.func @main(%x: tensor<4x3xf32> {graph.name = "x"}) -> (tensor<4x3xf32> {graph.name = "y"}) attributes {graph.entry} {
  %w = graph.constant dense<0.25> : tensor<3x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x3xf32> by tensor<3x3xf32> -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}
