// RUN: cinch-opt %s -annotate-shapes -split-input-file | FileCheck %s

// Shape arithmetic: Shape, Gather, Concat, Reshape with -1.
func.func @reshapes_by_arithmetic(%x: tensor<?x?x384xf32> {graph.dims = ["batch", "seq", 384]}) {
  %shape = graph.shape %x from 0 to 3 : tensor<?x?x384xf32> -> tensor<3xi64>
  %one = graph.constant dense<1> : tensor<1xi64>
  %seq = graph.gather %shape at %one {axis = 0 : i64} : tensor<3xi64>, tensor<1xi64> -> tensor<1xi64>
  %heads = graph.constant dense<[12, -1]> : tensor<2xi64>
  %minus = graph.constant dense<-1> : tensor<1xi64>
  %to = graph.concat %seq, %heads along 0 : tensor<1xi64>, tensor<2xi64> -> tensor<3xi64>
  %r = graph.reshape %x to %to : tensor<?x?x384xf32>, tensor<3xi64> -> tensor<?x12x?xf32>
  %flat = graph.reshape %r to %minus : tensor<?x12x?xf32>, tensor<1xi64> -> tensor<?xf32>
  return
}
// CHECK-LABEL: func.func @reshapes_by_arithmetic
// CHECK: graph.gather {{.*}}graph.contents = {{\[}}["seq"]]
// CHECK: graph.concat {{.*}}graph.contents = {{\[}}["seq", 12, -1]]
// CHECK: graph.reshape {{.*}}graph.shapes = {{\[}}["seq", 12, "32*batch"]]
// CHECK: graph.reshape {{.*}}graph.shapes = {{\[}}["384*batch*seq"]]

// -----

// Whole, end counted from the back, backwards, clamped by an unknown size.
func.func @slices(%x: tensor<?x512xf32> {graph.dims = ["n", 512]}, %y: tensor<?xf32> {graph.dims = ["seq"]})
    attributes {graph.symbols = [{name = "n", min = 1 : i64}, {name = "seq", min = 1 : i64, max = 512 : i64}]} {
  %zero = graph.constant dense<0> : tensor<1xi64>
  %largest = graph.constant dense<9223372036854775807> : tensor<1xi64>
  %whole = graph.slice %x from %zero to %largest {axes = array<i64: 0>, steps = array<i64: 1>}
    : tensor<?x512xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<?x512xf32>
  %minus = graph.constant dense<-1> : tensor<1xi64>
  %but_last = graph.slice %x from %zero to %minus {axes = array<i64: 0>, steps = array<i64: 2>}
    : tensor<?x512xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<?x512xf32>
  %lowest = graph.constant dense<-9223372036854775807> : tensor<1xi64>
  %back = graph.slice %x from %minus to %lowest {axes = array<i64: 1>, steps = array<i64: -1>}
    : tensor<?x512xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<?x512xf32>
  %seq = graph.shape %y from 0 to 1 : tensor<?xf32> -> tensor<1xi64>
  %bounded = graph.slice %x from %zero to %seq {axes = array<i64: 1>, steps = array<i64: 1>}
    : tensor<?x512xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<?x?xf32>
  %n = graph.shape %x from 0 to 1 : tensor<?x512xf32> -> tensor<1xi64>
  %clamped = graph.slice %x from %zero to %n {axes = array<i64: 1>, steps = array<i64: 1>}
    : tensor<?x512xf32>, tensor<1xi64>, tensor<1xi64> -> tensor<?x?xf32>
  return
}
// CHECK-LABEL: func.func @slices
// CHECK: graph.slice {{.*}}graph.shapes = {{\[}}["n", 512]]
// CHECK: graph.slice {{.*}}graph.shapes = {{\[}}["floordiv(n, 2)", 512]]
// CHECK: graph.slice {{.*}}graph.shapes = {{\[}}["n", 512]]
// CHECK: graph.slice {{.*}}graph.shapes = {{\[}}["n", "seq"]]
// CHECK: graph.slice {{.*}}graph.shapes = {{\[}}["n", "min(512, n)"]]

// -----

// Contents follow a reversed slice, the order of a transpose, a tile, a select.
func.func @moves_contents(%x: tensor<?x3xf32> {graph.dims = ["n", 3]}) {
  %m = graph.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi64>
  %t = graph.transpose %m by [1, 0] : tensor<2x3xi64> -> tensor<3x2xi64>
  %minus = graph.constant dense<-1> : tensor<1xi64>
  %lowest = graph.constant dense<-9223372036854775808> : tensor<1xi64>
  %r = graph.slice %t from %minus to %lowest {axes = array<i64: 0>, steps = array<i64: -2>}
    : tensor<3x2xi64>, tensor<1xi64>, tensor<1xi64> -> tensor<2x2xi64>
  %repeats = graph.constant dense<[1, 2]> : tensor<2xi64>
  %tile = graph.tile %r by %repeats : tensor<2x2xi64>, tensor<2xi64> -> tensor<2x4xi64>
  %sum = graph.reduce_sum %tile over [1] {keep_dims = false} : tensor<2x4xi64> -> tensor<2xi64>
  %shape = graph.shape %x from 0 to 2 : tensor<?x3xf32> -> tensor<2xi64>
  %is = graph.compare eq %shape, %minus : tensor<2xi64>, tensor<1xi64> -> tensor<2xi1>
  %chosen = graph.select %is then %sum else %shape : tensor<2xi1>, tensor<2xi64>, tensor<2xi64> -> tensor<2xi64>
  %count = graph.reduce_prod %chosen over [0] : tensor<2xi64> -> tensor<1xi64>
  %half = graph.div %count, %repeats : tensor<1xi64>, tensor<2xi64> -> tensor<2xi64>
  return
}
// CHECK-LABEL: func.func @moves_contents
// CHECK: graph.transpose {{.*}}graph.contents = {{\[}}[1, 4, 2, 5, 3, 6]]
// CHECK: graph.slice {{.*}}graph.contents = {{\[}}[3, 6, 1, 4]]
// CHECK: graph.tile {{.*}}graph.contents = {{\[}}[3, 6, 3, 6, 1, 4, 1, 4]]
// CHECK: graph.reduce_sum {{.*}}graph.contents = {{\[}}[18, 10]]
// CHECK: graph.compare {{.*}}graph.contents = {{\[}}[0, 0]]
// CHECK: graph.select {{.*}}graph.contents = {{\[}}["n", 3]]
// CHECK: graph.reduce_prod {{.*}}graph.contents = {{\[}}["3*n"]]
// CHECK: graph.div {{.*}}graph.contents = {{\[}}["3*n", "n + floordiv(n, 2)"]]

// -----

// What is not known stays unknown: an element beyond its type.
func.func @forgets_what_overflows() {
  %big = graph.constant dense<2147483647> : tensor<1xi32>
  %one = graph.constant dense<1> : tensor<1xi32>
  %sum = graph.add %big, %one : tensor<1xi32>, tensor<1xi32> -> tensor<1xi32>
  %huge = graph.constant dense<9223372036854775807> : tensor<1xi64>
  %double = graph.add %huge, %huge : tensor<1xi64>, tensor<1xi64> -> tensor<1xi64>
  %by = graph.constant dense<0> : tensor<1xi64>
  %divided = graph.floor_mod %huge, %by : tensor<1xi64>, tensor<1xi64> -> tensor<1xi64>
  return
}
// CHECK-LABEL: func.func @forgets_what_overflows
// CHECK: graph.add
// CHECK-NOT: graph.contents
// CHECK: return

// -----

// Broadcast: a requirement where the sizes of a run decide.
func.func @broadcasts(%a: tensor<?x4xf32> {graph.dims = ["n", 4]}, %b: tensor<?x1xf32> {graph.dims = ["m", 1]},
                      %c: tensor<?xf32> {graph.dims = ["k"]}, %e: tensor<0x1xf32>)
    attributes {graph.symbols = [{name = "n", min = 1 : i64}, {name = "m", min = 1 : i64}, {name = "k", min = 2 : i64}]} {
  %s = graph.add %a, %b : tensor<?x4xf32>, tensor<?x1xf32> -> tensor<?x4xf32>
  %t = graph.add %a, %c : tensor<?x4xf32>, tensor<?xf32> -> tensor<?x4xf32>
  %one = graph.constant dense<1.0> : tensor<1x4xf32>
  %u = graph.add %e, %one : tensor<0x1xf32>, tensor<1x4xf32> -> tensor<0x4xf32>
  return
}
// CHECK-LABEL: func.func @broadcasts
// CHECK-SAME: "-k + 4"
// CHECK: graph.add {{.*}}graph.shapes = {{\[}}["max(n, m)", 4]]
// CHECK: graph.add {{.*}}graph.shapes = {{\[}}["n", 4]]
// CHECK: graph.add {{.*}}graph.shapes = {{\[}}[0, 4]]

// -----

func.func @windows(%x: tensor<?x3x?x224xf32> {graph.dims = ["n", 3, "h", 224]}, %f: tensor<8x3x3x3xf32>) {
  %conv = graph.conv %x by %f {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>}
    : tensor<?x3x?x224xf32> by tensor<8x3x3x3xf32> -> tensor<?x8x?x112xf32>
  %pool = graph.max_pool %conv {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>,
                                dilations = array<i64: 1, 1>, ceil_mode}
    : tensor<?x8x?x112xf32> -> tensor<?x8x?x56xf32>
  %g = graph.constant dense<1.0> : tensor<8x4x2x2xf32>
  %up = graph.conv_transpose %pool by %g {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>,
    dilations = array<i64: 1, 1>, output_padding = array<i64: 1, 0>}
    : tensor<?x8x?x56xf32> by tensor<8x4x2x2xf32> -> tensor<?x4x?x112xf32>
  %scales = graph.constant dense<[2.0, 0.5]> : tensor<2xf32>
  %resized = graph.resize nearest asymmetric floor %x scales %scales : tensor<2xf32> {axes = array<i64: 2, 3>}
    : tensor<?x3x?x224xf32> -> tensor<?x3x?x112xf32>
  %pads = graph.constant dense<[1, -2, 0, 3]> : tensor<4xi64>
  %padded = graph.pad constant %x by %pads {axes = array<i64: 2, 3>} : tensor<?x3x?x224xf32>, tensor<4xi64> -> tensor<?x3x?x225xf32>
  return
}
// CHECK-LABEL: func.func @windows
// CHECK: graph.conv {{.*}}graph.shapes = {{\[}}["n", 8, "floordiv(h + 1, 2)", 112]]
// CHECK: graph.max_pool {{.*}}graph.shapes = {{\[}}["n", 8, "floordiv(h + 3, 4)", 56]]
// CHECK: graph.conv_transpose {{.*}}graph.shapes = {{\[}}["n", 4, "2*floordiv(h + 3, 4) + 1", 112]]
// CHECK: graph.resize {{.*}}graph.shapes = {{\[}}["n", 3, "2*h", 112]]
// CHECK: graph.pad {{.*}}graph.shapes = {{\[}}["n", 3, "h + 1", 225]]

// -----

func.func @counts(%x: tensor<?x?xi64> {graph.dims = ["n", "m"]}) {
  %zero = graph.constant dense<0> : tensor<i64>
  %two = graph.constant dense<2> : tensor<i64>
  %size = graph.size %x : tensor<?x?xi64> -> tensor<i64>
  %range = graph.range %zero to %size by %two : tensor<i64>, tensor<i64>, tensor<i64> -> tensor<?xi64>
  %k = graph.constant dense<3> : tensor<1xi64>
  %values, %positions = graph.top_k %x first %k {axis = 1 : i64} : tensor<?x?xi64>, tensor<1xi64> -> tensor<?x3xi64>, tensor<?x3xi64>
  %onoff = graph.constant dense<[0.0, 1.0]> : tensor<2xf32>
  %hot = graph.one_hot %positions depth %k values %onoff {axis = 2 : i64}
    : tensor<?x3xi64>, tensor<1xi64>, tensor<2xf32> -> tensor<?x3x3xf32>
  %nd = graph.gather_nd %hot at %positions {batch_dims = 0 : i64} : tensor<?x3x3xf32>, tensor<?x3xi64> -> tensor<?xf32>
  return
}
// CHECK-LABEL: func.func @counts
// CHECK-SAME: "min(0, m - 3)"
// CHECK: graph.range {{.*}}graph.shapes = {{\[}}["floordiv(m*n + 1, 2)"]]
// CHECK: graph.top_k {{.*}}graph.shapes = {{\[}}["n", 3], ["n", 3]]
// CHECK: graph.one_hot {{.*}}graph.shapes = {{\[}}["n", 3, 3]]
// CHECK: graph.gather_nd {{.*}}graph.shapes = {{\[}}["n"]]

// -----

// Of a branch, dimensions on which both agree are kept; of a loop, those that no iteration changes.
func.func @control_flow(%p: i1, %a: tensor<?x4xf32> {graph.dims = ["n", 4]}, %b: tensor<?x4xf32> {graph.dims = ["m", 4]},
                        %from: index, %to: index, %by: index) {
  %r = scf.if %p -> tensor<?x4xf32> {
    %neg = graph.neg %a : tensor<?x4xf32> -> tensor<?x4xf32>
    scf.yield %neg : tensor<?x4xf32>
  } else {
    scf.yield %b : tensor<?x4xf32>
  }
  %grown:2 = scf.for %i = %from to %to step %by iter_args(%all = %a, %same = %a) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    %more = graph.concat %all, %b along 0 : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
    %next = graph.abs %same : tensor<?x4xf32> -> tensor<?x4xf32>
    scf.yield %more, %next : tensor<?x4xf32>, tensor<?x4xf32>
  }
  return
}
// CHECK-LABEL: func.func @control_flow
// CHECK: graph.neg {{.*}}graph.shapes = {{\[}}["n", 4]]
// CHECK: } {graph.shapes = {{\[}}["if", 4]]}
// CHECK: graph.concat {{.*}}graph.shapes = {{\[}}["loop + m", 4]]
// CHECK: graph.abs {{.*}}graph.shapes = {{\[}}["n", 4]]
// CHECK: } {graph.shapes = {{\[}}["loop_1", 4], ["n", 4]]}
