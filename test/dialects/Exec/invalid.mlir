// RUN: cinch-opt %s -verify-diagnostics -split-input-file

func.func @kernel_c1(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected @missing to be a function with exec.kernel_body}}
  %0 = exec.kernel @missing(%x) {dims = [[4]]} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @view_c1(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  // expected-error @below {{expected dims of rank 2, but got [4]}}
  %0 = exec.view %x {dims = [[4]]} : tensor<4xf32> -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

func.func @view_c2(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @below {{offset is not an expression: '2 +'}}
  %0 = exec.view %x at "2 +" {dims = [[2]]} : tensor<4xf32> -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @shape_c1() -> tensor<2xi64> {
  // expected-error @below {{expected 2 elements, but got 1}}
  %0 = exec.shape ["4"] : tensor<2xi64>
  return %0 : tensor<2xi64>
}

// -----

func.func @read_c1(%x: tensor<2xi64>) -> index {
  // expected-error @below {{expected a one-element integer tensor, but got 'tensor<2xi64>'}}
  %0 = exec.read %x : tensor<2xi64> -> index
  return %0 : index
}

// -----

func.func @check_c1() {
  // expected-error @below {{condition is not an expression: 'batch *'}}
  exec.check "batch *" else "never"
  return
}

// -----

func.func private @checks(%x: tensor<4xf32>, %out: tensor<4xf32>) -> tensor<4xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%out : tensor<4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %ok = arith.cmpf oeq, %v, %v : f32
    cf.assert %ok, "a number" {exec.fault = 1 : i64}
    linalg.yield %v : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @kernel_c5(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected a message for assertion 1 of @checks, but faults has 1}}
  %0 = exec.kernel @checks(%x) {dims = [[4]], faults = ["no number"]} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func private @k(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %d : tensor<4xf32>
}
func.func @kernel_c3(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{expected updates to be among the pairs of in_place, but got array<i64: 0, 0>}}
  %0 = exec.kernel @k(%x) {dims = [[4]], updates = [array<i64: 0, 0>]} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
