//===- Passes.td - lowering of kernel bodies to LLVM --------*- tablegen -*-===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_PASSES
#define CINCH_LIB_LOWERING_KERNELTOLLVM_PASSES

include "mlir/Pass/PassBase.td"

def LowerKernelsPass : Pass<"lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Lowers kernel bodies to LLVM functions over a range of tiles";
  let description = [{
    ```mlir
    func.func private @k(%x: tensor<?xf32>, %d: tensor<?xf32>) -> tensor<?xf32>
        attributes {exec.kernel_body, exec.kind = "generic"} { … }
    // becomes
    llvm.func @k(%args: !llvm.ptr, %microkernels: !llvm.ptr, %begin: i64, %end: i64)
        attributes {exec.grain = 4 : i64, exec.signature = (…) -> …}
    llvm.func @k.tiles(%args: !llvm.ptr) -> i64
    ```
    `args` are the words of runtime/ModuleAbi.h. Requires: every function marked
    `exec.kernel_body` follows the grammar of its `exec.kind` ("generic",
    "contraction", "attention" or "loops"; see docs/architecture). Afterwards no
    `exec.kernel_body` is left, the uses of @k are unchanged, and the module
    attribute `exec.microkernels` lists what contractions call.

    Generic kernels and the scalar path inline elementwise producers at the point
    of use and compute row statistics in registers: nothing is materialized and
    nothing is allocated. Contractions run tiles over microkernels with operand
    panels and the accumulator on the stack (at most 128 KiB per call). Those of 8-bit
    integers call functions made of the instructions `dot-products` instead. Refused,
    with a diagnostic on the operation: an operation outside the grammar, and a
    "loops" body that cannot be bufferized in place. A `cf.assert`, hoisted out of
    the loops that its condition does not depend on, leaves its number in the fault
    word of the run (runtime/ModuleAbi.h) where it does not hold.
  }];
  let options = [
    Option<"reference", "reference", "bool", /*default=*/"false",
           "One tile, plain sequential loops, no microkernels and no fast math">,
    Option<"dotProducts", "dot-products", "::cinch::DotProducts",
           /*default=*/"::cinch::DotProducts::None",
           "Instructions for products of 8-bit integers",
           [{::llvm::cl::values(
             clEnumValN(::cinch::DotProducts::None, "none", "scalar loops"),
             clEnumValN(::cinch::DotProducts::Avx2, "avx2", "vpmaddwd of AVX2"),
             clEnumValN(::cinch::DotProducts::Avx512, "avx512", "vpmaddwd of AVX-512"),
             clEnumValN(::cinch::DotProducts::AvxVnni, "avxvnni", "vpdpbusd of AVX-VNNI"),
             clEnumValN(::cinch::DotProducts::Avx512Vnni, "avx512vnni",
                        "vpdpbusd of AVX-512"))}]>,
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::index::IndexDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::ub::UBDialect", "::mlir::vector::VectorDialect",
  ];
}

def AssignLayoutsPass : Pass<"assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Stores what convolutions pass on in blocks of channels";
  let description = [{
    ```mlir
    %y = exec.kernel @conv(%x, %f) … -> tensor<1x64x56x56xf32>
    %z = exec.kernel @relu_conv(%y, %g) … -> tensor<1x64x56x56xf32>
    // becomes
    %y = exec.kernel @conv_0(%x, %f) … -> tensor<1x64x56x56xf32, #exec.channel_blocks<64>>
    %z = exec.kernel @relu_conv_1(%y, %g) … -> tensor<1x64x56x56xf32>
    ```
    Takes part: a float32 value [N, C, space...] of one or two spatial axes and a
    static C >= 8 that only kernels, and concatenations of channels with N = 1,
    write and read, if these treat channels as the axis that it is: convolutions
    whose filter is a weight or one value, and generic kernels whose results have
    the same channels. Regions of such values are kept where a convolution reads
    one and the time that its convolutions save is more than that of packing and
    writing row-major values at the ends (estimated from the sizes). One block has all
    channels; where channels are concatenated, blocks have the greatest common divisor
    of the parts, so that the concatenation stays free.
    The layout is the encoding of the type: inputs, outputs and everything else stay
    row-major, and shapes and bytes are as before. A body is copied for each
    combination of layouts that it is called with. Pairs of `in_place` whose layouts
    differ are dropped. A kernel that only takes rows of one image, or joins them,
    where one block has all channels is replaced by an `exec.view` or an
    `exec.assemble`. Runs after form-kernels and before pack-weights; not on the
    reference path.
  }];
  let dependentDialects = ["::cinch::exec::ExecDialect", "::mlir::linalg::LinalgDialect"];
}

def JoinRowsPass : Pass<"join-rows", "::mlir::ModuleOp"> {
  let summary = "Lets kernels write rows where they are joined";
  let description = [{
    ```mlir
    %a = exec.kernel @pool(%x) {…} : (…) -> tensor<?x8x4x9xf32>
    %b = exec.kernel @pool(%y) {…} : (…) -> tensor<?x8x4x9xf32>
    %z = exec.kernel @concat(%a, %b) {exec.joins_rows, …} : (…) -> tensor<?x8x8x9xf32>
    // becomes
    %a = exec.kernel @pool_rows(%x) scalars ["0"] {…} : (…) -> tensor<?x8x8x9xf32>
    %z = exec.kernel @pool_rows_0(%y, %a) scalars ["4"] {updates = [array<i64: 1, 0>], …} : (…) -> tensor<?x8x8x9xf32>
    ```
    for rows of images, [N, C, H, W], that generic kernels of one result make for
    this concatenation alone; other concatenations stay kernels. Rows of one
    image in one block of all channels are joined by assign-layouts already.
    Runs after assign-layouts and before pack-weights; not on the reference path.
  }];
  let dependentDialects = ["::cinch::exec::ExecDialect", "::mlir::tensor::TensorDialect"];
}

def PackWeightsPass : Pass<"pack-weights", "::mlir::ModuleOp"> {
  let summary = "Lays out weight matrices in the blocks that microkernels read";
  let description = [{
    ```mlir
    %w = exec.weight #graph.weight<…> : tensor<384x1536xf32>
    // becomes
    %w = exec.weight #graph.weight<"<computed:0>", …> : tensor<24x384x64xf32>
        {exec.unpacked_shape = array<i64: 384, 1536>, exec.layout = "column-blocks"}
    ```
    for weights [K, N] (`column-blocks`) or [N, K] (`row-blocks`) whose every use is B
    of a contraction kernel whose every call has such a weight: [ceil(N / nb)][K][nb],
    zero padded; those of 8 bits (`column-fours`, `row-fours`) in
    [ceil(N / nb)][ceil(K / 4)][nb][4]. The kernel's argument takes the packed type; a generic marked
    `exec.unpack` in its body shows it as the matrix that it was, so that every
    lowering stays right. Where B is computed from elements of at most 8 bits
    (graph.dequantize), these are packed in the same blocks, and of blocks of [N, K] the
    scales and zero points [N, groups] become [groups, N] (`transposed`), as panels are
    filled along N. Others are left alone.

    A filter [F, C, kernel...] whose convolution has its filters as columns is a matrix
    [F, C * kernel...]. The filter [F, C, kernel...] of a convolution that runs tap by
    tap becomes [kernel..., F, C] (`taps-first`); that of a convolution of channel
    blocks keeps its shape and is stored as `#exec.filter_blocks` (`filter-blocks`).

    Runs after form-kernels and before plan-memory; not on the reference path. The
    packed bytes are kept in memory until they are written.
  }];
  let dependentDialects = [
    "::cinch::exec::ExecDialect", "::cinch::graph::GraphDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_PASSES
