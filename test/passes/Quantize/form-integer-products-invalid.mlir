// RUN: cinch-opt -form-integer-products='select=matmul:(' -verify-diagnostics %s

// expected-error @below {{form-integer-products: select: }}
func.func @select(%x: tensor<5x2xf32> {graph.name = "x"}) -> tensor<5x2xf32> {
  return %x : tensor<5x2xf32>
}
