// RUN: cinch-opt %s -verify-diagnostics -split-input-file
// #graph.weight C1
func.func @f() {
  // expected-error @below {{expected a weight of static shape, but got 'tensor<?xf32>'}}
  %r0 = graph.constant #graph.weight<"w", 0, 8, 0> : tensor<?xf32>
  return
}

// -----

// #graph.weight C2
func.func @f() {
  // expected-error @below {{expected the bytes of 'tensor<3xf32>' as length of a weight, but got 8}}
  %r0 = graph.constant #graph.weight<"w", 0, 8, 0> : tensor<3xf32>
  return
}

// -----

// graph.add C1
func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  // expected-error @below {{'graph.add' op expected operands that broadcast, but got [2, 3], [2, 4]}}
  %r0 = graph.add %a, %b : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<2x3xf32>
  return
}

// -----

// the result is compared with what the operands give
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.neg' op expected result #0 of type 'tensor<2x3xf32>', but got 'tensor<2x4xf32>'}}
  %r0 = graph.neg %a : tensor<2x3xf32> -> tensor<2x4xf32>
  return
}

// -----

// graph.compare C2
func.func @f(%a: tensor<2xf32>, %b: tensor<2xi64>) {
  // expected-error @below {{'graph.compare' op expected operands of one element type, but got 'f32' and 'i64'}}
  %r0 = graph.compare eq %a, %b : tensor<2xf32>, tensor<2xi64> -> tensor<2xi1>
  return
}

// -----

// graph.select C2
func.func @f(%p: tensor<i1>, %a: tensor<2xf32>, %b: tensor<2xi64>) {
  // expected-error @below {{'graph.select' op expected one element type, but got 'f32' and 'i64' to 'f32'}}
  %r0 = graph.select %p then %a else %b : tensor<i1>, tensor<2xf32>, tensor<2xi64> -> tensor<2xf32>
  return
}

// -----

// graph.matmul C1
func.func @f(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @below {{'graph.matmul' op expected inner dimensions that agree, but got [2, 3] and [4, 5]}}
  %r0 = graph.matmul %a by %b : tensor<2x3xf32> by tensor<4x5xf32> -> tensor<2x5xf32>
  return
}

// -----

// graph.matmul C2
func.func @f(%a: tensor<2x2x3xf32>, %b: tensor<3x3x5xf32>) {
  // expected-error @below {{'graph.matmul' op expected batch dimensions that broadcast, but got [2, 2, 3] and [3, 3, 5]}}
  %r0 = graph.matmul %a by %b : tensor<2x2x3xf32> by tensor<3x3x5xf32> -> tensor<2x2x5xf32>
  return
}

// -----

// graph.matmul C3
func.func @f(%a: tensor<3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @below {{'graph.matmul' op expected operands of at least one axis, two if transposed, but got [3] and [3, 5]}}
  %r0 = graph.matmul %a transposed by %b : tensor<3xf32> by tensor<3x5xf32> -> tensor<5xf32>
  return
}

// -----

// graph.conv C1
func.func @f(%a: tensor<1x2x5xf32>, %f: tensor<4x2x3xf32>) {
  // expected-error @below {{'graph.conv' op expected 2 pads, but got [0]}}
  %r0 = graph.conv %a by %f {strides = array<i64: 1>, pads = array<i64: 0>, dilations = array<i64: 1>} : tensor<1x2x5xf32> by tensor<4x2x3xf32> -> tensor<1x4x3xf32>
  return
}

// -----

// graph.conv C2
func.func @f(%a: tensor<1x3x5xf32>, %f: tensor<4x2x3xf32>) {
  // expected-error @below {{'graph.conv' op expected channels that agree in 1 groups, but got [1, 3, 5] and [4, 2, 3]}}
  %r0 = graph.conv %a by %f {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x3x5xf32> by tensor<4x2x3xf32> -> tensor<1x4x3xf32>
  return
}

// -----

// graph.conv C3
func.func @f(%a: tensor<1x2x5xf32>, %f: tensor<4x2x3xf32>) {
  // expected-error @below {{'graph.conv' op expected strides of at least 1, but got [0]}}
  %r0 = graph.conv %a by %f {strides = array<i64: 0>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x2x5xf32> by tensor<4x2x3xf32> -> tensor<1x4x3xf32>
  return
}

// -----

// a kernel that does not fit
func.func @f(%a: tensor<1x2x2xf32>, %f: tensor<4x2x3xf32>) {
  // expected-error @below {{'graph.conv' op expected a kernel that fits the padded input, but got [1, 2, 2] and [4, 2, 3]}}
  %r0 = graph.conv %a by %f {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x2x2xf32> by tensor<4x2x3xf32> -> tensor<1x4x0xf32>
  return
}

// -----

// graph.einsum C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.einsum' op expected one letter per axis, but got 'ijk' for [2, 3]}}
  %r0 = graph.einsum "ijk->ij"(%a) : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

// graph.einsum C2
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.einsum' op expected one dimension for 'i' of 'ii->i', but got 2 and 3}}
  %r0 = graph.einsum "ii->i"(%a) : (tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

// graph.shape C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.shape' op expected 0 <= start <= end <= 2, but got 1 and 3}}
  %r0 = graph.shape %a from 1 to 3 : tensor<2x3xf32> -> tensor<2xi64>
  return
}

// -----

// graph.reshape C1
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[4, 2]> : tensor<2xi64>
  // expected-error @below {{'graph.reshape' op expected a shape of as many elements as [2, 3], but got [4, 2]}}
  %r0 = graph.reshape %a to %list : tensor<2x3xf32>, tensor<2xi64> -> tensor<4x2xf32>
  return
}

// -----

// graph.reshape C2
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[-1, -1]> : tensor<2xi64>
  // expected-error @below {{'graph.reshape' op expected at most one -1, but got [-1, -1]}}
  %r0 = graph.reshape %a to %list : tensor<2x3xf32>, tensor<2xi64> -> tensor<?x?xf32>
  return
}

// -----

// graph.squeeze C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.squeeze' op expected axes of dimension 1, but got [1] of [2, 3]}}
  %r0 = graph.squeeze %a drop [1] : tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

// graph.unsqueeze C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.unsqueeze' op expected sorted, distinct axes from 0 to 3, but got [1, 1]}}
  %r0 = graph.unsqueeze %a insert [1, 1] : tensor<2x3xf32> -> tensor<2x1x1x3xf32>
  return
}

// -----

// graph.flatten C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.flatten' op expected an axis from 0 to 2 of shape [2, 3], but got 3}}
  %r0 = graph.flatten %a at 3 : tensor<2x3xf32> -> tensor<6x1xf32>
  return
}

// -----

// graph.transpose C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.transpose' op expected a permutation of the axes of [2, 3], but got [0, 0]}}
  %r0 = graph.transpose %a by [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

// graph.broadcast C1
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[2, 4]> : tensor<2xi64>
  // expected-error @below {{'graph.broadcast' op expected shapes that broadcast, but got [2, 3] and [2, 4]}}
  %r0 = graph.broadcast %a to %list : tensor<2x3xf32>, tensor<2xi64> -> tensor<2x4xf32>
  return
}

// -----

// graph.tile C1
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[1, 1, 1]> : tensor<3xi64>
  // expected-error @below {{'graph.tile' op expected 2 repeats, but got [1, 1, 1]}}
  %r0 = graph.tile %a by %list : tensor<2x3xf32>, tensor<3xi64> -> tensor<2x3xf32>
  return
}

// -----

// graph.slice C1
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[0, 0]> : tensor<2xi64>
  // expected-error @below {{'graph.slice' op expected sorted, distinct axes from 0 to 1, but got [0, 2]}}
  %r0 = graph.slice %a from %list to %list {axes = array<i64: 0, 2>, steps = array<i64: 1, 1>} : tensor<2x3xf32>, tensor<2xi64>, tensor<2xi64> -> tensor<2x3xf32>
  return
}

// -----

// graph.slice C2
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[0]> : tensor<1xi64>
  // expected-error @below {{'graph.slice' op expected steps other than 0, but got [0]}}
  %r0 = graph.slice %a from %list to %list {axes = array<i64: 0>, steps = array<i64: 0>} : tensor<2x3xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<2x3xf32>
  return
}

// -----

// graph.pad C1
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[0]> : tensor<1xi64>
  // expected-error @below {{'graph.pad' op expected 2 pads, but got shape [1]}}
  %r0 = graph.pad constant %a by %list {axes = array<i64: 0>} : tensor<2x3xf32>, tensor<1xi64> -> tensor<2x3xf32>
  return
}

// -----

// a reflection of more than there is
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[2, 2]> : tensor<2xi64>
  // expected-error @below {{'graph.pad' op expected pads of mode reflect that fit [2, 3], but got [2, 2]}}
  %r0 = graph.pad reflect %a by %list {axes = array<i64: 0>} : tensor<2x3xf32>, tensor<2xi64> -> tensor<6x3xf32>
  return
}

// -----

// graph.resize C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.resize' op expected either sizes or scales}}
  %r0 = graph.resize nearest asymmetric floor %a {axes = array<i64: 0>} : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

// graph.step_get C1
func.func @f(%a: tensor<2x3xf32>, %i: index) {
  // expected-error @below {{'graph.step_get' op expected an axis from 0 to 1 of shape [2, 3], but got 2}}
  %r0 = graph.step_get %a at %i {axis = 2 : i64} : tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

// graph.step_set C1
func.func @f(%a: tensor<2x3xf32>, %v: tensor<3xf32>, %i: index) {
  // expected-error @below {{'graph.step_set' op expected an axis from 0 to 1 of shape [2, 3], but got -1}}
  %r0 = graph.step_set %v into %a at %i {axis = -1 : i64} : tensor<3xf32> into tensor<2x3xf32>
  return
}

// -----

// graph.step_set C2
func.func @f(%a: tensor<2x3xf32>, %v: tensor<2xf32>, %i: index) {
  // expected-error @below {{'graph.step_set' op expected a value of shape [3], but got [2]}}
  %r0 = graph.step_set %v into %a at %i {axis = 0 : i64} : tensor<2xf32> into tensor<2x3xf32>
  return
}

// -----

// graph.concat C1
func.func @f(%a: tensor<2x3xf32>, %b: tensor<3xf32>) {
  // expected-error @below {{'graph.concat' op expected inputs that agree in all axes but 0, but got [2, 3] and [3]}}
  %r0 = graph.concat %a, %b along 0 : tensor<2x3xf32>, tensor<3xf32> -> tensor<5x3xf32>
  return
}

// -----

// graph.concat C2
func.func @f(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  // expected-error @below {{'graph.concat' op expected inputs that agree in all axes but 0, but got [2, 3] and [2, 4]}}
  %r0 = graph.concat %a, %b along 0 : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<4x3xf32>
  return
}

// -----

// graph.gather C1
func.func @f(%a: tensor<2x3xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'graph.gather' op expected an axis from 0 to 1 of shape [2, 3], but got 2}}
  %r0 = graph.gather %a at %i {axis = 2 : i64} : tensor<2x3xf32>, tensor<2xi64> -> tensor<2x2xf32>
  return
}

// -----

// graph.gather_elements C1
func.func @f(%a: tensor<2x3xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'graph.gather_elements' op expected input and indices of one rank, but got [2, 3] and [2]}}
  %r0 = graph.gather_elements %a at %i {axis = 0 : i64} : tensor<2x3xf32>, tensor<2xi64> -> tensor<2xf32>
  return
}

// -----

// graph.gather_nd C1
func.func @f(%a: tensor<2x3xf32>, %i: tensor<2x3xi64>) {
  // expected-error @below {{'graph.gather_nd' op expected index tuples of static length up to 2, but got [2, 3] at [2, 3]}}
  %r0 = graph.gather_nd %a at %i {batch_dims = 0 : i64} : tensor<2x3xf32>, tensor<2x3xi64> -> tensor<2xf32>
  return
}

// -----

// graph.scatter_elements C1
func.func @f(%a: tensor<2x3xf32>, %i: tensor<2x1xi64>, %u: tensor<2x2xf32>) {
  // expected-error @below {{'graph.scatter_elements' op expected indices and updates of one shape, of the rank of the input, but got [2, 3], [2, 1] and [2, 2]}}
  %r0 = graph.scatter_elements none %u into %a at %i {axis = 0 : i64} : tensor<2x2xf32> into tensor<2x3xf32>, tensor<2x1xi64> -> tensor<2x3xf32>
  return
}

// -----

// graph.scatter_nd C1
func.func @f(%a: tensor<2x3xf32>, %i: tensor<2x1xi64>, %u: tensor<2x2xf32>) {
  // expected-error @below {{'graph.scatter_nd' op expected updates of shape [2, 3], but got [2, 2]}}
  %r0 = graph.scatter_nd none %u into %a at %i : tensor<2x2xf32> into tensor<2x3xf32>, tensor<2x1xi64> -> tensor<2x3xf32>
  return
}

// -----

// graph.one_hot C1
func.func @f(%i: tensor<2xi64>, %d: tensor<i64>, %v: tensor<2xf32>) {
  // expected-error @below {{'graph.one_hot' op expected an axis from 0 to 1 of shape [2], but got 2}}
  %r0 = graph.one_hot %i depth %d values %v {axis = 2 : i64} : tensor<2xi64>, tensor<i64>, tensor<2xf32> -> tensor<2x?xf32>
  return
}

// -----

// graph.quantize C1
func.func @f(%a: tensor<2x3xf32>, %s: tensor<3xf32>, %z: tensor<2xui8>) {
  // expected-error @below {{'graph.quantize' op expected zero_point [3] of 'ui8', but got [2] of 'ui8'}}
  %r0 = graph.quantize %a scale %s zero %z : tensor<2xui8> {axis = 1 : i64} : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xui8>
  return
}

// -----

// graph.quantize C2
func.func @f(%a: tensor<2x3xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{'graph.quantize' op expected an axis from 0 to 1 of shape [2, 3], but got 2}}
  %r0 = graph.quantize %a scale %s {axis = 2 : i64} : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xui8>
  return
}

// -----

// graph.dequantize C3
func.func @f(%a: tensor<2x3xui2>, %s: tensor<f32>) {
  // expected-error @below {{'graph.dequantize' op expected a level for each code of unsigned integers of at most 4 bits, and no zero point, but got 3 for 'ui2'}}
  %r0 = graph.dequantize %a scale %s {axis = 0 : i64, levels = array<f32: 0.0, 1.0, 2.0>} : tensor<2x3xui2>, tensor<f32> -> tensor<2x3xf32>
  return
}

// -----

// graph.dequantize C3
func.func @f(%a: tensor<2x3xi2>, %s: tensor<f32>) {
  // expected-error @below {{'graph.dequantize' op expected a level for each code of unsigned integers of at most 4 bits, and no zero point, but got 4 for 'i2'}}
  %r0 = graph.dequantize %a scale %s {axis = 0 : i64, levels = array<f32: 0.0, 1.0, 2.0, 3.0>} : tensor<2x3xi2>, tensor<f32> -> tensor<2x3xf32>
  return
}

// -----

// graph.unpack C1
func.func @f(%a: tensor<2x3xui8>) {
  // expected-error @below {{'graph.unpack' op expected rows of 4 bytes for 9 integers of 2 to 7 bits, but got [2, 3] for 3}}
  %r0 = graph.unpack %a {bits = 3 : i64, size = 9 : i64} : tensor<2x3xui8> -> tensor<2x9xi8>
  return
}

// -----

// graph.unpack C1
func.func @f(%a: tensor<2x3xui8>) {
  // expected-error @below {{'graph.unpack' op expected rows of 3 bytes for 3 integers of 2 to 7 bits, but got [2, 3] for 8}}
  %r0 = graph.unpack %a {bits = 8 : i64, size = 3 : i64} : tensor<2x3xui8> -> tensor<2x3xi8>
  return
}

// -----

// graph.rnn C1
func.func @f(%x: tensor<5x2x3xf32>, %w: tensor<1x4x3xf32>, %r: tensor<1x4x5xf32>) {
  // expected-error @below {{'graph.rnn' op expected recurrence [1, 4, 4], but got [1, 4, 5]}}
  %r0, %r1 = "graph.rnn"(%x, %w, %r) {activations = ["tanh"], direction = #graph<direction forward>, hidden_size = 4 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} : (tensor<5x2x3xf32>, tensor<1x4x3xf32>, tensor<1x4x5xf32>) -> (tensor<5x1x2x4xf32>, tensor<1x2x4xf32>)
  return
}

// -----

// graph.reduce_sum C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.reduce_sum' op expected sorted, distinct axes from 0 to 1, but got [1, 0]}}
  %r0 = graph.reduce_sum %a over [1, 0] : tensor<2x3xf32> -> tensor<1x1xf32>
  return
}

// -----

// graph.histogram C2
func.func @f(%a: tensor<2x3xf32>, %m: tensor<f32>) {
  // expected-error @below {{'graph.histogram' op expected bins to be a power of two from 2 to 65536, but got 24}}
  %r = graph.histogram %a largest %m {bins = 24 : i64} : tensor<2x3xf32>, tensor<f32> -> tensor<24xi64>
  return
}

// -----

// graph.top_k C1
func.func @f(%a: tensor<2x3xf32>, %k: tensor<1xi64>) {
  // expected-error @below {{'graph.top_k' op expected an axis from 0 to 1 of shape [2, 3], but got 2}}
  %r0, %r1 = graph.top_k %a first %k {axis = 2 : i64} : tensor<2x3xf32>, tensor<1xi64> -> tensor<2x?xf32>, tensor<2x?xi64>
  return
}

// -----

// more than there are
func.func @f(%a: tensor<2x3xf32>) {
  %list = graph.constant dense<[4]> : tensor<1xi64>
  // expected-error @below {{'graph.top_k' op expected k from 0 to the dimension 1 of [2, 3], but got 4}}
  %r0, %r1 = graph.top_k %a first %list {axis = 1 : i64} : tensor<2x3xf32>, tensor<1xi64> -> tensor<2x4xf32>, tensor<2x4xi64>
  return
}

// -----

// graph.max_pool C1
func.func @f(%a: tensor<1x2x5xf32>) {
  // expected-error @below {{'graph.max_pool' op expected 1 kernel sizes, but got [3, 3]}}
  %r0 = graph.max_pool %a {kernel = array<i64: 3, 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x2x5xf32> -> tensor<1x2x3xf32>
  return
}

// -----

// graph.max_pool C2
func.func @f(%a: tensor<1x2x5xf32>) {
  // expected-error @below {{'graph.max_pool' op expected pads of at least 0, but got [-1, 0]}}
  %r0 = graph.max_pool %a {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: -1, 0>, dilations = array<i64: 1>} : tensor<1x2x5xf32> -> tensor<1x2x2xf32>
  return
}

// -----

// graph.softmax C1
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @below {{'graph.softmax' op expected an axis from 0 to 1 of shape [2, 3], but got 2}}
  %r0 = graph.softmax %a {axis = 2 : i64} : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

// graph.layer_norm C2
func.func @f(%a: tensor<2x3xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'graph.layer_norm' op expected parameters that broadcast to [2, 3], but got [2]}}
  %r0 = graph.layer_norm %a scale %s {axis = 1 : i64, epsilon = 0.1 : f32} : tensor<2x3xf32>, tensor<2xf32> -> tensor<2x3xf32>
  return
}

// -----

// graph.batch_norm C1
func.func @f(%a: tensor<2x3xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'graph.batch_norm' op expected parameters [3], but got [2]}}
  %r0 = graph.batch_norm %a scale %s bias %s mean %s variance %s {epsilon = 0.1 : f32} : tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<2x3xf32>
  return
}

// -----

// graph.depth_to_space C1
func.func @f(%a: tensor<1x6x2x2xf32>) {
  // expected-error @below {{'graph.depth_to_space' op expected dimensions that are multiples of block 2, but got [1, 6, 2, 2]}}
  %r0 = graph.depth_to_space %a {block = 2 : i64} : tensor<1x6x2x2xf32> -> tensor<1x1x4x4xf32>
  return
}

// -----

// graph.expect C1
func.func @f(%s: tensor<3xi64>) {
  // expected-error @below {{'graph.expect' op expected a list of 2 elements, but got shape [3]}}
  %r0 = graph.expect %s is [2, 4] else "no" : tensor<3xi64>
  return
}

// -----

// An index that is known is compared with the axis.
func.func @f(%a: tensor<2x3xf32>) {
  %i = graph.constant dense<[0, -3]> : tensor<2xi64>
  // expected-error @below {{'graph.gather' op expected indices from -2 to 1 of axis 0 of [2, 3], but got -3}}
  %r0 = graph.gather %a at %i {axis = 0 : i64} : tensor<2x3xf32>, tensor<2xi64> -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%a: tensor<2x3xf32>) {
  %i = graph.constant dense<[[0, 3]]> : tensor<1x2xi64>
  // expected-error @below {{'graph.gather_nd' op expected indices from -3 to 2 of axis 1 of [2, 3], but got 3}}
  %r0 = graph.gather_nd %a at %i {batch_dims = 0 : i64} : tensor<2x3xf32>, tensor<1x2xi64> -> tensor<1xf32>
  return
}

// -----

func.func @f(%a: tensor<0x3xf32>, %i: tensor<2xi64>) {
  // expected-error @below {{'graph.gather' op expected an axis to index, but axis 0 of [0, 3] is empty}}
  %r0 = graph.gather %a at %i {axis = 0 : i64} : tensor<0x3xf32>, tensor<2xi64> -> tensor<2x3xf32>
  return
}
