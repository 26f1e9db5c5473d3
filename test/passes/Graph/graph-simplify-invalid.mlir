// RUN: cinch-opt %s -graph-simplify -verify-diagnostics -split-input-file

func.func @shape_from_an_input(%x: tensor<4xf32> {graph.name = "x"}, %shape: tensor<1xi64> {graph.name = "shape"}) -> tensor<?xf32> {
  // expected-error @below {{'graph.reshape' op has a shape that depends on the value of input 'shape'}}
  %y = graph.reshape %x to %shape {names = ["y"]} : tensor<4xf32>, tensor<1xi64> -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// Sizes that no run can have.
func.func @sizes_that_never_agree(%x: tensor<?xf32> {graph.name = "x", graph.dims = ["n"]}, %y: tensor<?xf32> {graph.name = "y", graph.dims = ["n + 2"]}) {
  %c = graph.unsqueeze %x insert [1] {names = ["c"]} : tensor<?xf32> -> tensor<?x1xf32>
  %d = graph.unsqueeze %y insert [1] {names = ["d"]} : tensor<?xf32> -> tensor<?x1xf32>
  // expected-error @below {{'graph.concat' op expected inputs that agree in all axes but 1, but got [n, 1] and [n + 2, 1]}}
  %e = graph.concat %c, %d along 1 {names = ["e"]} : tensor<?x1xf32>, tensor<?x1xf32> -> tensor<?x2xf32>
  return
}

// -----

// expected-error @below {{'func.func' op expected graph.dims of 'tensor<?xf32>', but got ["n", 2]}}
func.func @dims_of_another_rank(%x: tensor<?xf32> {graph.name = "x", graph.dims = ["n", 2]}) {
  return
}
