// RUN: cinch-opt %s -lower-kernels-to-gpu -verify-diagnostics -split-input-file
// RUN: not cinch-opt %s -lower-kernels-to-gpu=chip=sm_20 2>&1 | FileCheck %s

// CHECK: lower-kernels-to-gpu: expected chip to be sm_80, sm_86, sm_89, sm_90 or sm_120, but got sm_20

// There is no instruction for it, and nothing to call.
func.func private @exponential(%x: tensor<8xf64>, %out: tensor<8xf64>) -> tensor<8xf64>
    attributes {exec.kernel_body, exec.kind = "generic"} {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf64>) outs(%out : tensor<8xf64>) {
  ^bb0(%a: f64, %o: f64):
    // expected-error @below {{unsupported: 'math.exp' of 'f64' on a GPU}}
    %s = math.exp %a : f64
    linalg.yield %s : f64
  } -> tensor<8xf64>
  return %0 : tensor<8xf64>
}

// -----

// expected-error @below {{expected exec.kind of "generic", "contraction", "attention" or "loops"}}
func.func private @strange(%x: tensor<8xf32>, %out: tensor<8xf32>) -> tensor<8xf32>
    attributes {exec.kernel_body, exec.kind = "strange"} {
  return %x : tensor<8xf32>
}
