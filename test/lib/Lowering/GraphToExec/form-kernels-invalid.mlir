// RUN: cinch-opt %s --form-kernels -verify-diagnostics -split-input-file

func.func @has_no_storage(%x: tensor<4xf32>) -> tensor<4xf6E2M3FN> {
  // expected-error @below {{unsupported: 'graph.cast' has elements of type 'f6E2M3FN'}}
  %0 = graph.cast %x {names = ["y"]} : tensor<4xf32> -> tensor<4xf6E2M3FN>
  return %0 : tensor<4xf6E2M3FN>
}

// -----

func.func @has_no_sums(%x: tensor<4x4xf8E5M2>) -> tensor<4x4xf8E5M2> {
  // expected-error @below {{it does not compute with elements of type 'f8E5M2' (cast them to a wider type)}}
  %0 = graph.matmul %x by %x {names = ["y"]} : tensor<4x4xf8E5M2> by tensor<4x4xf8E5M2> -> tensor<4x4xf8E5M2>
  return %0 : tensor<4x4xf8E5M2>
}
