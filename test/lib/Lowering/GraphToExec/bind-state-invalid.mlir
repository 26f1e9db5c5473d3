// RUN: cinch-opt %s -form-state=pairs=k=kk -form-kernels -bind-state -verify-diagnostics

// A pair that was asked for is an error where it cannot be bound.
// expected-error @below {{bind-state: input 'k' cannot be continued in place: its rows are reshaped in 'flat'}}
func.func @reshapes_rows(
    %k: tensor<2x?x8xf32> {graph.name = "k", graph.dims = [2, "past", 8]},
    %new: tensor<2x1x8xf32> {graph.name = "new", graph.dims = [2, 1, 8]})
    -> (tensor<2x?x8xf32> {graph.name = "kk"}, tensor<?x1xf32> {graph.name = "s"})
    attributes {graph.entry, graph.symbols = [{name = "past", min = 0}]} {
  %kk = graph.concat %k, %new along 1 {names = ["kk"]} : tensor<2x?x8xf32>, tensor<2x1x8xf32> -> tensor<2x?x8xf32>
  %to = graph.constant dense<[-1, 8]> : tensor<2xi64> {names = ["to"]}
  %flat = graph.reshape %kk to %to {names = ["flat"]} : tensor<2x?x8xf32>, tensor<2xi64> -> tensor<?x8xf32>
  %s = graph.reduce_sum %flat over [1] {names = ["s"]} : tensor<?x8xf32> -> tensor<?x1xf32>
  return %kk, %s : tensor<2x?x8xf32>, tensor<?x1xf32>
}
