// A table whose rows are looked up has 8 bits and a scale for each row, or 4
// in groups along the row beside weights in few bits alone; one that something else reads
// stays, and so does a small one.
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a16 min-elements=4 report},quantize-weights))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a16 min-elements=4 group-size=1}))' | FileCheck %s --check-prefix=FOUR
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w3a16 table-bits=8 min-elements=4}))' | FileCheck %s --check-prefix=EIGHT
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=mxfp4 min-elements=4}))' | FileCheck %s --check-prefix=POWERS
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a16 min-elements=4 select=matmul}))' | FileCheck %s --check-prefix=SELECT

// CHECK-LABEL: @main
// CHECK-SAME: tables = 1
// CHECK-SAME: plain = {dynamic = false, format = "i8", granularity = "channel"
// CHECK-SAME: reason = "w8a16: table of 'a', with one scale for each row"
// CHECK-NOT: read =
// CHECK: %[[Q:.*]] = graph.constant dense<{{\[}}[127, 64], [-127, 0]]> : tensor<2x2xi8> {names = ["plain/q"]}
// CHECK: %[[S:.*]] = graph.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> {names = ["plain/scale"]}
// CHECK: %[[D:.*]] = graph.dequantize %[[Q]] scale %[[S]] {axis = 0 : i64, names = ["plain/dq"]} : tensor<2x2xi8>, tensor<2xf32> -> tensor<2x2xf32>
// CHECK: graph.gather %[[D]]
// FOUR: plain = {dynamic = false, format = "i4", granularity = "group", group = 1 : i64, {{[^}]*}}reason = "w4a16: table of 'a', with one scale for 1 elements of a row", scales = "f16"
// EIGHT: plain = {dynamic = false, format = "i8", granularity = "channel", {{[^}]*}}scales = "f16"
// Rows of no more than 32 elements have one scale.
// POWERS: plain = {dynamic = false, format = "f8E4M3FN", granularity = "channel", {{[^}]*}}scales = "f8E8M0FNU"
// SELECT-NOT: table of
func.func @main(%i: tensor<5xi64>) -> (tensor<5x2xf32>, tensor<5x2xf32>, tensor<2x2xf32>, tensor<5x1xf32>) {
  %plain = graph.constant dense<[[127.0, 64.0], [-254.0, 0.0]]> : tensor<2x2xf32> {names = ["plain"]}
  %read = graph.constant dense<2.0> : tensor<2x2xf32> {names = ["read"]}
  %small = graph.constant dense<2.0> : tensor<2x1xf32> {names = ["small"]}
  %a = graph.gather %plain at %i {axis = 0 : i64, names = ["a"]} : tensor<2x2xf32>, tensor<5xi64> -> tensor<5x2xf32>
  %b = graph.gather %read at %i {axis = 0 : i64, names = ["b"]} : tensor<2x2xf32>, tensor<5xi64> -> tensor<5x2xf32>
  %c = graph.neg %read {names = ["c"]} : tensor<2x2xf32> -> tensor<2x2xf32>
  %d = graph.gather %small at %i {axis = 0 : i64, names = ["d"]} : tensor<2x1xf32>, tensor<5xi64> -> tensor<5x1xf32>
  return %a, %b, %c, %d : tensor<5x2xf32>, tensor<5x2xf32>, tensor<2x2xf32>, tensor<5x1xf32>
}
