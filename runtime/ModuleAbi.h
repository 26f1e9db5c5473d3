//===- ModuleAbi.h - contract between generated code and the runtime ------===//
//
// A compiled model is one object of type `cinch_module_t`: a shared library
// exports it as `cinch_module`, an object file under a name of its own.
// Generated code calls nothing by name: everything it needs arrives through
// `cinch_host_v1`. Both sides include this header; the compiler mirrors the
// field order in lib/Lowering/ExecToLLVM and lib/Target/ObjectCode.cpp. Any
// change of layout or meaning raises CINCH_MODULE_ABI_VERSION.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_MODULEABI_H
#define CINCH_RUNTIME_MODULEABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CINCH_MODULE_ABI_VERSION 5
#define CINCH_MODULE_SYMBOL "cinch_module"
/// ELF note: owner name and type. Its descriptor is a JSON object with the keys
/// "abi", "target", "cpu", "features" (array of names as in
/// llvm::sys::getHostCPUFeatures), "weights_checksum", "weights_bytes".
#define CINCH_NOTE_OWNER "Cinch"
#define CINCH_NOTE_SECTION ".note.cinch"
#define CINCH_NOTE_TYPE 1

/// Base pointers in `cinch_frame_v1::bases`, by memory space.
enum {
  CINCH_SPACE_ARENA = 0,
  CINCH_SPACE_WEIGHTS = 1,
  CINCH_SPACE_STATE = 2,
  CINCH_SPACE_COUNT = 3
};

/// A kernel: computes the tiles [begin, end) of its tile space. `args` holds,
/// in the order of the kernel function's arguments, one word per tensor (its
/// address) followed by one word per dynamic dimension of it (and, for a state,
/// the rows that its buffer has room for), and one word per index scalar; then,
/// for a kernel that continues a state, the first row of its result to write;
/// then, for a kernel with assertions, the address of the run's
/// fault word (uint32_t, all ones at first, owned by the entry program) and the
/// number of the kernel's first assertion: one that does not hold lowers the
/// word to its number, atomically. Tensors are contiguous, in the order that
/// compiler and kernels agree on, but for states, which are row-major and whose
/// outer strides count the rows that there is room for.
/// `microkernels` is the module's table of resolved microkernels. A kernel may
/// be called from several threads at once on disjoint ranges; it allocates
/// nothing, and where it fails it still writes all of its results.
typedef void (*cinch_kernel_fn)(const int64_t *args, void *const *microkernels,
                                int64_t begin, int64_t end);

struct cinch_host_v1;

/// What one run of one session hands to generated code.
typedef struct cinch_frame_v1 {
  const struct cinch_host_v1 *host;
  void *const *bases;     ///< [CINCH_SPACE_COUNT]
  const int64_t *offsets; ///< byte offset of each arena slot (the plan)
  int64_t *symbols;       ///< value of each symbol, in manifest order
  void *const *caller;    ///< inputs, then outputs, in signature order
  void *const *microkernels;
  void *run; ///< opaque to generated code
  /// Rows that the buffers of each state have room for: past, present, in
  /// manifest order. Where past and present have one address, the rows of past
  /// are those of present, and are not written.
  const int64_t *rows;
  /// On a device: the address there of the run's fault word. Null on the CPU,
  /// where the entry program has one of its own.
  void *fault;
} cinch_frame_v1;

/// Services of the runtime. `size` is sizeof(cinch_host_v1).
typedef struct cinch_host_v1 {
  int64_t size;
  /// Runs kernel number `kernel` (its index in the manifest's "kernels") over
  /// `tiles` tiles. `grain`: fewest tiles worth one thread; tiles <= grain runs
  /// on the calling thread. Returns when all tiles are done.
  void (*parallel_for)(cinch_frame_v1 *frame, int64_t kernel,
                       cinch_kernel_fn fn, const int64_t *args, int64_t tiles,
                       int64_t grain);
  /// Records a run-time failure (an index out of range, a shape that does not
  /// match) and returns the status for the entry to return.
  int32_t (*fail)(cinch_frame_v1 *frame, int32_t status, const char *message);
  /// Copies `bytes` bytes (regions do not overlap), on the device of the run.
  void (*copy)(cinch_frame_v1 *frame, void *to, const void *from,
               int64_t bytes);
  /// Modules with device code only: launches function number `function` of the
  /// module's table over `blocks` blocks, for kernel number `kernel`. `args`
  /// holds the words of the function, which are read before this returns.
  /// Launches run one after the other. Where one fails, later ones do nothing
  /// and the run ends with that failure.
  void (*launch)(cinch_frame_v1 *frame, int64_t kernel, int64_t function,
                 const int64_t *args, int64_t blocks);
  /// The same: copies from the device (`from`) after all that was launched, and
  /// to the device (`to`) before all that follows. `bytes` <= 4096. After a
  /// failure, `read` gives zeros.
  void (*read)(cinch_frame_v1 *frame, void *to, const void *from,
               int64_t bytes);
  void (*write)(cinch_frame_v1 *frame, void *to, const void *from,
                int64_t bytes);
} cinch_host_v1;

/// A function of the device code. Its parameters are `words` words of eight
/// bytes, as those of a kernel on the CPU; addresses are of the device. A block
/// of it has `threads` threads (one dimension) and `shared_bytes` bytes of
/// dynamic shared memory, and computes the tile of its number. Where `calls` is
/// more than 1, the words are those of so many calls of one kernel, and row y
/// of the grid computes with those of number y.
typedef struct cinch_device_function_v1 {
  const char *name;
  int32_t words, threads, shared_bytes, calls;
} cinch_device_function_v1;

/// The device code in one form. PTX: text that ends with a zero byte, for
/// devices of `architecture` (80: sm_80) and newer ones. A cubin: for devices
/// of the same major and no smaller minor number.
typedef struct cinch_device_image_v1 {
  int32_t is_cubin, architecture;
  const void *data;
  int64_t bytes; ///< with the zero byte of PTX
} cinch_device_image_v1;

/// A single precision GEMM microkernel to be made when the model is loaded:
/// C[m,n] (+)= A[m,k] * B[k,n], all row-major with the given row strides in
/// elements; beta is 0 or 1. `transpose_a` 1: A is stored as [k,m]. Called as
/// fn(A, B, C). `is_sum` 1: C (+)= the sum of `*count` >= 1 such products of
/// A + a_offsets[i] and B + b_offsets[i], in bytes; called as
/// fn(A, B, C, count, a_offsets, b_offsets).
typedef struct cinch_microkernel_v1 {
  int32_t m, n, k, lda, ldb, ldc, beta, transpose_a, is_sum;
} cinch_microkernel_v1;
typedef void (*cinch_microkernel_fn)(const float *a, const float *b, float *c);
typedef void (*cinch_sum_microkernel_fn)(const float *a, const float *b,
                                         float *c, const uint64_t *count,
                                         const uint64_t *a_offsets,
                                         const uint64_t *b_offsets);

/// The entry program. Returns 0, or what `fail` returned.
typedef int32_t (*cinch_entry_fn)(cinch_frame_v1 *frame);

/// `abi_version` comes first in every version.
struct cinch_module_t {
  int64_t abi_version;
  cinch_entry_fn entry;
  const char *manifest; ///< JSON text, see docs/formats.md; not NUL-terminated
  int64_t manifest_bytes;
  const cinch_microkernel_v1 *microkernels;
  int64_t microkernel_count;
  const char *note; ///< descriptor of the ELF note; not NUL-terminated
  int64_t note_bytes;
  /// The weights as a .safetensors file in memory, aligned to 64; null: there
  /// are none, or they are in a file.
  const void *weights;
  int64_t weights_bytes;
  /// Device code: the same functions in every image. No image: a model for the
  /// CPU.
  const cinch_device_image_v1 *device_images;
  int64_t device_image_count;
  const cinch_device_function_v1 *device_functions;
  int64_t device_function_count;
};
typedef struct cinch_module_t cinch_module_t;

#ifdef __cplusplus
}
#endif
#endif // CINCH_RUNTIME_MODULEABI_H
