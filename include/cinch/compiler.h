/* cinch/compiler.h - compile a model
 *
 * The compiler as a C library (libcinch): what `cinch-compile` does, for
 * programs. Option structures start with `struct_size`: set it to sizeof of the
 * structure and the rest to zero (or use CINCH_COMPILE_OPTIONS_INIT).
 *
 */
#ifndef CINCH_COMPILER_H
#define CINCH_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CINCH_COMPILER_API __attribute__((visibility("default")))
#else
#define CINCH_COMPILER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface; raised when a program must be recompiled. */
#define CINCH_COMPILER_ABI_VERSION 1

/** What a compilation came to: the exit statuses of the tools. */
typedef enum cinch_compile_status_t {
  CINCH_COMPILE_DONE = 0,
  CINCH_COMPILE_FAILED = 1,      /**< bad model, budget that cannot hold, I/O */
  CINCH_COMPILE_WRONG_USAGE = 2, /**< an option is wrong */
  CINCH_COMPILE_UNSUPPORTED = 77, /**< valid, but something is unsupported */
} cinch_compile_status_t;

typedef enum cinch_severity_t {
  CINCH_SEVERITY_ERROR = 0,
  CINCH_SEVERITY_WARNING = 1,
  CINCH_SEVERITY_REMARK = 2,
  CINCH_SEVERITY_NOTE = 3, /**< belongs to the message before it */
} cinch_severity_t;

/** What is written. */
typedef enum cinch_emit_t {
  CINCH_EMIT_SO = 0,   /**< shared library and weights */
  CINCH_EMIT_OBJ = 1,  /**< object, weights and C header */
  CINCH_EMIT_LLVM = 2, /**< LLVM IR as text */
  CINCH_EMIT_EXEC = 3, /**< the program with its memory plan, as MLIR */
  CINCH_EMIT_MLIR = 4, /**< the imported graph, as MLIR */
  CINCH_EMIT_ONNX = 5, /**< the simplified graph, as ONNX */
  CINCH_EMIT_PTX = 6,  /**< the code for the GPU, as PTX */
  /** the code for the GPU as machine code; needs NVIDIA's ptxas */
  CINCH_EMIT_CUBIN = 7,
} cinch_emit_t;

/** Bounds of one symbolic dimension; `min` == `max` pins it, `max` < 0 leaves
 * it unbounded. */
typedef struct cinch_dim_bound_t {
  const char *name;
  int64_t min, max;
} cinch_dim_bound_t;

/** Called for every message, on the calling thread. `message` is valid during
 * the call only. */
typedef void (*cinch_diagnostic_fn)(void *user, cinch_severity_t severity,
                                    const char *message);

/** Called when a phase begins, on the calling thread. `phase` (valid during the
 * call only) says what is done next, such as "optimize"; `share` is the part of
 * the time that is over, from 0 to 1, as it is for most models. */
typedef void (*cinch_progress_fn)(void *user, const char *phase, double share);

typedef struct cinch_compile_options_t {
  size_t struct_size;
  const char *target; /**< null: "cpu" */
  const char *cpu;    /**< null: "native"; or a name such as "x86-64-v3" */
  /** null: "default"; or "reference", or passes as text */
  const char *pipeline;
  const char *report;            /**< null: none; .txt, .json or .html */
  const cinch_dim_bound_t *dims; /**< [dim_count] */
  size_t dim_count;
  int64_t memory_budget_bytes; /**< of arena and weights; 0: no budget */
  cinch_emit_t emit;
  cinch_diagnostic_fn diagnose; /**< null: messages are dropped */
  void *user; /**< first argument of `diagnose` and `progress` */
  /** Nonzero: put the weights into the shared library or object itself. */
  int32_t embed_weights;
  cinch_progress_fn progress; /**< null: nothing is told */
  /** [state_count] pairs "past=present" of an input and the output that
   * continues it with new rows; without any, all that are found are states. */
  const char *const *states;
  size_t state_count;
  /** null: "f32"; or "f16", "bf16": what f32 weights and values are stored in
   */
  const char *precision;
  /** How many sets of random inputs show which values f16 does not hold, and
   * are what a report compares the precision with f32 on; 0: one; negative:
   * none. */
  int32_t precision_samples;
  /** null: none; a .txt or .json file that says how each kernel is computed, or
   * "-": as text to the standard output. */
  const char *kernel_report;
  /** [report_dim_count] sizes (`min` == `max`) of symbolic dimensions without a
   * bound, at which reports show the program and samples are made; the rest:
   * 128 in reports, the smallest in samples. */
  const cinch_dim_bound_t *report_dims;
  size_t report_dim_count;
  /** Nonzero: put machine code for the GPU beside the PTX, into the shared
   * library or object; needs NVIDIA's ptxas, and fails without. */
  int32_t embed_cubin;
  /** Nonzero: CINCH_COMPILE_UNSUPPORTED where the GPU has no schedule for a
   * kernel; else a remark says so. */
  int32_t fail_on_fallback;
  /** Nonzero: a GPU may round the factors of f32 products to 10 bits of
   * mantissa (TF32), for which it has matrix instructions. */
  int32_t allow_tf32;
  /** null: none; a .npz file or a folder of sets of inputs to take instead of
   * random ones. */
  const char *precision_sample_files;
  /** Largest error of an output over its largest value on these inputs, above 0
   * and below 1: products stay in f32 until it holds. 0: any. */
  double precision_goal;
  /** null: none; or how weights and what products read are stored in few bits:
   * "w8a8", "w8a8-dynamic", "w8a16", "w4a16", "w4a8", "w4a4",
   * "w3a16", "nf4", "fp8", "mxfp8", "mxfp4", or "auto":
   * the cheapest that holds `accuracy_goal`. */
  const char *quantize;
  /** null: none; a .npz file or a folder of sets of inputs that ranges are
   * taken from. */
  const char *calibration_data;
  /** null: none; the .safetensors file of the statistics: written if there is
   * `calibration_data` (and gone on from if it is there), else read. */
  const char *calibration;
  /** null: choose; or a .json file of the values to quantize, and how. */
  const char *quantization_plan;
  /** null: none; a .json file to write that to. */
  const char *write_quantization_plan;
  /** Largest norm of an output's error over its norm in f32 on the samples,
   * above 0 and below 1: fails if it does not hold. 0: any. */
  double accuracy_goal;
} cinch_compile_options_t;

#define CINCH_COMPILE_OPTIONS_INIT                                             \
  {sizeof(cinch_compile_options_t),                                            \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   0,                                                                          \
   0,                                                                          \
   CINCH_EMIT_SO,                                                              \
   NULL,                                                                       \
   NULL,                                                                       \
   0,                                                                          \
   NULL,                                                                       \
   NULL,                                                                       \
   0,                                                                          \
   NULL,                                                                       \
   0,                                                                          \
   NULL,                                                                       \
   NULL,                                                                       \
   0,                                                                          \
   0,                                                                          \
   0,                                                                          \
   0,                                                                          \
   NULL,                                                                       \
   0,                                                                          \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   NULL,                                                                       \
   0}

/** Returns CINCH_COMPILER_ABI_VERSION of the library. */
CINCH_COMPILER_API int32_t cinch_compiler_abi_version(void);
/** Returns the release, such as "0.1.0". */
CINCH_COMPILER_API const char *cinch_compiler_version(void);

/** Compiles the model `input` (.onnx, .mlir, .mlirbc) to `output`. `options`
 * may be null. If the result is not CINCH_COMPILE_DONE, what went wrong was
 * told to `diagnose` and no file is left. May be called from several threads.
 */
CINCH_COMPILER_API cinch_compile_status_t
cinch_compile(const char *input, const char *output,
              const cinch_compile_options_t *options);

#ifdef __cplusplus
}
#endif

#endif /* CINCH_COMPILER_H */
