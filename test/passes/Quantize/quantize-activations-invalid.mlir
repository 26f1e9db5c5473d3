// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-activations))' -verify-diagnostics
// RUN: not cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(quantize-activations{percentile=50}))' 2>&1 | FileCheck %s --check-prefix=PERCENT

// PERCENT: quantize-activations: expected percentile above 50 to 100, but got 50.00
// expected-error @below {{quantize-activations: 'x' needs calibration=FILE, which its static scale comes from}}
func.func @uncalibrated(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has rows of 6 elements, which groups of 4 do not divide}}
func.func @groups(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8", granularity = "group", group = 4 : i64, dynamic = true}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has static scales, which are one for the tensor or one for each channel}}
func.func @static_token(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8", granularity = "token"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has dynamic scales, which are signed and symmetric}}
func.func @dynamic_affine(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8", symmetric = false, dynamic = true}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has a scale for each channel, but is not stored, or the number of its channels is not known}}
func.func @channel(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8", granularity = "channel"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// A smoothed value has extremes only.
// expected-error @below {{quantize-activations: 'x/smoothed' was smoothed, and only its extremes are known; calibrate the smoothed model, or use minmax instead of mse}}
func.func @smoothed(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.smoothed = {"x/smoothed" = [-1.0 : f64, 1.0 : f64]}, graph.quantization_plan = {"x/smoothed" = {format = "i8", method = "mse"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %n = graph.neg %x {names = ["x/smoothed"]} : tensor<4x6xf32> -> tensor<4x6xf32>
  %a = graph.matmul %n by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'n' is no result of softmax, whose numbers log2 is for}}
func.func @logarithms(%x: tensor<4x6xf32> {graph.name = "x"}, %y: tensor<6x2xf32> {graph.name = "y"}) attributes {graph.quantization_plan = {n = {format = "log2"}}} {
  %n = graph.neg %x {names = ["n"]} : tensor<4x6xf32> -> tensor<4x6xf32>
  %a = graph.matmul %n by %y {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has a format of floats, which is symmetric}}
func.func @float_affine(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "f8E5M2", symmetric = false}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has an unsigned format, which is not symmetric}}
func.func @unsigned(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "ui8"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' is an activation, and nf4 is for weights}}
func.func @levels(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "nf4"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has a static scale, which is f32}}
func.func @static_power(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8", scales = "f8E8M0FNU"}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}

// -----

// expected-error @below {{quantize-activations: 'x' has scales that are computed, which f16 may have no numbers for}}
func.func @half(%x: tensor<4x6xf32> {graph.name = "x"}) attributes {graph.quantization_plan = {x = {format = "i8", granularity = "token", scales = "f16", dynamic = true}}} {
  %q = graph.constant dense<1> : tensor<6x2xi8> {names = ["w/q"]}
  %s = graph.constant dense<1.0> : tensor<f32> {names = ["w/scale"]}
  %d = graph.dequantize %q scale %s {axis = 0 : i64, names = ["w/dq"]} : tensor<6x2xi8>, tensor<f32> -> tensor<6x2xf32>
  %a = graph.matmul %x by %d {names = ["a"]} : tensor<4x6xf32> by tensor<6x2xf32> -> tensor<4x2xf32>
  return
}
