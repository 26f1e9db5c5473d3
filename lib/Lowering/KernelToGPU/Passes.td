//===- Passes.td - lowering of kernel bodies to GPU code ----*- tablegen -*-===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_PASSES
#define CINCH_LIB_LOWERING_KERNELTOGPU_PASSES

include "mlir/Pass/PassBase.td"

def LowerKernelsToGPUPass : Pass<"lower-kernels-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Lowers kernel bodies to device functions, a block per tile";
  let description = [{
    ```mlir
    func.func private @k(%x: tensor<?xf32>, %d: tensor<?xf32>) -> tensor<?xf32>
        attributes {exec.kernel_body, exec.kind = "generic"} { … }
    // becomes
    llvm.func @k(!llvm.ptr, !llvm.ptr, i64, i64) attributes {exec.signature = (…) -> …}
    llvm.func @k.tiles(%args: !llvm.ptr) -> i64  // the number of blocks
    gpu.module @cinch_device [#nvvm.target<chip = "sm_80">] {
      llvm.func @k(%x: !llvm.ptr, %size: i64, %d: !llvm.ptr, %size_0: i64)
          attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256>}
    }
    ```
    A device function gets the words of runtime/ModuleAbi.h as parameters and computes
    the tile of its block. The module attribute `exec.device_functions` lists, in the
    order in which `lower-exec` numbers them: name, words, threads, shared_bytes, and
    `record`, what `--kernel-report` says of the schedule: its name, the reason for it,
    `fallback` where there is none for such a kernel, and more. `@k` stays declared until
    `lower-exec` has lowered its calls.

    Requires a program with places (`plan-memory`), as vectors of 16 bytes are loaded
    where all calls have aligned operands and rows consist of them. Element by element, producers are inlined
    at their use; statistics of rows are computed by the threads of a warp or a block
    together; a row is read once if its length is static and at most 32 elements per
    thread. Bodies of kind "loops" run on one thread.

    One contraction (a matmul, a convolution as the product of its windows and its
    filters) and what is computed element by element around it is a product of tiles
    in shared memory, several stages ahead: by matrix instructions for f16, bf16, i8
    (and f32, with `allow-tf32`), else by multiply-adds. With few rows or columns, the
    depth is divided among the threads of a block. The record says the schedule, the
    reason, and expressions for the matrix instructions and bytes of a launch.

    Refused, with a diagnostic: what
    lower-kernels refuses, and math functions of f64, which would be calls.

    An attention keeps scores, weights and sums in registers while a block walks the
    keys (Dao, "FlashAttention-2", 2023, algorithm 1; unlike there, the rows of a block
    are those of all heads that read the same keys and values). With few rows the warps
    of a block have different keys. Products of f16 and bf16 are matrix instructions,
    others multiply-adds in f32; the softmax is in f32. Where all calls compute the mask
    from positions, sizes and constants so that it hides the keys after each query, a
    block stops at the last key that a row of it sees. Heads that do not fit into
    shared memory are computed element by element, and the reason says so. Its record
    has `rows` of a block, `keys` of a step, the `matrix` instruction, and expressions
    over the words of a launch: `matrix_count` and `load_bytes` (of queries, keys and
    values), which are sums over the tiles of rows with such a mask; the same in `few`
    for launches with at most its `rows` of each group of heads.
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_80\"",
           "Architecture: sm_80, sm_86, sm_89, sm_90 or sm_120">,
    Option<"allowTF32", "allow-tf32", "bool", /*default=*/"false",
           "Multiply f32 as tf32 (10 bits of mantissa) on tensor cores">,
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::gpu::GPUDialect", "::mlir::index::IndexDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::ub::UBDialect", "::mlir::vector::VectorDialect",
  ];
}

def OrientWeightsPass : Pass<"orient-weights", "::mlir::ModuleOp"> {
  let summary = "Turns weights in few bits as products on a GPU read them";
  let description = [{
    ```mlir
    %w = exec.weight #graph.weight<…> : tensor<384x1536xi4>  // [N, K]
    %s = exec.weight #graph.weight<…> : tensor<384x24xf32>   // [N, groups]
    // becomes
    %w = exec.weight #graph.weight<"<computed:0>", …> : tensor<1536x384xi4>
        {exec.unpacked_shape = array<i64: 384, 1536>, exec.layout = "transposed"}
    %s = exec.weight #graph.weight<"<computed:1>", …> : tensor<24x384xf32> {…}
    ```
    for matrices of at most 8 bits that are dequantized for a contraction kernel. Beside
    an operand of floats, columns become neighbours, which are decoded together; beside
    one that is dequantized too, the places along the depth, which matrix instructions
    want. Scales and zero points of groups become [groups, N] in either case. The bodies
    of the kernels read the turned matrices at swapped indices. A weight with a reader
    that wants it as it is, or that is no such kernel, stays.

    Runs after form-kernels and before plan-memory, for GPU targets; the turned bytes are
    kept in memory until they are written.
  }];
  let dependentDialects = [
    "::cinch::exec::ExecDialect", "::cinch::graph::GraphDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
  ];
}

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_PASSES
