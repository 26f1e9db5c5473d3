// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{select="matmul:^b;con;#3;:layer/outputs" min-elements=1}))' -verify-diagnostics -o /dev/null
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{group-size=0}))' 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{table-bits=6}))' 2>&1 | FileCheck %s --check-prefix=TABLE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{granularity=token}))' 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w4a16 symmetric=false}))' 2>&1 | FileCheck %s --check-prefix=AFFINE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{recipe=w5a5}))' 2>&1 | FileCheck %s --check-prefix=RECIPE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{select="#b"}))' 2>&1 | FileCheck %s --check-prefix=SELECT
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{calibration=%s}))' 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.none}))' 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: echo '{"cinch_quantization_plan": 1, "values": {"w": {"format": "i5"}}}' > %t.five
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.five}))' 2>&1 | FileCheck %s --check-prefix=FIVE
// RUN: echo '{"cinch_quantization_plan": 1, "values": {"w": {"format": "i8", "bits": 8}}}' > %t.member
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.member}))' 2>&1 | FileCheck %s --check-prefix=MEMBER
// RUN: echo '{"cinch_quantization_plan": 1, "values": {"w": {"format": "i4", "granularity": "group"}}}' > %t.size
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.size}))' 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: echo '{"values": {}}' > %t.version
// RUN: not cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.version}))' 2>&1 | FileCheck %s --check-prefix=VERSION
// RUN: echo '{"cinch_quantization_plan": 1, "values": {"layer/outpt": {"format": "i8"}}}' > %t.near
// RUN: cinch-opt %s -pass-pipeline='builtin.module(func.func(choose-quantization{read-plan=%t.near}))' 2>&1 -o /dev/null | FileCheck %s --check-prefix=NEAR

// GROUP: choose-quantization: expected group-size > 0, but got 0
// TABLE: choose-quantization: expected table-bits of 4 or 8, or 0, but got 6
// TOKEN: choose-quantization: recipe w8a8 has one static scale for each activation; granularity token and group need dynamic ones
// AFFINE: choose-quantization: recipe w4a16 has no static integers; symmetric=false is for these
// RECIPE: w5a5
// SELECT: choose-quantization: select: '#b': expected #layer or #first..last
// FILE: choose-quantization: {{.*}}choose-quantization-invalid.mlir: expected a .safetensors file, but the header is not all there
// MISSING: choose-quantization: {{.*}}.none: No such file or directory
// FIVE: choose-quantization: {{.*}}.five: 'w' has format "i5", which is not known
// MEMBER: choose-quantization: {{.*}}.member: 'w' has bits 8, which is not known
// SIZE: choose-quantization: {{.*}}.size: 'w' has no size of its groups
// VERSION: choose-quantization: {{.*}}.version: expected a quantization plan with cinch_quantization_plan 1 and values
// NEAR: warning: choose-quantization: the plan has 'layer/outpt', which the function lacks; did you mean 'layer/output'?

// expected-warning @below {{choose-quantization: select: 'matmul:^b' matches nothing}}
// expected-warning @below {{choose-quantization: select: 'con' matches nothing; did you mean 'conv'?}}
// expected-warning @below {{choose-quantization: select: '#3' matches nothing; there are 2 products}}
// expected-warning @below {{choose-quantization: select: ':layer/outputs' matches nothing; did you mean 'layer/output'?}}
// expected-warning @below {{choose-quantization: no product is quantized: 0 have no constant operand, 2 are not selected, 0 are left for the reasons in the plan}}
func.func @unmatched(%x: tensor<2x4xf32> {graph.name = "x"}, %i: tensor<1x2x8xf32> {graph.name = "i"}) {
  %w = graph.constant dense<0.5> : tensor<4x4xf32> {names = ["w"]}
  %f = graph.constant dense<0.5> : tensor<2x2x3xf32> {names = ["f"]}
  %y = graph.matmul %x by %w {names = ["layer/output"]} : tensor<2x4xf32> by tensor<4x4xf32> -> tensor<2x4xf32>
  %z = graph.conv %i by %f {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["z"]} : tensor<1x2x8xf32> by tensor<2x2x3xf32> -> tensor<1x2x8xf32>
  return
}
