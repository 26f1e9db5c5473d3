// RUN: cinch-opt %s | cinch-opt | FileCheck %s
// RUN: cinch-opt %s --mlir-print-op-generic | cinch-opt | FileCheck %s

// CHECK-LABEL: func.func @layouts
// CHECK-SAME: tensor<1x64x56x56xf32, #exec.channel_blocks<16>>
// CHECK-SAME: tensor<96x64x3x3xf32, #exec.filter_blocks<64, 64>>
func.func @layouts(%x: tensor<1x64x56x56xf32, #exec.channel_blocks<16>>,
                   %f: tensor<96x64x3x3xf32, #exec.filter_blocks<64, 64>>) {
  return
}

// CHECK-LABEL: func.func @program
func.func @program(%x: tensor<?x4xf32>, %i: index) -> tensor<?x4xf32> {
  // CHECK: exec.check "batch - 2" else "batch must be 2"
  exec.check "batch - 2" else "batch must be 2"
  // CHECK: exec.view %{{.*}} at "4" {dims
  %0 = exec.view %x at "4" {dims = [["batch - 1", 4]], names = ["v"]} : tensor<?x4xf32> -> tensor<?x4xf32>
  // CHECK: exec.assemble(%{{.*}}, %{{.*}}) {dims
  %1 = exec.assemble(%x, %0) {dims = [["2*batch - 1", 4]], names = ["a"]} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: exec.shape ["batch", "3"]
  %2 = exec.shape ["batch", "3"] {names = ["s"]} : tensor<2xi64>
  // CHECK: exec.write %{{.*}} : index -> tensor<i64>
  %3 = exec.write %i {names = ["step/0"]} : index -> tensor<i64>
  // CHECK: exec.read %{{.*}} : tensor<i64> -> index
  %4 = exec.read %3 : tensor<i64> -> index
  // CHECK: exec.copy %{{.*}} {dims
  %5 = exec.copy %1 {dims = [["2*batch - 1", 4]], names = ["c"]} : tensor<?x4xf32>
  return %5 : tensor<?x4xf32>
}
