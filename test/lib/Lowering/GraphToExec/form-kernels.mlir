// RUN: cinch-opt %s --form-kernels | FileCheck %s
// RUN: cinch-opt %s --form-kernels=fuse=false | FileCheck %s --check-prefix=SINGLE

// One kernel, whose result may take the place of its input.
// CHECK-LABEL: func.func @fuses_elementwise
// CHECK: exec.kernel @{{.*}}add_mul_relu(%{{.*}}, %{{.*}}) {dims = {{\[}}["batch", 384]], {{.*}}in_place = [array<i64: 0, 0>], names = ["c"]}
// CHECK-NOT: exec.kernel
// CHECK: return
// SINGLE-LABEL: func.func @fuses_elementwise
// SINGLE-COUNT-3: exec.kernel
// SINGLE: return
func.func @fuses_elementwise(%x: tensor<?x384xf32> {graph.dims = ["batch", 384]}, %b: tensor<384xf32>) -> tensor<?x384xf32> {
  %two = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.add %x, %b {names = ["a"]} : tensor<?x384xf32>, tensor<384xf32> -> tensor<?x384xf32>
  %1 = graph.mul %0, %two {names = ["b"]} : tensor<?x384xf32>, tensor<f32> -> tensor<?x384xf32>
  %2 = graph.relu %1 {names = ["c"]} : tensor<?x384xf32> -> tensor<?x384xf32>
  return %2 : tensor<?x384xf32>
}

// CHECK-LABEL: func.func @folds_transpose_and_epilogue
// CHECK: exec.kernel @{{.*}}transpose_matmul_add_relu
// CHECK-NOT: exec.kernel
// CHECK: return
func.func @folds_transpose_and_epilogue(%x: tensor<?x384xf32> {graph.dims = ["batch", 384]}, %w: tensor<128x384xf32>, %b: tensor<128xf32>) -> tensor<?x128xf32> {
  %t = graph.transpose %w by [1, 0] {names = ["t"]} : tensor<128x384xf32> -> tensor<384x128xf32>
  %0 = graph.matmul %x by %t {names = ["a"]} : tensor<?x384xf32> by tensor<384x128xf32> -> tensor<?x128xf32>
  %1 = graph.add %0, %b {names = ["b"]} : tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
  %2 = graph.relu %1 {names = ["c"]} : tensor<?x128xf32> -> tensor<?x128xf32>
  return %2 : tensor<?x128xf32>
}

// A residual is read where the result is written, the factors are not.
// CHECK-LABEL: func.func @writes_over_a_residual
// CHECK: exec.kernel @{{.*}}matmul_add(%{{.*}}, %{{.*}}, %{{.*}}) {dims = {{\[}}[384, 384]], {{.*}}in_place = [array<i64: 2, 0>], names = ["b"]}
func.func @writes_over_a_residual(%x: tensor<384x384xf32>, %w: tensor<384x384xf32>, %r: tensor<384x384xf32>) -> tensor<384x384xf32> {
  %0 = graph.matmul %x by %w {names = ["a"]} : tensor<384x384xf32> by tensor<384x384xf32> -> tensor<384x384xf32>
  %1 = graph.add %0, %r {names = ["b"]} : tensor<384x384xf32>, tensor<384x384xf32> -> tensor<384x384xf32>
  return %1 : tensor<384x384xf32>
}

// A one-hot code is made where it is multiplied; a value that is not larger than
// what it is made from is stored.
// CHECK-LABEL: func.func @expands_in_a_panel
// CHECK: exec.kernel @{{.*}}compare_cast_matmul_cast_add(
// CHECK: exec.kernel @{{.*}}softmax_relu(
// CHECK: exec.kernel @{{.*}}k_matmul(
// CHECK-NOT: exec.kernel
// CHECK: return
func.func @expands_in_a_panel(%x: tensor<?x1xi64> {graph.dims = ["batch", 1]}, %codes: tensor<257xi64>, %w: tensor<257x64xf32>, %v: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %0 = graph.compare eq %x, %codes {names = ["a"]} : tensor<?x1xi64>, tensor<257xi64> -> tensor<?x257xi1>
  %1 = graph.cast %0 {names = ["b"]} : tensor<?x257xi1> -> tensor<?x257xf32>
  %2 = graph.matmul %1 by %w {names = ["c"]} : tensor<?x257xf32> by tensor<257x64xf32> -> tensor<?x64xf32>
  %3 = graph.cast %x {names = ["d"]} : tensor<?x1xi64> -> tensor<?x1xf32>
  %4 = graph.add %2, %3 {names = ["e"]} : tensor<?x64xf32>, tensor<?x1xf32> -> tensor<?x64xf32>
  %5 = graph.softmax %4 {axis = 1 : i64, names = ["f"]} : tensor<?x64xf32> -> tensor<?x64xf32>
  %6 = graph.relu %5 {names = ["g"]} : tensor<?x64xf32> -> tensor<?x64xf32>
  %7 = graph.matmul %6 by %v {names = ["h"]} : tensor<?x64xf32> by tensor<64x64xf32> -> tensor<?x64xf32>
  return %7 : tensor<?x64xf32>
}

// What follows a product of its own ends that kernel, not the next one's.
// CHECK-LABEL: func.func @gates
// CHECK: exec.kernel @{{.*}}matmul_sigmoid_mul(
// CHECK: exec.kernel @{{.*}}matmul_mul(
// CHECK-NOT: exec.kernel
// CHECK: return
func.func @gates(%x: tensor<?x64xf32> {graph.dims = ["batch", 64]}, %w: tensor<64x128xf32>, %v: tensor<64x128xf32>) -> tensor<?x128xf32> {
  %0 = graph.matmul %x by %w {names = ["a"]} : tensor<?x64xf32> by tensor<64x128xf32> -> tensor<?x128xf32>
  %1 = graph.sigmoid %0 {names = ["b"]} : tensor<?x128xf32> -> tensor<?x128xf32>
  %2 = graph.mul %0, %1 {names = ["c"]} : tensor<?x128xf32>, tensor<?x128xf32> -> tensor<?x128xf32>
  %3 = graph.matmul %x by %v {names = ["d"]} : tensor<?x64xf32> by tensor<64x128xf32> -> tensor<?x128xf32>
  %4 = graph.mul %2, %3 {names = ["e"]} : tensor<?x128xf32>, tensor<?x128xf32> -> tensor<?x128xf32>
  return %4 : tensor<?x128xf32>
}

// A product that others read too is stored: the square joins the row.
// CHECK-LABEL: func.func @squares_in_a_row
// CHECK: exec.kernel @{{.*}}matmul_add_0(
// CHECK: exec.kernel @{{.*}}pow_reduce_mean_mul(
// CHECK-NOT: exec.kernel
// CHECK: return
func.func @squares_in_a_row(%x: tensor<?x64xf32> {graph.dims = ["batch", 64]}, %w: tensor<64x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %two = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.matmul %x by %w {names = ["a"]} : tensor<?x64xf32> by tensor<64x64xf32> -> tensor<?x64xf32>
  %1 = graph.add %0, %x {names = ["b"]} : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %2 = graph.pow %1, %two {names = ["c"]} : tensor<?x64xf32>, tensor<f32> -> tensor<?x64xf32>
  %3 = graph.reduce_mean %2 over [1] {keep_dims = true, names = ["d"]} : tensor<?x64xf32> -> tensor<?x1xf32>
  %4 = graph.mul %1, %3 {names = ["e"]} : tensor<?x64xf32>, tensor<?x1xf32> -> tensor<?x64xf32>
  return %4, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// A reshape costs nothing; an output that is a view of an input is copied.
// CHECK-LABEL: func.func @views_reshape
// CHECK: %[[VIEW:.*]] = exec.view %{{.*}} {dims = {{\[}}[6, 4]]
// CHECK: %[[COPY:.*]] = exec.copy %[[VIEW]]
// CHECK: return %[[COPY]]
func.func @views_reshape(%x: tensor<2x3x4xf32>) -> tensor<6x4xf32> {
  %s = graph.constant dense<[6, 4]> : tensor<2xi64>
  %0 = graph.reshape %x to %s {names = ["y"]} : tensor<2x3x4xf32>, tensor<2xi64> -> tensor<6x4xf32>
  return %0 : tensor<6x4xf32>
}

// Equal bodies are made once, though the sizes of the calls differ.
// CHECK-LABEL: func.func @shares_bodies
// CHECK: exec.kernel @[[BODY:[a-z_0-9]+]](
// CHECK: exec.kernel @[[BODY]](
func.func @shares_bodies(%x: tensor<?xf32> {graph.dims = ["a"]}, %y: tensor<?xf32> {graph.dims = ["b"]}) -> (tensor<?xf32>, tensor<?xf32>) {
  %0 = graph.tanh %x {names = ["p"]} : tensor<?xf32> -> tensor<?xf32>
  %1 = graph.tanh %y {names = ["q"]} : tensor<?xf32> -> tensor<?xf32>
  return %0, %1 : tensor<?xf32>, tensor<?xf32>
}

// An index that only the run knows is asserted; the message is with the call, so
// that both calls share a body. One that is known was checked by the verifier.
// CHECK-LABEL: func.func @gathers
// CHECK: exec.kernel @[[GATHER:[a-z_0-9]+]](
// CHECK-SAME: faults = ["gather 'p': an index of 'ids' is outside axis 0 of 'table', which has size 10"]
// CHECK: exec.kernel @[[GATHER]](
// CHECK-SAME: faults = ["gather 'q': an index of 'ids' is outside axis 0 of 'p', which has size 10"]
// CHECK: exec.kernel @[[KNOWN:[a-z_0-9]+]](
// CHECK-NOT: faults
// CHECK: return
func.func @gathers(%table: tensor<10x4xf32> {graph.name = "table"}, %ids: tensor<10xi64> {graph.name = "ids"})
    -> (tensor<10x4xf32>, tensor<10x4xf32>, tensor<2x4xf32>) {
  %0 = graph.gather %table at %ids {axis = 0 : i64, names = ["p"]} : tensor<10x4xf32>, tensor<10xi64> -> tensor<10x4xf32>
  %1 = graph.gather %0 at %ids {axis = 0 : i64, names = ["q"]} : tensor<10x4xf32>, tensor<10xi64> -> tensor<10x4xf32>
  %known = graph.constant dense<[9, -10]> : tensor<2xi64>
  %2 = graph.gather %table at %known {axis = 0 : i64, names = ["r"]} : tensor<10x4xf32>, tensor<2xi64> -> tensor<2x4xf32>
  return %0, %1, %2 : tensor<10x4xf32>, tensor<10x4xf32>, tensor<2x4xf32>
}

// A check stays though nothing uses its result.
// CHECK-LABEL: func.func @expects
// CHECK: exec.kernel @{{.*}}expect{{.*}}faults = ["not 2, 4"]
func.func @expects(%s: tensor<2xi64> {graph.name = "s"}, %x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = graph.expect %s is [2, 4] else "not 2, 4" {names = ["e"]} : tensor<2xi64>
  %1 = graph.tanh %x {names = ["y"]} : tensor<8xf32> -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// CHECK-LABEL: func.func private @{{.*}}add_mul_relu
// CHECK-SAME: exec.kernel_body, exec.kind = "generic", exec.ops = ["add", "mul", "relu"]
// CHECK-LABEL: func.func private @{{.*}}transpose_matmul_add_relu
// CHECK-SAME: exec.kind = "contraction"
