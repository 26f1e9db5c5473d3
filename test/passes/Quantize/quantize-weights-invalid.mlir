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

// expected-error @below {{quantize-weights: plan: 'w' has format "i3", which is not known; 3 bits have no packed format yet}}
func.func @three_bits() attributes {graph.quantization_plan = {w = {format = "i3"}}} {
  return
}

// -----

// expected-warning @below {{quantize-weights: the plan has 'layer.weigth', which the function lacks; did you mean 'layer.weight'?}}
func.func @near() attributes {graph.quantization_plan = {"layer.weigth" = {format = "i8"}}} {
  %w = graph.constant dense<1.0> : tensor<2x2xf32> {names = ["layer.weight"]}
  return
}
