// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(rotate-activations{report}))' 2>/dev/null | FileCheck %s
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(rotate-activations,rotate-activations{report}))' 2>/dev/null | FileCheck %s --check-prefix=TWICE
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(rotate-activations{report select="#9" inputs=middle queries}))' 2>/dev/null | FileCheck %s --check-prefix=SELECT
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(rotate-activations{report residual=false heads=false inputs=middle}))' 2>/dev/null | FileCheck %s --check-prefix=MIDDLE
// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(rotate-activations{report states queries}))' 2>/dev/null | FileCheck %s --check-prefix=STATES

// A table that is also the last matrix is rotated once, for both.
// CHECK-LABEL: func.func @stream
// CHECK-SAME: graph.rotate_activations_report = {bytes_added = 0 : i64, heads = 0 : i64, inputs = 0 : i64, kept = 1 : i64, online = 0 : i64, queries = 0 : i64, residual = 1 : i64, rotated = 0 : i64, unselected = 0 : i64}
// CHECK-DAG: %[[T:.*]] = graph.constant {{.*}} : tensor<8x4xf32> {names = ["table/rotated"]}
// CHECK-DAG: %[[W:.*]] = graph.constant {{.*}} : tensor<4x128xf32> {names = ["w/rotated"]}
// CHECK-DAG: %[[O:.*]] = graph.constant {{.*}} : tensor<128x4xf32> {names = ["o/rotated"]}
// CHECK-DAG: %[[B:.*]] = graph.constant {{.*}} : tensor<4xf32> {names = ["b/rotated"]}
// CHECK: %[[E:.*]] = graph.gather %[[T]] at %{{.*}}names = ["e/rotated"]
// CHECK: %[[N:.*]] = graph.rms_norm %[[E]] {{.*}}names = ["n/rotated"]
// CHECK: %[[L:.*]] = graph.matmul %[[N]] by %[[W]] {names = ["l"]}
// CHECK: %[[G:.*]] = graph.sigmoid %[[L]] {names = ["g"]}
// CHECK: %[[M:.*]] = graph.matmul %[[G]] by %[[O]] {names = ["m/rotated"]}
// CHECK: %[[C:.*]] = graph.add %[[M]], %[[B]] {names = ["c/rotated"]}
// CHECK: %[[R:.*]] = graph.add %[[E]], %[[C]] {names = ["r/rotated"]}
// CHECK: %[[Q:.*]] = graph.mul %[[R]], %[[R]] {names = ["q"]}
// CHECK: %[[S:.*]] = graph.reduce_mean %[[Q]] over [1] {names = ["s"]}
// CHECK: %[[D:.*]] = graph.sqrt %[[S]] {names = ["d"]}
// CHECK: %[[F:.*]] = graph.div %[[R]], %[[D]] {names = ["f/rotated"]}
// CHECK: %[[V:.*]] = graph.transpose %[[T]] by [1, 0]
// CHECK: graph.matmul %[[F]] by %[[V]] {names = ["y"]}
// TWICE-LABEL: func.func @stream
// TWICE-SAME: kept = 1 : i64, online = 0 : i64, queries = 0 : i64, residual = 0 : i64, rotated = 2 : i64
// SELECT-LABEL: func.func @stream
// SELECT-SAME: residual = 0 : i64, rotated = 0 : i64, unselected = 3 : i64

// 128 channels are two factors: 8 (16 apart) and 16, with signs before.
// MIDDLE-LABEL: func.func @stream
// MIDDLE-SAME: inputs = 1 : i64, kept = 2 : i64, online = 1 : i64
// MIDDLE: %[[G:.*]] = graph.sigmoid %{{.*}} {names = ["g"]}
// MIDDLE: %[[S:.*]] = graph.mul %[[G]], %{{.*}} {names = ["g/rotated/signed"]}
// MIDDLE: %[[V:.*]] = graph.reshape %[[S]] {{.*}} -> tensor<3x8x16xf32>
// MIDDLE: %[[H:.*]] = graph.matmul %[[V]] by %{{.*}} {names = ["g/rotated/by16"]} : tensor<3x8x16xf32> by tensor<16x16xf32>
// MIDDLE: %[[U:.*]] = graph.reshape %[[H]] {{.*}} -> tensor<3x1x8x16xf32>
// MIDDLE: %[[K:.*]] = graph.matmul %{{.*}} by %[[U]] {names = ["g/rotated/by128"]} : tensor<8x8xf32> by tensor<3x1x8x16xf32>
// MIDDLE: %[[R:.*]] = graph.reshape %[[K]] {{.*}}names = ["g/rotated"]{{.*}} -> tensor<3x128xf32>
// MIDDLE: graph.matmul %[[R]] by %{{.*}} {names = ["m"]}
func.func @stream(%ids: tensor<3xi64> {graph.name = "ids"}) -> (tensor<3x8xf32> {graph.name = "y"}) attributes {graph.entry} {
  %table = graph.constant dense<0.5> : tensor<8x4xf32> {names = ["table"]}
  %gain = graph.constant dense<1.0> : tensor<4xf32> {names = ["gain"]}
  %w = graph.constant dense<0.25> : tensor<4x128xf32> {names = ["w"]}
  %o = graph.constant dense<0.125> : tensor<128x4xf32> {names = ["o"]}
  %b = graph.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32> {names = ["b"]}
  %e = graph.gather %table at %ids {axis = 0 : i64, names = ["e"]} : tensor<8x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  %n = graph.rms_norm %e scale %gain {axis = 1 : i64, epsilon = 1.0e-5 : f32, names = ["n"]} : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  %l = graph.matmul %n by %w {names = ["l"]} : tensor<3x4xf32> by tensor<4x128xf32> -> tensor<3x128xf32>
  %g = graph.sigmoid %l {names = ["g"]} : tensor<3x128xf32> -> tensor<3x128xf32>
  %m = graph.matmul %g by %o {names = ["m"]} : tensor<3x128xf32> by tensor<128x4xf32> -> tensor<3x4xf32>
  %c = graph.add %m, %b {names = ["c"]} : tensor<3x4xf32>, tensor<4xf32> -> tensor<3x4xf32>
  %r = graph.add %e, %c {names = ["r"]} : tensor<3x4xf32>, tensor<3x4xf32> -> tensor<3x4xf32>
  %q = graph.mul %r, %r {names = ["q"]} : tensor<3x4xf32>, tensor<3x4xf32> -> tensor<3x4xf32>
  %s = graph.reduce_mean %q over [1] {names = ["s"]} : tensor<3x4xf32> -> tensor<3x1xf32>
  %d = graph.sqrt %s {names = ["d"]} : tensor<3x1xf32> -> tensor<3x1xf32>
  %f = graph.div %r, %d {names = ["f"]} : tensor<3x4xf32>, tensor<3x1xf32> -> tensor<3x4xf32>
  %v = graph.transpose %table by [1, 0] {names = ["v"]} : tensor<8x4xf32> -> tensor<4x8xf32>
  %y = graph.matmul %f by %v {names = ["y"]} : tensor<3x4xf32> by tensor<4x8xf32> -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// -----

// Values of two heads of 4 channels, which a cache keeps: only with `states`.
// Queries and keys have positions in them: they are rotated behind these.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: heads = 0 : i64, inputs = 0 : i64, kept = 2 : i64
// CHECK-NOT: /rotated
// STATES-LABEL: func.func @heads
// STATES-SAME: graph.rotate_activations_report = {bytes_added = 0 : i64, heads = 1 : i64, inputs = 0 : i64, kept = 1 : i64, online = 2 : i64, queries = 1 : i64, residual = 0 : i64, rotated = 0 : i64, unselected = 0 : i64}
// STATES-DAG: %[[WV:.*]] = graph.constant {{.*}} {names = ["wv/rotated"]}
// STATES-DAG: %[[WO:.*]] = graph.constant {{.*}} {names = ["wo/rotated"]}
// STATES: %[[V:.*]] = graph.matmul %{{.*}} by %[[WV]] {names = ["v/rotated"]}
// STATES: %[[VH:.*]] = graph.reshape %[[V]] {{.*}}names = ["vh/rotated"]
// STATES: %[[VT:.*]] = graph.transpose %[[VH]] by [1, 0, 2] {names = ["vt/rotated"]}
// STATES: %[[VA:.*]] = graph.concat %{{.*}}, %[[VT]] along 1 {names = ["va"]}
// STATES: graph.matmul %{{.*}} by %{{.*}} {names = ["qp/rotated"]} : tensor<2x3x4xf32> by tensor<4x4xf32>
// STATES: %[[KR:.*]] = graph.matmul %{{.*}} by %{{.*}} {names = ["kp/rotated"]} : tensor<2x3x4xf32> by tensor<4x4xf32>
// STATES: graph.concat %{{.*}}, %[[KR]] along 1 {names = ["ka"]}
// STATES: graph.matmul %{{.*}} by %[[WO]] {names = ["y"]}
func.func @heads(%x: tensor<3x8xf32> {graph.name = "x"}, %pk: tensor<2x5x4xf32> {graph.name = "pk"}, %pv: tensor<2x5x4xf32> {graph.name = "pv"}) -> (tensor<3x8xf32> {graph.name = "y"}, tensor<2x8x4xf32> {graph.name = "ka"}, tensor<2x8x4xf32> {graph.name = "va"}) attributes {graph.entry} {
  %wq = graph.constant dense<0.5> : tensor<8x8xf32> {names = ["wq"]}
  %wk = graph.constant dense<0.25> : tensor<8x8xf32> {names = ["wk"]}
  %wv = graph.constant dense<0.125> : tensor<8x8xf32> {names = ["wv"]}
  %wo = graph.constant dense<0.75> : tensor<8x8xf32> {names = ["wo"]}
  %turn = graph.constant dense<[[[1.0, 0.5, 0.25, 2.0], [1.0, 0.5, 0.25, 3.0], [1.0, 0.5, 0.25, 4.0]]]> : tensor<1x3x4xf32> {names = ["turn"]}
  %split = graph.constant dense<[0, 2, 4]> : tensor<3xi64> {names = ["split"]}
  %merge = graph.constant dense<[0, 8]> : tensor<2xi64> {names = ["merge"]}
  %v = graph.matmul %x by %wv {names = ["v"]} : tensor<3x8xf32> by tensor<8x8xf32> -> tensor<3x8xf32>
  %vh = graph.reshape %v to %split {names = ["vh"]} : tensor<3x8xf32>, tensor<3xi64> -> tensor<3x2x4xf32>
  %vt = graph.transpose %vh by [1, 0, 2] {names = ["vt"]} : tensor<3x2x4xf32> -> tensor<2x3x4xf32>
  %va = graph.concat %pv, %vt along 1 {names = ["va"]} : tensor<2x5x4xf32>, tensor<2x3x4xf32> -> tensor<2x8x4xf32>
  %q = graph.matmul %x by %wq {names = ["q"]} : tensor<3x8xf32> by tensor<8x8xf32> -> tensor<3x8xf32>
  %qh = graph.reshape %q to %split {names = ["qh"]} : tensor<3x8xf32>, tensor<3xi64> -> tensor<3x2x4xf32>
  %qt = graph.transpose %qh by [1, 0, 2] {names = ["qt"]} : tensor<3x2x4xf32> -> tensor<2x3x4xf32>
  %qp = graph.mul %qt, %turn {names = ["qp"]} : tensor<2x3x4xf32>, tensor<1x3x4xf32> -> tensor<2x3x4xf32>
  %k = graph.matmul %x by %wk {names = ["k"]} : tensor<3x8xf32> by tensor<8x8xf32> -> tensor<3x8xf32>
  %kh = graph.reshape %k to %split {names = ["kh"]} : tensor<3x8xf32>, tensor<3xi64> -> tensor<3x2x4xf32>
  %kt = graph.transpose %kh by [1, 0, 2] {names = ["kt"]} : tensor<3x2x4xf32> -> tensor<2x3x4xf32>
  %kp = graph.mul %kt, %turn {names = ["kp"]} : tensor<2x3x4xf32>, tensor<1x3x4xf32> -> tensor<2x3x4xf32>
  %ka = graph.concat %pk, %kp along 1 {names = ["ka"]} : tensor<2x5x4xf32>, tensor<2x3x4xf32> -> tensor<2x8x4xf32>
  %s = graph.matmul %qp by %ka transposed {names = ["s"]} : tensor<2x3x4xf32> by tensor<2x8x4xf32> -> tensor<2x3x8xf32>
  %p = graph.softmax %s {axis = 2 : i64, names = ["p"]} : tensor<2x3x8xf32> -> tensor<2x3x8xf32>
  %a = graph.matmul %p by %va {names = ["a"]} : tensor<2x3x8xf32> by tensor<2x8x4xf32> -> tensor<2x3x4xf32>
  %at = graph.transpose %a by [1, 0, 2] {names = ["at"]} : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  %am = graph.reshape %at to %merge {names = ["am"]} : tensor<3x2x4xf32>, tensor<2xi64> -> tensor<3x8xf32>
  %y = graph.matmul %am by %wo {names = ["y"]} : tensor<3x8xf32> by tensor<8x8xf32> -> tensor<3x8xf32>
  return %y, %ka, %va : tensor<3x8xf32>, tensor<2x8x4xf32>, tensor<2x8x4xf32>
}
