// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-weights))' -verify-diagnostics

// expected-error @below {{quantize-weights: 'w' is a weight, which has a signed and symmetric format}}
func.func @unsigned(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "ui8", granularity = "channel"}}} {
  %w = graph.constant dense<1.0> : tensor<2x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

// expected-error @below {{quantize-weights: 'w' is a weight, whose method is minmax or mse, not entropy}}
func.func @method(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8", method = "entropy"}}} {
  %w = graph.constant dense<1.0> : tensor<2x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

// expected-error @below {{quantize-weights: 'w' is a weight, which has static scales per tensor, channel or group}}
func.func @dynamic(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8", dynamic = true}}} {
  %w = graph.constant dense<1.0> : tensor<2x3xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

// expected-error @below {{quantize-weights: 'w' is read along different axes by 'z' and 'y'}}
func.func @axes(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8"}}} {
  %w = graph.constant dense<1.0> : tensor<2x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  %z = graph.matmul %x by %w transposed {names = ["z"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-weights: 'w' has a weight that is not finite}}
func.func @finite(%x: tensor<4x2xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {w = {format = "i8"}}} {
  %w = graph.constant dense<[[1.0, 0x7FC00000], [1.0, 1.0]]> : tensor<2x2xf32> {names = ["w"]}
  %y = graph.matmul %x by %w {names = ["y"]} : tensor<4x2xf32> by tensor<2x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-weights: plan: 'w' has format "i5", which is not known}}
func.func @five_bits() attributes {graph.quantization_plan = {w = {format = "i5"}}} {
  return
}

// -----

// expected-error @below {{quantize-weights: plan: 'w' has scales "bf16", which is not known}}
func.func @scales() attributes {graph.quantization_plan = {w = {format = "i4", scales = "bf16"}}} {
  return
}

// -----

// expected-error @below {{quantize-weights: 'f' is a filter; i3 is packed by rows, which are short in filters}}
func.func @filter(%x: tensor<1x2x8xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {f = {format = "i3"}}} {
  %f = graph.constant dense<0.5> : tensor<4x2x3xf32> {names = ["f"]}
  %a = graph.conv %x by %f {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, names = ["a"]} : tensor<1x2x8xf32> by tensor<4x2x3xf32> -> tensor<1x4x8xf32>
  return
}

// -----

// expected-warning @below {{quantize-weights: the plan has 'layer.weigth', which the function lacks; did you mean 'layer.weight'?}}
func.func @near() attributes {graph.quantization_plan = {"layer.weigth" = {format = "i8"}}} {
  %w = graph.constant dense<1.0> : tensor<2x2xf32> {names = ["layer.weight"]}
  return
}
