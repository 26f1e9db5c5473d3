// RUN: %python %cinch_src/test/e2e/statistics_file.py %t.statistics %build/bin/cinch-opt %s x=1,2,3,4
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{average-bits=4}))' 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics}))' 2>&1 | FileCheck %s --check-prefix=BOUND
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics average-bits=4 budget-bytes=9}))' 2>&1 | FileCheck %s --check-prefix=BOUND
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics average-bits=4 formats=i4,ui4}))' 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics max-error-ppm=4 loss=absolute}))' 2>&1 | FileCheck %s --check-prefix=LOSS
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics budget-bytes=19}))' 2>&1 | FileCheck %s --check-prefix=BUDGET
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics max-error-ppm=1}))' 2>&1 | FileCheck %s --check-prefix=ERROR
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(allocate-bits{calibration=%t.statistics average-bits=4 select=conv}))' 2>&1 | FileCheck %s --check-prefix=NOTHING
// FILE: allocate-bits: expected calibration=FILE, which second moments come from
// BOUND: allocate-bits: expected one of budget-bytes, average-bits and max-error-ppm above 0
// FORMAT: allocate-bits: expected formats of weights, such as i4, but got 'ui4'
// LOSS: allocate-bits: expected loss=relative with max-error-ppm
// BUDGET: allocate-bits: the weights take 20 bytes at least, but the budget is 19
// ERROR: allocate-bits: expected an error of at most 1 millionths, but the formats reach {{[1-9][0-9]*}}
// NOTHING: allocate-bits: there is nothing to choose: 0 weights are not in the plan, 0 have no second moment of their input, 1 are not selected
func.func @main(%x: tensor<?x4xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {b = {format = "i4", granularity = "channel"}}} {
  %b = graph.constant dense<[[1.0, 0.31, 0.47, 0.19], [0.33, 1.0, -0.29, 0.71], [0.83, -0.77, 1.0, 0.59], [-0.63, 0.37, 0.21, 1.0]]> : tensor<4x4xf32> {names = ["b"]}
  %yb = graph.matmul %x by %b {names = ["yb"]} : tensor<?x4xf32> by tensor<4x4xf32> -> tensor<?x4xf32>
  return
}
