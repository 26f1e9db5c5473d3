// RUN: cinch-opt %s -lower-kernels -split-input-file -verify-diagnostics

// expected-error @below {{expected exec.kind of "generic", "contraction", "attention" or "loops"}}
func.func private @unknown(%x: tensor<4xf32>, %out: tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel_body} {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{returns a value that is not computed by a 'linalg.generic' or 'linalg.fill'}}
func.func private @passes_through(%x: tensor<4xf32>, %out: tensor<4xf32>) -> tensor<4xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  return %x : tensor<4xf32>
}

// -----

func.func private @reads_unknown(%x: tensor<4x4xf32>, %out: tensor<16xf32>) -> tensor<16xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  // expected-error @below {{is not part of the grammar of kernel bodies}}
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%flat : tensor<16xf32>) outs(%out : tensor<16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.negf %a : f32
    linalg.yield %s : f32
  } -> tensor<16xf32>
  return %0 : tensor<16xf32>
}

// -----

// expected-error @below {{cannot be lowered in place: it needs a temporary buffer of type 'memref<?xf32>'}}
func.func private @needs_copy(%x: tensor<?xf32>, %out: tensor<?xf32>) -> tensor<?xf32>
    attributes {exec.kernel_body, exec.kind = "loops"} {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %0 = tensor.insert %one into %x[%c0] : tensor<?xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%0, %x : tensor<?xf32>, tensor<?xf32>) outs(%out : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

func.func private @unnumbered(%x: tensor<4xf32>, %out: tensor<4xf32>) -> tensor<4xf32>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%out : tensor<4xf32>) {
  ^bb0(%v: f32, %o: f32):
    %ok = arith.cmpf oeq, %v, %v : f32
    // expected-error @below {{expected exec.fault, the number of its message}}
    cf.assert %ok, "a number"
    linalg.yield %v : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
