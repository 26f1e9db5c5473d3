// RUN: cinch-opt %s | cinch-opt | FileCheck %s
// RUN: cinch-opt %s -mlir-print-op-generic | cinch-opt | FileCheck %s
// RUN: cinch-opt %s -emit-bytecode | cinch-opt | FileCheck %s

// CHECK-LABEL: func.func @constants
func.func @constants() {
  // CHECK: graph.constant dense<[1, 2]> : tensor<2xi64>
  %0 = graph.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: graph.constant #graph.weight<"model.onnx", 4096, 24, 7> : tensor<2x3xf32>
  %1 = graph.constant #graph.weight<"model.onnx", 4096, 24, 7> : tensor<2x3xf32>
  // CHECK: graph.constant #graph.weight<"x y.bin", 1, 3, 0> : tensor<5xi4>
  %2 = graph.constant #graph.weight<"x y.bin", 1, 3, 0> : tensor<5xi4>
  return
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<?x4xf32>, %y: tensor<4xf32>, %i: tensor<2xui8>) {
  // CHECK: graph.exp %{{.*}} {names = ["e"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  %0 = graph.exp %x {names = ["e"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: graph.add %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %1 = graph.add %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.compare
  %2 = graph.compare lt %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xi1>
  // CHECK: graph.select %{{.*}} then %{{.*}} else %{{.*}} : tensor<?x4xi1>, tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %3 = graph.select %2 then %x else %y : tensor<?x4xi1>, tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.cast %{{.*}} : tensor<2xui8> -> tensor<2xi4>
  %4 = graph.cast %i : tensor<2xui8> -> tensor<2xi4>
  // CHECK: graph.is_inf %{{.*}} {negative = false} : tensor<4xf32> -> tensor<4xi1>
  %5 = graph.is_inf %y {negative = false} : tensor<4xf32> -> tensor<4xi1>
  // CHECK: graph.pow %{{.*}}, %{{.*}} : tensor<4xf32>, tensor<2x1xui8> -> tensor<2x4xf32>
  %6 = graph.unsqueeze %i insert [1] : tensor<2xui8> -> tensor<2x1xui8>
  %7 = graph.pow %y, %6 : tensor<4xf32>, tensor<2x1xui8> -> tensor<2x4xf32>
  return
}

// CHECK-LABEL: func.func @contractions
func.func @contractions(%a: tensor<8x2x3xf32>, %b: tensor<4x3xf32>, %x: tensor<1x4x9x9xf32>, %f: tensor<6x2x3x3xf32>) {
  // CHECK: graph.matmul %{{.*}} by %{{.*}} transposed : tensor<8x2x3xf32> by tensor<4x3xf32> -> tensor<8x2x4xf32>
  %0 = graph.matmul %a by %b transposed : tensor<8x2x3xf32> by tensor<4x3xf32> -> tensor<8x2x4xf32>
  // CHECK: graph.conv %{{.*}} by %{{.*}} {dilations = array<i64: 1, 1>, group = 2 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>}
  %1 = graph.conv %x by %f {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, group = 2 : i64}
    : tensor<1x4x9x9xf32> by tensor<6x2x3x3xf32> -> tensor<1x6x4x4xf32>
  // CHECK: graph.einsum "bik,jk->bij"(%{{.*}}, %{{.*}}) : (tensor<8x2x3xf32>, tensor<4x3xf32>) -> tensor<8x2x4xf32>
  %2 = graph.einsum "bik,jk->bij"(%a, %b) : (tensor<8x2x3xf32>, tensor<4x3xf32>) -> tensor<8x2x4xf32>
  return
}

// CHECK-LABEL: func.func @movement
func.func @movement(%x: tensor<?x6xf32>, %v: tensor<6xf32>, %i: index) {
  %shape = graph.constant dense<[-1, 2, 3]> : tensor<3xi64>
  %zero = graph.constant dense<0> : tensor<1xi64>
  %two = graph.constant dense<2> : tensor<1xi64>
  // CHECK: graph.reshape %{{.*}} to %{{.*}} : tensor<?x6xf32>, tensor<3xi64> -> tensor<?x2x3xf32>
  %0 = graph.reshape %x to %shape : tensor<?x6xf32>, tensor<3xi64> -> tensor<?x2x3xf32>
  // CHECK: graph.transpose %{{.*}} by [2, 0, 1] : tensor<?x2x3xf32> -> tensor<3x?x2xf32>
  %1 = graph.transpose %0 by [2, 0, 1] : tensor<?x2x3xf32> -> tensor<3x?x2xf32>
  // CHECK: graph.slice %{{.*}} from %{{.*}} to %{{.*}} {axes = array<i64: 1>, steps = array<i64: 1>}
  %2 = graph.slice %x from %zero to %two {axes = array<i64: 1>, steps = array<i64: 1>} : tensor<?x6xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<?x2xf32>
  // CHECK: graph.step_get %{{.*}} at %{{.*}} {axis = 0 : i64} : tensor<?x6xf32> -> tensor<6xf32>
  %3 = graph.step_get %x at %i {axis = 0 : i64} : tensor<?x6xf32> -> tensor<6xf32>
  // CHECK: graph.step_set %{{.*}} into %{{.*}} at %{{.*}} {axis = 0 : i64} : tensor<6xf32> into tensor<?x6xf32>
  %4 = graph.step_set %v into %x at %i {axis = 0 : i64} : tensor<6xf32> into tensor<?x6xf32>
  // CHECK: graph.concat %{{.*}}, %{{.*}} along 0 : tensor<?x6xf32>, tensor<?x6xf32> -> tensor<?x6xf32>
  %5 = graph.concat %x, %4 along 0 : tensor<?x6xf32>, tensor<?x6xf32> -> tensor<?x6xf32>
  %pads = graph.constant dense<[1, 1]> : tensor<2xi64>
  %fill = graph.constant dense<1.0> : tensor<f32>
  // CHECK: graph.pad {{ *}}constant %{{.*}} by %{{.*}} with %{{.*}} {axes = array<i64: 1>} : tensor<?x6xf32>, tensor<2xi64>, tensor<f32> -> tensor<?x8xf32>
  %6 = graph.pad constant %x by %pads with %fill {axes = array<i64: 1>} : tensor<?x6xf32>, tensor<2xi64>, tensor<f32> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: func.func @indexing
func.func @indexing(%x: tensor<4x6xf32>, %i: tensor<2xi64>, %u: tensor<2x6xf32>) {
  // CHECK: graph.gather %{{.*}} at %{{.*}} {axis = 0 : i64} : tensor<4x6xf32>, tensor<2xi64> -> tensor<2x6xf32>
  %0 = graph.gather %x at %i {axis = 0 : i64} : tensor<4x6xf32>, tensor<2xi64> -> tensor<2x6xf32>
  %1 = graph.unsqueeze %i insert [1] : tensor<2xi64> -> tensor<2x1xi64>
  // CHECK: graph.scatter_nd {{ *}}add %{{.*}} into %{{.*}} at %{{.*}} : tensor<2x6xf32> into tensor<4x6xf32>, tensor<2x1xi64> -> tensor<4x6xf32>
  %2 = graph.scatter_nd add %u into %x at %1 : tensor<2x6xf32> into tensor<4x6xf32>, tensor<2x1xi64> -> tensor<4x6xf32>
  return
}

// CHECK-LABEL: func.func @reductions
func.func @reductions(%x: tensor<2x4x?xf32>, %s: tensor<4xf32>, %k: tensor<1xi64>) {
  // CHECK: graph.reduce_mean %{{.*}} over [1, 2] {keep_dims = false} : tensor<2x4x?xf32> -> tensor<2xf32>
  %0 = graph.reduce_mean %x over [1, 2] {keep_dims = false} : tensor<2x4x?xf32> -> tensor<2xf32>
  // CHECK: graph.layer_norm %{{.*}} scale %{{.*}} bias %{{.*}} {axis = 1 : i64, epsilon = {{.*}} : f32} : tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<2x4xf32>
  %1 = graph.reduce_max %x over [2] {keep_dims = false} : tensor<2x4x?xf32> -> tensor<2x4xf32>
  %2 = graph.layer_norm %1 scale %s bias %s {axis = 1 : i64, epsilon = 1.0e-5 : f32} : tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32> -> tensor<2x4xf32>
  // CHECK: graph.top_k %{{.*}} first %{{.*}} {axis = 1 : i64} : tensor<2x4xf32>, tensor<1xi64> -> tensor<2x?xf32>, tensor<2x?xi64>
  %3, %4 = graph.top_k %1 first %k {axis = 1 : i64} : tensor<2x4xf32>, tensor<1xi64> -> tensor<2x?xf32>, tensor<2x?xi64>
  %m = graph.reduce_max %x over [0, 1, 2] {keep_dims = false} : tensor<2x4x?xf32> -> tensor<f32>
  // CHECK: graph.histogram %{{.*}} largest %{{.*}} {bins = 64 : i64} : tensor<2x4x?xf32>, tensor<f32> -> tensor<64xi64>
  %h = graph.histogram %x largest %m {bins = 64 : i64} : tensor<2x4x?xf32>, tensor<f32> -> tensor<64xi64>
  // CHECK: graph.softmax %{{.*}} {axis = 2 : i64} : tensor<2x4x?xf32> -> tensor<2x4x?xf32>
  %5 = graph.softmax %x {axis = 2 : i64} : tensor<2x4x?xf32> -> tensor<2x4x?xf32>
  return
}

// CHECK-LABEL: func.func @quantization
func.func @quantization(%x: tensor<4x8xf32>, %scale: tensor<8xf32>, %zero: tensor<8xui8>, %groups: tensor<4x2xf32>, %codes: tensor<4x2xui2>, %one: tensor<f32>, %bytes: tensor<64x12xui8>) {
  // CHECK: graph.quantize %{{.*}} scale %{{.*}} zero %{{.*}} : tensor<8xui8> {axis = 1 : i64} : tensor<4x8xf32>, tensor<8xf32> -> tensor<4x8xui8>
  %0 = graph.quantize %x scale %scale zero %zero : tensor<8xui8> {axis = 1 : i64} : tensor<4x8xf32>, tensor<8xf32> -> tensor<4x8xui8>
  // CHECK: graph.dequantize %{{.*}} scale %{{.*}} {axis = 1 : i64, group_size = 4 : i64} : tensor<4x8xui8>, tensor<4x2xf32> -> tensor<4x8xf32>
  %1 = graph.dequantize %0 scale %groups {axis = 1 : i64, group_size = 4 : i64} : tensor<4x8xui8>, tensor<4x2xf32> -> tensor<4x8xf32>
  // CHECK: graph.dequantize %{{.*}} scale %{{.*}} {axis = 0 : i64, levels = array<f32: -1.000000e+00, 0.000000e+00, 5.000000e-01, 1.000000e+00>} : tensor<4x2xui2>, tensor<f32> -> tensor<4x2xf32>
  %2 = graph.dequantize %codes scale %one {axis = 0 : i64, levels = array<f32: -1.0, 0.0, 0.5, 1.0>} : tensor<4x2xui2>, tensor<f32> -> tensor<4x2xf32>
  // CHECK: graph.unpack %{{.*}} {bits = 3 : i64, size = 32 : i64} : tensor<64x12xui8> -> tensor<64x32xi8>
  %q = graph.unpack %bytes {bits = 3 : i64, size = 32 : i64} : tensor<64x12xui8> -> tensor<64x32xi8>
  return
}

// CHECK-LABEL: func.func @recurrence
func.func @recurrence(%x: tensor<5x2x3xf32>, %w: tensor<1x4x3xf32>, %r: tensor<1x4x4xf32>, %lengths: tensor<2xi32>) {
  // CHECK: graph.rnn %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {
  // CHECK-SAME: operandSegmentSizes = array<i32: 1, 1, 1, 0, 1, 0>
  %0, %1 = graph.rnn %x, %w, %r, %lengths {activations = ["tanh"], direction = #graph<direction forward>, hidden_size = 4 : i64,
    operandSegmentSizes = array<i32: 1, 1, 1, 0, 1, 0>}
    : (tensor<5x2x3xf32>, tensor<1x4x3xf32>, tensor<1x4x4xf32>, tensor<2xi32>) -> (tensor<5x1x2x4xf32>, tensor<1x2x4xf32>)
  return
}

// CHECK-LABEL: func.func @expectations
func.func @expectations(%s: tensor<2xi64>) {
  // CHECK: graph.expect %{{.*}} is [2, 4] else "it is not [2, 4]" : tensor<2xi64>
  %0 = graph.expect %s is [2, 4] else "it is not [2, 4]" : tensor<2xi64>
  return
}
