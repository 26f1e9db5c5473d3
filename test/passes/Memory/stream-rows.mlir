// RUN: cinch-opt %s -split-input-file -pass-pipeline='builtin.module(func.func(stream-rows{report min-bytes=0},verify-names))' | FileCheck %s

// 32 rows of 8 channels between a convolution of 3 rows and a pooling of 2: bands of
// 4 pooled rows bring the peak from 32 + 8 rows of 8 x 16 floats to 8 + 8.
// CHECK-LABEL: func.func @splits_a_convolution_and_its_pooling
// CHECK-SAME: graph.stream_rows_report = {bands = 4 : i64, chains = 1 : i64, peak = 8192 : i64, peak_before = 20480 : i64, values = 0 : i64}
func.func @splits_a_convolution_and_its_pooling(%x: tensor<1x3x32x16xf32> {graph.name = "x"}) -> tensor<1x8x16x8xf32> {
  // CHECK: %[[X0:.*]] = graph.slice %arg0 from %{{.*}} to %{{.*}} {axes = array<i64: 2>, names = ["x_rows0"], steps = array<i64: 1>} {{.*}} -> tensor<1x3x9x16xf32>
  // CHECK: %[[C0:.*]] = graph.conv %[[X0]] by %{{.*}} {{.*}}names = ["c_rows0"], pads = array<i64: 1, 1, 0, 1>{{.*}} -> tensor<1x8x8x16xf32>
  // CHECK: %[[R0:.*]] = graph.relu %[[C0]] {names = ["r_rows0"]}
  // CHECK: %[[P0:.*]] = graph.max_pool %[[R0]] {{.*}}names = ["p_rows0"]{{.*}} -> tensor<1x8x4x8xf32>
  // CHECK: graph.constant dense<7> : tensor<1xi64> {names = ["x/begin_rows1"]}
  // CHECK: graph.constant dense<17> : tensor<1xi64> {names = ["x/end_rows1"]}
  // CHECK: graph.slice %arg0 {{.*}} -> tensor<1x3x10x16xf32>
  // CHECK: graph.conv {{.*}}pads = array<i64: 0, 1, 0, 1>
  // CHECK: %[[P1:.*]] = graph.max_pool
  // CHECK: %[[P2:.*]] = graph.max_pool
  // CHECK: graph.conv {{.*}}pads = array<i64: 0, 1, 1, 1>
  // CHECK: %[[P3:.*]] = graph.max_pool
  // CHECK: %[[P:.*]] = graph.concat %[[P0]], %[[P1]], %[[P2]], %[[P3]] along 2 {names = ["p"]}
  // CHECK: graph.conv %[[P]]
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x32x16xf32>
  %r = graph.relu %c {names = ["r"]} : tensor<1x8x32x16xf32> -> tensor<1x8x32x16xf32>
  %p = graph.max_pool %r {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<1x8x32x16xf32> -> tensor<1x8x16x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x16x8xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x16x8xf32>
  return %y : tensor<1x8x16x8xf32>
}

// -----

// Estimated for one image.
// CHECK-LABEL: func.func @splits_an_unknown_number_of_images
// CHECK-SAME: chains = 1 : i64, peak = 8192
// CHECK: graph.concat {{.*}} along 2 {names = ["p"]} {{.*}} -> tensor<?x8x16x8xf32>
func.func @splits_an_unknown_number_of_images(%x: tensor<?x3x32x16xf32> {graph.name = "x"}) -> tensor<?x8x16x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<?x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<?x8x32x16xf32>
  %p = graph.max_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<?x8x32x16xf32> -> tensor<?x8x16x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<?x8x16x8xf32> by tensor<8x8x1x1xf32> -> tensor<?x8x16x8xf32>
  return %y : tensor<?x8x16x8xf32>
}

// -----

// Rows of two images are neighbours in no layout.
// CHECK-LABEL: func.func @keeps_two_images
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_two_images(%x: tensor<2x3x32x16xf32> {graph.name = "x"}) -> tensor<2x8x16x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<2x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<2x8x32x16xf32>
  %p = graph.max_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<2x8x32x16xf32> -> tensor<2x8x16x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<2x8x16x8xf32> by tensor<8x8x1x1xf32> -> tensor<2x8x16x8xf32>
  return %y : tensor<2x8x16x8xf32>
}

// -----

// Bands are as many as the rows need.
// CHECK-LABEL: func.func @keeps_unknown_rows
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_unknown_rows(%x: tensor<1x3x?x16xf32> {graph.name = "x"}) -> tensor<1x8x?x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x?x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x?x16xf32>
  %p = graph.max_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<1x8x?x16xf32> -> tensor<1x8x?x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x?x8xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x?x8xf32>
  return %y : tensor<1x8x?x8xf32>
}

// -----

// Somebody else needs all rows of the convolution.
// CHECK-LABEL: func.func @keeps_what_is_read_twice
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_what_is_read_twice(%x: tensor<1x3x32x16xf32> {graph.name = "x"}) -> tensor<1x8x32x16xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x32x16xf32>
  %p = graph.max_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<1x8x32x16xf32> -> tensor<1x8x16x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x16x8xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x16x8xf32>
  %one = graph.reduce_max %y over [2, 3] {names = ["one"]} : tensor<1x8x16x8xf32> -> tensor<1x8x1x1xf32>
  %z = graph.mul %c, %one {names = ["z"]} : tensor<1x8x32x16xf32>, tensor<1x8x1x1xf32> -> tensor<1x8x32x16xf32>
  return %z : tensor<1x8x32x16xf32>
}

// -----

// Rows of an output, which is row-major, would be copied.
// CHECK-LABEL: func.func @keeps_what_is_returned
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_what_is_returned(%x: tensor<1x3x32x16xf32> {graph.name = "x"}) -> tensor<1x8x16x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x32x16xf32>
  %p = graph.max_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<1x8x32x16xf32> -> tensor<1x8x16x8xf32>
  return %p : tensor<1x8x16x8xf32>
}

// -----

// What its last window counts depends on the rows of the image.
// CHECK-LABEL: func.func @keeps_average_pooling_in_ceil_mode
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_average_pooling_in_ceil_mode(%x: tensor<1x3x32x16xf32> {graph.name = "x"}) -> tensor<1x8x16x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x32x16xf32>
  %p = graph.average_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, ceil_mode, names = ["p"]}
    : tensor<1x8x32x16xf32> -> tensor<1x8x16x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x16x8xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x16x8xf32>
  return %y : tensor<1x8x16x8xf32>
}

// -----

// 8 of 16 rows twice: 50 % of the first convolution, 6 % of both.
// CHECK-LABEL: func.func @keeps_what_overlaps_too_much
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_what_overlaps_too_much(%x: tensor<1x3x16x16xf32> {graph.name = "x"}) -> tensor<1x8x16x16xf32> {
  %w = graph.constant dense<1.0> : tensor<32x3x3x3xf32> {names = ["w"]}
  %u = graph.constant dense<1.0> : tensor<8x32x9x3xf32> {names = ["u"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x16x16xf32> by tensor<32x3x3x3xf32> -> tensor<1x32x16x16xf32>
  %d = graph.conv %c by %u {strides = array<i64: 1, 1>, pads = array<i64: 4, 1, 4, 1>, dilations = array<i64: 1, 1>, names = ["d"]}
    : tensor<1x32x16x16xf32> by tensor<8x32x9x3xf32> -> tensor<1x8x16x16xf32>
  %y = graph.conv %d by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x16x16xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x16x16xf32>
  return %y : tensor<1x8x16x16xf32>
}

// -----

// Another value is larger than both.
// CHECK-LABEL: func.func @keeps_what_is_not_the_peak
// CHECK-SAME: chains = 0
// CHECK-NOT: graph.slice
func.func @keeps_what_is_not_the_peak(%x: tensor<1x3x32x16xf32> {graph.name = "x"}) -> tensor<1x8x1x1xf32> {
  %t = graph.constant dense<[1, 1, 10, 1]> : tensor<4xi64> {names = ["t"]}
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["v"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x32x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x32x16xf32>
  %p = graph.max_pool %c {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<1x8x32x16xf32> -> tensor<1x8x16x8xf32>
  %y = graph.conv %p by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x16x8xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x16x8xf32>
  %big = graph.tile %y by %t {names = ["big"]} : tensor<1x8x16x8xf32>, tensor<4xi64> -> tensor<1x8x160x8xf32>
  %z = graph.reduce_max %big over [2, 3] {names = ["z"]} : tensor<1x8x160x8xf32> -> tensor<1x8x1x1xf32>
  return %z : tensor<1x8x1x1xf32>
}

// -----

// The second convolution needs a row more on each side than the sum.
// CHECK-LABEL: func.func @takes_rows_of_a_band
// CHECK: %[[C:.*]] = graph.conv %{{.*}} {{.*}}names = ["c_rows1"]{{.*}} -> tensor<1x8x34x16xf32>
// CHECK: %[[D:.*]] = graph.conv %[[C]] {{.*}} -> tensor<1x8x32x16xf32>
// CHECK: graph.constant dense<1>
// CHECK: graph.constant dense<33>
// CHECK: %[[S:.*]] = graph.slice %[[C]] {{.*}} -> tensor<1x8x32x16xf32>
// CHECK: graph.add %[[D]], %[[S]]
func.func @takes_rows_of_a_band(%x: tensor<1x3x128x16xf32> {graph.name = "x"}) -> tensor<1x8x64x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x3x3x3xf32> {names = ["w"]}
  %v = graph.constant dense<1.0> : tensor<8x8x3x3xf32> {names = ["v"]}
  %u = graph.constant dense<1.0> : tensor<8x8x1x1xf32> {names = ["u"]}
  %c = graph.conv %x by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]}
    : tensor<1x3x128x16xf32> by tensor<8x3x3x3xf32> -> tensor<1x8x128x16xf32>
  %d = graph.conv %c by %v {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["d"]}
    : tensor<1x8x128x16xf32> by tensor<8x8x3x3xf32> -> tensor<1x8x128x16xf32>
  %s = graph.add %d, %c {names = ["s"]} : tensor<1x8x128x16xf32>, tensor<1x8x128x16xf32> -> tensor<1x8x128x16xf32>
  %p = graph.max_pool %s {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["p"]}
    : tensor<1x8x128x16xf32> -> tensor<1x8x64x8xf32>
  %y = graph.conv %p by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]}
    : tensor<1x8x64x8xf32> by tensor<8x8x1x1xf32> -> tensor<1x8x64x8xf32>
  return %y : tensor<1x8x64x8xf32>
}

// -----

// What is read by rows stays in 4 bands; what the 3 x 3 convolution reads is joined, and
// so is the sum, as 4 bands of the strided result would be too small.
// CHECK-LABEL: func.func @keeps_a_sum_in_bands
// CHECK-SAME: graph.stream_rows_report = {bands = 4 : i64, chains = 0 : i64, peak = 75776 : i64, peak_before = 81920 : i64, values = 3 : i64}
// CHECK: %[[A0:.*]] = graph.conv {{.*}}names = ["a_rows0"]
// CHECK: %[[A3:.*]] = graph.conv {{.*}}names = ["a_rows3"]
// CHECK: %[[B0:.*]] = graph.conv %[[A0]] by {{.*}}names = ["b_rows0"]
// CHECK: %[[B3:.*]] = graph.conv %[[A3]] by {{.*}}names = ["b_rows3"]
// CHECK: %[[B:.*]] = graph.concat %[[B0]], {{.*}}, %[[B3]] along 2 {names = ["b"]}
// CHECK: %[[S0:.*]] = graph.slice %[[B]] {{.*}} -> tensor<1x8x5x16xf32>
// CHECK: %[[C0:.*]] = graph.conv %[[S0]] by {{.*}}pads = array<i64: 1, 1, 0, 1>
// CHECK: %[[D0:.*]] = graph.conv %[[C0]]
// CHECK: %[[E0:.*]] = graph.add %[[D0]], %[[A0]]
// CHECK: graph.slice %[[B]] {{.*}} -> tensor<1x8x6x16xf32>
// CHECK: %[[E3:.*]] = graph.add %{{.*}}, %[[A3]]
// CHECK: %[[E:.*]] = graph.concat %[[E0]], {{.*}}, %[[E3]] along 2 {names = ["e"]}
// CHECK: graph.conv %[[E]]
func.func @keeps_a_sum_in_bands(%x: tensor<1x8x16x16xf32> {graph.name = "x"}) -> tensor<1x8x8x8xf32> {
  %u = graph.constant dense<1.0> : tensor<64x8x1x1xf32> {names = ["u"]}
  %v = graph.constant dense<1.0> : tensor<8x64x1x1xf32> {names = ["v"]}
  %w = graph.constant dense<1.0> : tensor<8x8x3x3xf32> {names = ["w"]}
  %t = graph.constant dense<1.0> : tensor<8x64x1x1xf32> {names = ["t"]}
  %a = graph.conv %x by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["a"]} : tensor<1x8x16x16xf32> by tensor<64x8x1x1xf32> -> tensor<1x64x16x16xf32>
  %b = graph.conv %a by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["b"]} : tensor<1x64x16x16xf32> by tensor<8x64x1x1xf32> -> tensor<1x8x16x16xf32>
  %c = graph.conv %b by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]} : tensor<1x8x16x16xf32> by tensor<8x8x3x3xf32> -> tensor<1x8x16x16xf32>
  %d = graph.conv %c by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["d"]} : tensor<1x8x16x16xf32> by tensor<64x8x1x1xf32> -> tensor<1x64x16x16xf32>
  %e = graph.add %d, %a {names = ["e"]} : tensor<1x64x16x16xf32>, tensor<1x64x16x16xf32> -> tensor<1x64x16x16xf32>
  %y = graph.conv %e by %t {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]} : tensor<1x64x16x16xf32> by tensor<8x64x1x1xf32> -> tensor<1x8x8x8xf32>
  return %y : tensor<1x8x8x8xf32>
}

// -----

// Windows that cross bands need all of the sum.
// CHECK-LABEL: func.func @keeps_what_windows_cross
// CHECK-SAME: values = 0
// CHECK-NOT: graph.slice
func.func @keeps_what_windows_cross(%x: tensor<1x8x16x16xf32> {graph.name = "x"}) -> tensor<1x8x8x8xf32> {
  %u = graph.constant dense<1.0> : tensor<64x8x1x1xf32> {names = ["u"]}
  %v = graph.constant dense<1.0> : tensor<8x64x3x3xf32> {names = ["v"]}
  %w = graph.constant dense<1.0> : tensor<8x8x3x3xf32> {names = ["w"]}
  %t = graph.constant dense<1.0> : tensor<8x64x1x1xf32> {names = ["t"]}
  %a = graph.conv %x by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["a"]} : tensor<1x8x16x16xf32> by tensor<64x8x1x1xf32> -> tensor<1x64x16x16xf32>
  %b = graph.conv %a by %v {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["b"]} : tensor<1x64x16x16xf32> by tensor<8x64x3x3xf32> -> tensor<1x8x16x16xf32>
  %c = graph.conv %b by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]} : tensor<1x8x16x16xf32> by tensor<8x8x3x3xf32> -> tensor<1x8x16x16xf32>
  %d = graph.conv %c by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["d"]} : tensor<1x8x16x16xf32> by tensor<64x8x1x1xf32> -> tensor<1x64x16x16xf32>
  %e = graph.add %d, %a {names = ["e"]} : tensor<1x64x16x16xf32>, tensor<1x64x16x16xf32> -> tensor<1x64x16x16xf32>
  %y = graph.conv %e by %t {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]} : tensor<1x64x16x16xf32> by tensor<8x64x1x1xf32> -> tensor<1x8x8x8xf32>
  return %y : tensor<1x8x8x8xf32>
}

// -----

// Bands are of one size, so that their boundaries agree.
// CHECK-LABEL: func.func @keeps_a_prime_number_of_rows
// CHECK-SAME: values = 0
// CHECK-NOT: graph.slice
func.func @keeps_a_prime_number_of_rows(%x: tensor<1x8x37x16xf32> {graph.name = "x"}) -> tensor<1x8x19x8xf32> {
  %u = graph.constant dense<1.0> : tensor<64x8x1x1xf32> {names = ["u"]}
  %v = graph.constant dense<1.0> : tensor<8x64x1x1xf32> {names = ["v"]}
  %w = graph.constant dense<1.0> : tensor<8x8x3x3xf32> {names = ["w"]}
  %t = graph.constant dense<1.0> : tensor<8x64x1x1xf32> {names = ["t"]}
  %a = graph.conv %x by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["a"]} : tensor<1x8x37x16xf32> by tensor<64x8x1x1xf32> -> tensor<1x64x37x16xf32>
  %b = graph.conv %a by %v {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["b"]} : tensor<1x64x37x16xf32> by tensor<8x64x1x1xf32> -> tensor<1x8x37x16xf32>
  %c = graph.conv %b by %w {strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, names = ["c"]} : tensor<1x8x37x16xf32> by tensor<8x8x3x3xf32> -> tensor<1x8x37x16xf32>
  %d = graph.conv %c by %u {strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["d"]} : tensor<1x8x37x16xf32> by tensor<64x8x1x1xf32> -> tensor<1x64x37x16xf32>
  %e = graph.add %d, %a {names = ["e"]} : tensor<1x64x37x16xf32>, tensor<1x64x37x16xf32> -> tensor<1x64x37x16xf32>
  %y = graph.conv %e by %t {strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, names = ["y"]} : tensor<1x64x37x16xf32> by tensor<8x64x1x1xf32> -> tensor<1x8x19x8xf32>
  return %y : tensor<1x8x19x8xf32>
}
