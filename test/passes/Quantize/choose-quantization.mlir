// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8 min-elements=8 report}))' | FileCheck %s
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a4 granularity=group group-size=3 min-elements=8}))' | FileCheck %s --check-prefix=GROUP
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a4 granularity=group group-size=4 min-elements=8}))' | FileCheck %s --check-prefix=UNEVEN
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a16 group-size=4 min-elements=8 keep-ends weight-method=mse}))' | FileCheck %s --check-prefix=ENDS
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8 min-elements=8 symmetric=false method=entropy}))' | FileCheck %s --check-prefix=AFFINE
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=fp8 min-elements=8}))' | FileCheck %s --check-prefix=FP8
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=mxfp4 group-size=3 min-elements=8}))' | FileCheck %s --check-prefix=MX
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w3a16 group-size=3 min-elements=8}))' | FileCheck %s --check-prefix=W3
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=nf4 weight-scales=f8E8M0FNU group-size=3 min-elements=8}))' | FileCheck %s --check-prefix=NF4

// Twice is once, also behind the passes that obey.
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8-dynamic min-elements=8}))' -o %t.once
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8-dynamic min-elements=8},choose-quantization{recipe=w8a8-dynamic min-elements=8}))' -o %t.twice
// RUN: diff %t.once %t.twice
// RUN: cinch-opt %t.once -pass-pipeline='builtin.module(func.func(quantize-weights,quantize-activations))' -o %t.applied
// RUN: cinch-opt %t.applied -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8-dynamic min-elements=8},quantize-weights,quantize-activations))' -o %t.again
// RUN: diff %t.applied %t.again

// A plan that is written and read is the same; one recipe for a part leaves the
// rest of the plan.
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8-dynamic min-elements=8 write-plan=%t.json}))' -o /dev/null
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.json}))' -o %t.read
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8-dynamic min-elements=8}))' -o %t.direct
// RUN: diff %t.read %t.direct
// RUN: FileCheck %s --check-prefix=JSON --input-file=%t.json
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w8a8-dynamic min-elements=8},choose-quantization{recipe=w4a16 group-size=4 min-elements=8 select=":^c$"}))' | FileCheck %s --check-prefix=MIXED

// CHECK-LABEL: func.func @linear
// CHECK-SAME: graph.choose_quantization_report = {activations = 2 : i64, computed = 1 : i64, depthwise = 0 : i64, ends = 0 : i64, filters = 0 : i64, quantized = 0 : i64, rotations = 0 : i64, shared = 1 : i64, stored = 0 : i64, tables = 0 : i64, tiny = 1 : i64, unselected = 0 : i64, unshown = 0 : i64, weights = 3 : i64, window = 0 : i64}
// CHECK-SAME: "a/sum" = {dynamic = false, format = "i8", granularity = "tensor", method = "minmax", reason = "w8a8: read by 'c'; one scale from samples (minmax)", symmetric = true}
// CHECK-SAME: table = {format = "none", reason = "is also read by 'looked' (graph.gather), so that it would be stored twice"}
// CHECK-SAME: tiny = {format = "none", reason = "has 6 elements, fewer than 8: too little to save"}
// CHECK-SAME: w1 = {dynamic = false, format = "i8", granularity = "channel", method = "minmax", reason = "w8a8: weight of 'a', with one scale for each output", symmetric = true}
// CHECK-SAME: w2 = {dynamic = false, format = "i8"
// CHECK-SAME: w3 = {dynamic = false, format = "i8"
// CHECK-SAME: x = {dynamic = false, format = "i8", granularity = "tensor", method = "minmax", reason = "w8a8: read by 'a', 'b'; one scale from samples (minmax)"

// GROUP-LABEL: func.func @linear
// GROUP-SAME: w1 = {dynamic = false, format = "i4", granularity = "group", group = 3 : i64, method = "minmax", reason = "w4a4: weight of 'a', with one scale for 3 inputs of each output"
// GROUP-SAME: x = {dynamic = true, format = "i4", granularity = "group", group = 3 : i64, method = "minmax", reason = "w4a4: read by 'a', 'b'; one scale for 3 elements of a row, computed from them"

// UNEVEN-LABEL: func.func @linear
// UNEVEN-SAME: "a/sum" = {dynamic = true, format = "i4", granularity = "token", method = "minmax", reason = "w4a4: read by 'c'; one scale for each row, computed from it, as groups of 4 do not divide its 6 elements"
// UNEVEN-SAME: w1 = {dynamic = false, format = "i4", granularity = "group", group = 4 : i64

// ENDS-LABEL: func.func @linear
// ENDS-SAME: w1 = {format = "none", reason = "belongs to the first or the last product, which keep-ends leaves"}
// ENDS-SAME: w2 = {dynamic = {{[a-z]*}}, format = "i4", granularity = "group", group = 4 : i64, method = "mse"
// ENDS-NOT: x =
// ENDS: graph.matmul

// AFFINE-LABEL: func.func @linear
// AFFINE-SAME: w1 = {{{.*}}symmetric = true}
// AFFINE-SAME: x = {dynamic = false, format = "ui8", granularity = "tensor", method = "entropy", {{.*}}symmetric = false}

// FP8-LABEL: func.func @linear
// FP8-SAME: w1 = {dynamic = {{[a-z]*}}, format = "f8E4M3FN", granularity = "channel"
// FP8-SAME: x = {dynamic = {{[a-z]*}}, format = "f8E4M3FN", granularity = "tensor"

// Groups of MX are of 32 elements, more than these have.
// MX-LABEL: func.func @linear
// MX-SAME: w1 = {dynamic = false, format = "f4E2M1FN", granularity = "channel", {{[^}]*}}scales = "f8E8M0FNU"
// MX-SAME: x = {dynamic = true, format = "f4E2M1FN", granularity = "token", {{[^}]*}}scales = "f8E8M0FNU"

// W3-LABEL: func.func @linear
// W3-SAME: w1 = {dynamic = false, format = "i3", granularity = "group", group = 3 : i64, {{[^}]*}}scales = "f16"
// W3-NOT: x = {

// NF4-LABEL: func.func @linear
// NF4-SAME: w1 = {dynamic = false, format = "nf4", granularity = "group", group = 3 : i64, {{[^}]*}}scales = "f8E8M0FNU"
// NF4-NOT: x = {

// JSON: "cinch_quantization_plan": 1
// JSON: "values": {
// JSON: "a/sum": {
// JSON-DAG: "dynamic": true
// JSON-DAG: "granularity": "token"
// JSON-DAG: "format": "i8"

// The input of the product of which only the weight is left is no longer rounded.
// MIXED-LABEL: func.func @linear
// MIXED-NOT: "a/sum"
// MIXED-SAME: w1 = {dynamic = {{[a-z]*}}, format = "i8"
// MIXED-SAME: w3 = {dynamic = {{[a-z]*}}, format = "i4", granularity = "group"
// MIXED-SAME: x = {dynamic = {{[a-z]*}}, format = "i8"
func.func @linear(%x: tensor<?x6xf32> {graph.name = "x"}, %at: tensor<?xi64> {graph.name = "at"}) {
  %w1 = graph.constant dense<0.5> : tensor<6x6xf32> {names = ["w1"]}
  %w2 = graph.constant dense<0.5> : tensor<6x6xf32> {names = ["w2"]}
  %w3 = graph.constant dense<0.5> : tensor<6x4xf32> {names = ["w3"]}
  %tiny = graph.constant dense<0.5> : tensor<6x1xf32> {names = ["tiny"]}
  %table = graph.constant dense<0.5> : tensor<9x6xf32> {names = ["table"]}
  %a = graph.matmul %x by %w1 {names = ["a"]} : tensor<?x6xf32> by tensor<6x6xf32> -> tensor<?x6xf32>
  %b = graph.matmul %x by %w2 transposed {names = ["b"]} : tensor<?x6xf32> by tensor<6x6xf32> -> tensor<?x6xf32>
  %sum = graph.add %a, %b {names = ["a/sum"]} : tensor<?x6xf32>, tensor<?x6xf32> -> tensor<?x6xf32>
  %c = graph.matmul %sum by %w3 {names = ["c"]} : tensor<?x6xf32> by tensor<6x4xf32> -> tensor<?x4xf32>
  %t = graph.matmul %x by %tiny {names = ["t"]} : tensor<?x6xf32> by tensor<6x1xf32> -> tensor<?x1xf32>
  %logits = graph.matmul %x by %table transposed {names = ["logits"]} : tensor<?x6xf32> by tensor<9x6xf32> -> tensor<?x9xf32>
  %looked = graph.gather %table at %at {axis = 0 : i64, names = ["looked"]} : tensor<9x6xf32>, tensor<?xi64> -> tensor<?x6xf32>
  %computed = graph.matmul %x by %looked transposed {names = ["computed"]} : tensor<?x6xf32> by tensor<?x6xf32> -> tensor<?x?xf32>
  return
}
