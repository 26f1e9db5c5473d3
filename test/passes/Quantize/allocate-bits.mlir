// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.statistics %build/bin/cinch-opt %s x=1,2,3,4
// Bytes of 16 codes and 4 scales: 20, 24 and 32 in 2, 4 and 8 bits.
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{budget-bytes=52 calibration=%t.statistics report write-plan=%t.json}))' -o %t.once
// RUN: FileCheck %s --input-file=%t.once
// RUN: FileCheck %s --input-file=%t.json --check-prefix=JSON
// RUN: cinch-opt %t.once -pass-pipeline='builtin.module(func.func(allocate-bits{budget-bytes=52 calibration=%t.statistics}))' -o %t.twice
// RUN: diff %t.once %t.twice
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{average-bits=13 calibration=%t.statistics}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{budget-bytes=52 uniform calibration=%t.statistics report}))' | FileCheck %s --check-prefix=UNIFORM
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{max-error-ppm=5000 method=gptq calibration=%t.statistics}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{budget-bytes=51 formats=i4,i8 select=:^yb$ loss=absolute calibration=%t.statistics report}))' | FileCheck %s --check-prefix=SELECT

// 2 bits hold the weights of `a` exactly, so `b` gets 8. The plan leaves `c`, and
// no sample shows what multiplies `d`.
// CHECK-LABEL: func.func @main
// CHECK-SAME: graph.quantization_plan = {a = {{{[^}]*}}format = "i2"
// CHECK-SAME: reason = "one of i2, i4, i8, by its loss of 0.00e+00 of the squared outputs"
// CHECK-SAME: b = {{{[^}]*}}format = "i8"
// CHECK-SAME: c = {format = "none"
// CHECK-SAME: d = {{{[^}]*}}format = "i4"
// JSON: "a": {
// JSON: "format": "i2"
// JSON: "b": {
// JSON: "format": "i8"
// UNIFORM-LABEL: func.func @main
// UNIFORM-SAME: graph.allocate_bits_report = {bytes = 48 : i64, changed = 0 : i64, error_bound_ppm = [[ERROR:[0-9]+]] : i64, error_ppm = [[ERROR]] : i64, i2 = 0 : i64, i4 = 2 : i64, i8 = 0 : i64, millibits = 12000 : i64, unplanned = 1 : i64, unselected = 0 : i64, unshown = 1 : i64, weights = 2 : i64}
// UNIFORM-SAME: a = {{{[^}]*}}format = "i4"
// UNIFORM-SAME: b = {{{[^}]*}}format = "i4"
// SELECT-LABEL: func.func @main
// SELECT-SAME: graph.allocate_bits_report = {bytes = 32 : i64, changed = 1 : i64, i4 = 0 : i64, i8 = 1 : i64, millibits = 16000 : i64, unplanned = 0 : i64, unselected = 3 : i64, unshown = 0 : i64, weights = 1 : i64}
// SELECT-SAME: a = {{{[^}]*}}format = "i4"
// SELECT-SAME: b = {{{[^}]*}}format = "i8"
func.func @main(%x: tensor<?x4xf32> {graph.name = "x"}, %u: tensor<?x4xf32> {graph.name = "u"}) attributes {graph.quantization_plan = {a = {format = "i4", granularity = "channel"}, b = {format = "i4", granularity = "channel"}, c = {format = "none"}, d = {format = "i4", granularity = "channel"}}} {
  %a = graph.constant dense<[[1.0, -1.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0], [1.0, 0.0, -1.0, 1.0], [-1.0, 1.0, 1.0, 0.0]]> : tensor<4x4xf32> {names = ["a"]}
  %b = graph.constant dense<[[1.0, 0.31, 0.47, 0.19], [0.33, 1.0, -0.29, 0.71], [0.83, -0.77, 1.0, 0.59], [-0.63, 0.37, 0.21, 1.0]]> : tensor<4x4xf32> {names = ["b"]}
  %c = graph.constant dense<0.5> : tensor<4x4xf32> {names = ["c"]}
  %d = graph.constant dense<0.7> : tensor<4x4xf32> {names = ["d"]}
  %ya = graph.matmul %x by %a {names = ["ya"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  %yb = graph.matmul %x by %b {names = ["yb"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  %yc = graph.matmul %x by %c {names = ["yc"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  %yd = graph.matmul %u by %d {names = ["yd"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  return
}
