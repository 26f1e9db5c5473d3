// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(stream-rows{min-bytes=-1}))' 2>&1 | FileCheck %s --check-prefix=BYTES
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(stream-rows{max-extra-percent=-2}))' 2>&1 | FileCheck %s --check-prefix=EXTRA

// BYTES: stream-rows: expected min-bytes >= 0, but got -1
// EXTRA: stream-rows: expected max-extra-percent >= 0, but got -2
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
