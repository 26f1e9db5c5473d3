// RUN: cinch-opt %s --form-kernels -verify-diagnostics -split-input-file

func.func @has_no_storage(%x: tensor<4xf32>) -> tensor<4xf8E5M2> {
  // expected-error @below {{unsupported: 'graph.cast' has elements of type 'f8E5M2'}}
  %0 = graph.cast %x {names = ["y"]} : tensor<4xf32> -> tensor<4xf8E5M2>
  return %0 : tensor<4xf8E5M2>
}
