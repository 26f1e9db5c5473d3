/* cinch/runtime.h - run a compiled model
 *
 * A compiled model is `model.so` plus `model.safetensors`, one file with both,
 * or an object that is linked into the program. Loading a file executes code
 * from it: treat a model as you treat a program. See docs/runtime.md for the
 * rules on threads, fork(), devices and replacing files.
 *
 * Every function that can fail returns a `cinch_status_t`; on failure
 * `cinch_last_error()` gives the message on the same thread and no out
 * argument has been written. Option and info structures start with
 * `struct_size`: set it to sizeof of the structure, the rest to zero.
 * Unless said otherwise a function may be called from any thread; one
 * session runs on one thread at a time (a second call is refused as busy).
 *
 */
#ifndef CINCH_RUNTIME_H
#define CINCH_RUNTIME_H

#include "cinch/dtype.h"
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CINCH_API __attribute__((visibility("default")))
#else
#define CINCH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface; raised when a program must be recompiled. */
#define CINCH_RUNTIME_ABI_VERSION 1
/** Largest rank of a tensor. */
#define CINCH_MAX_RANK 32

typedef int32_t cinch_status_t;
enum {
  CINCH_OK = 0,
  CINCH_ERROR_INVALID_ARGUMENT = 1, /**< null, bad option, bad index */
  CINCH_ERROR_IO = 2,               /**< a file cannot be opened or read */
  CINCH_ERROR_FORMAT = 3,           /**< a file is not ours, or damaged */
  CINCH_ERROR_VERSION = 4,          /**< made for another runtime version */
  CINCH_ERROR_CPU = 5,              /**< needs a CPU feature that is missing */
  CINCH_ERROR_WEIGHTS = 6,          /**< weights do not belong to the model */
  CINCH_ERROR_OUT_OF_MEMORY = 7,    /**< or the caller's arena is too small */
  CINCH_ERROR_SHAPE = 8,            /**< dtype, rank or size does not fit */
  CINCH_ERROR_BUFFER = 9,           /**< null, misaligned or overlapping */
  CINCH_ERROR_BUSY = 10,            /**< the session is running elsewhere */
  CINCH_ERROR_RUN = 11,             /**< the model reported a failure */
  CINCH_ERROR_MEMORY_ACCESS = 12,   /**< measured: a kernel left its memory */
  CINCH_ERROR_DEVICE = 13,          /**< no such device, or it failed */
  CINCH_STATUS_COUNT = 14
};

typedef struct cinch_model_t cinch_model_t;
typedef struct cinch_session_t cinch_session_t;

/*===--- Version, errors, threads -----------------------------------------===*/

/** Returns CINCH_RUNTIME_ABI_VERSION of the library. */
CINCH_API int32_t cinch_runtime_abi_version(void);
/** Returns the release, such as "0.1.0". */
CINCH_API const char *cinch_runtime_version(void);
/** Returns a short name of `status`, such as "format"; never null. */
CINCH_API const char *cinch_status_name(cinch_status_t status);
/** Returns the message of the last failed call on this thread, or "". Valid
 *  until the next failing call on this thread. */
CINCH_API const char *cinch_last_error(void);
/** Returns "f32", "i64", …; null for a value that is no dtype. */
CINCH_API const char *cinch_dtype_name(cinch_dtype_t dtype);
/** Returns the bytes of one element; 0 for a value that is no dtype, and where
 *  elements share bytes. */
CINCH_API int64_t cinch_dtype_bytes(cinch_dtype_t dtype);
/** Returns the bits of one element in memory (bool: 8); 0 for a value that is
 * no dtype. `count` elements take (count * bits + 7) / 8 bytes. */
CINCH_API int64_t cinch_dtype_bits(cinch_dtype_t dtype);
/** Sets the number of threads that all sessions of the process share, the
 *  calling threads included: 1 .. 1024. Initially the CPUs the process may use.
 *  Takes effect for runs that start later. */
CINCH_API cinch_status_t cinch_set_threads(int32_t threads);
/** Returns the number set by `cinch_set_threads`. */
CINCH_API int32_t cinch_get_threads(void);

/*===--- Models -----------------------------------------------------------===*/

typedef struct cinch_model_options_t {
  size_t struct_size;
  /** Weights file; null: the one named in the model, in the model's folder. A
   *  linked model without embedded weights needs it; a model with embedded
   *  weights refuses it. */
  const char *weights_path;
  /** Nonzero: read all weights and compare their checksum. Zero compares the
   *  sizes and the recorded checksums only. */
  int32_t verify_weights;
} cinch_model_options_t;

/** Loads the compiled model at `path`. `options` may be null. The note of the
 *  file is read and checked (version, CPU features) before it is opened as
 *  code. Weights are mapped read-only. The model is immutable: any number of
 *  threads may use it. Release it with `cinch_model_release`. */
CINCH_API cinch_status_t cinch_model_load(const char *path,
                                          const cinch_model_options_t *options,
                                          cinch_model_t **out_model);
/** A compiled model that is linked into the program. The header that
 *  `cinch-compile --emit=obj` writes declares the object. */
typedef struct cinch_module_t cinch_module_t;

/** Makes a model of `module`, which must live as long as the model. `options`
 *  may be null. Version, CPU features, manifest and weights are checked as
 *  `cinch_model_load` checks them, with the same statuses. May be called
 * several times for one module. Release the model with `cinch_model_release`.
 */
CINCH_API cinch_status_t cinch_model_from_module(
    const cinch_module_t *module, const cinch_model_options_t *options,
    cinch_model_t **out_model);
/** Releases the caller's hold on `model` (null is allowed). It is unloaded when
 *  its last session is released too. */
CINCH_API void cinch_model_release(cinch_model_t *model);

typedef struct cinch_model_info_t {
  size_t struct_size;
  const char *name;     /**< strings live as long as the model */
  const char *target;   /**< "cpu", or "cuda:sm_80" and the like */
  const char *cpu;      /**< of the host, such as "x86-64-v3" */
  const char *producer; /**< such as "cinch 0.1.0" */
  int32_t input_count, output_count, symbol_count, kernel_count;
  int64_t weights_bytes; /**< data section of the weights */
  /** Arena bytes guaranteed for every size within the bounds; -1 if a
   *  dimension has no bound. */
  int64_t guaranteed_peak_bytes;
  int64_t load_us;     /**< time that loading took, microseconds */
  int32_t state_count; /**< inputs that an output continues */
} cinch_model_info_t;

CINCH_API cinch_status_t cinch_model_get_info(const cinch_model_t *model,
                                              cinch_model_info_t *out_info);

/** A dimension: a constant, a symbol, or an expression of symbols. */
typedef struct cinch_dim_t {
  const char *expression; /**< text, such as "384", "batch", "2*seq+1" */
  const char *symbol;     /**< name if the dimension is one symbol, or null */
  int64_t min;            /**< smallest value, >= 0 */
  int64_t max;            /**< largest value; -1: no bound */
} cinch_dim_t;

typedef struct cinch_value_info_t {
  size_t struct_size;
  const char *name;
  cinch_dtype_t dtype;
  int32_t rank;
  const cinch_dim_t *dims; /**< [rank], lives as long as the model */
} cinch_value_info_t;

/** Describes input `index`, in the order of the graph. */
CINCH_API cinch_status_t cinch_model_get_input(const cinch_model_t *model,
                                               int32_t index,
                                               cinch_value_info_t *out_info);
/** Describes output `index`, in the order of the graph. */
CINCH_API cinch_status_t cinch_model_get_output(const cinch_model_t *model,
                                                int32_t index,
                                                cinch_value_info_t *out_info);

typedef struct cinch_symbol_info_t {
  size_t struct_size;
  const char *name;
  int64_t min, max;    /**< inclusive; max -1: no bound */
  int32_t input, axis; /**< the dimension that gives the symbol its value */
} cinch_symbol_info_t;

CINCH_API cinch_status_t cinch_model_get_symbol(const cinch_model_t *model,
                                                int32_t index,
                                                cinch_symbol_info_t *out_info);

/** A state: an input (the past) and the output (the present) that is the same
 *  rows along `axis` and new ones behind them, such as the keys that a decoder
 *  has seen. Both may lie in one buffer (`cinch_session_run`), or be owned by a
 *  session (`cinch_session_reserve_states`). */
typedef struct cinch_state_info_t {
  size_t struct_size;
  int32_t input, output, axis;
} cinch_state_info_t;

CINCH_API cinch_status_t cinch_model_get_state(const cinch_model_t *model,
                                               int32_t index,
                                               cinch_state_info_t *out_info);

/** Sizes of one tensor. */
typedef struct cinch_shape_t {
  int32_t rank;
  const int64_t *dims; /**< [rank]; may be null for rank 0 */
} cinch_shape_t;

/** Computes the shape of output `output` for inputs of shapes
 *  `inputs[input_count]` and writes it to `out_dims[CINCH_MAX_RANK]` (the
 *  entries below the output's rank). */
CINCH_API cinch_status_t cinch_model_output_shape(const cinch_model_t *model,
                                                  const cinch_shape_t *inputs,
                                                  int32_t input_count,
                                                  int32_t output,
                                                  int64_t *out_dims);

/*===--- Tensors ----------------------------------------------------------===*/

/** A view of the caller's memory. `data` is aligned to the element at least.
 *  A view that is not contiguous and row-major is copied through staging. One
 *  whose elements share bytes has no strides: it is contiguous. */
typedef struct cinch_tensor_t {
  void *data; /**< may be null if the tensor has no elements */
  cinch_dtype_t dtype;
  int32_t rank;
  const int64_t *shape;   /**< [rank] */
  const int64_t *strides; /**< [rank], in bytes; null: contiguous row-major */
} cinch_tensor_t;

/** Describes the DLTensor at `dl_tensor` (layout of dlpack.h, versions 0.2 to
 *  1.x; `DLManagedTensor` starts with one). `strides[CINCH_MAX_RANK]` is
 * storage for the strides in bytes; `out_tensor` refers to it and to the shape
 * of `dl_tensor`, and takes no ownership. Refused: memory that is not on the
 *  CPU, several lanes, an element type that is not a cinch_dtype_t. */
CINCH_API cinch_status_t cinch_tensor_from_dlpack(const void *dl_tensor,
                                                  int64_t *strides,
                                                  cinch_tensor_t *out_tensor);

/*===--- Sessions ---------------------------------------------------------===*/

typedef struct cinch_session_options_t {
  size_t struct_size;
  /** The caller's arena, aligned to 64 bytes, valid while the session lives;
   *  null: the session maps its own. Must be null on a device. */
  void *arena;
  int64_t arena_bytes;
  /** Most threads of one run, the calling one included; 0: all of
   *  `cinch_set_threads`. A run uses this number, or as many of them as other
   *  runs leave, the calling thread at least. */
  int32_t threads;
  /** Nonzero: take the time of every kernel (`cinch_session_get_kernel`). */
  int32_t profile;
  /** Plans kept for sizes seen, the least recently used is dropped; 0: 64. */
  int32_t plan_cache_size;
  /** Events to keep for `cinch_session_get_trace`, 0 (none) to 2^24; later ones
   *  are counted only. Allocated here, 32 bytes each. */
  int64_t trace_capacity;
  /** Where to run: "cpu", "cuda:N" (device N, counted from 0), or "emulated"
   *  (docs/emulator.md); null: the CPU for a model compiled for it, else
   *  "cuda:0". Read here only. */
  const char *device;
} cinch_session_options_t;

/** Creates a session of `model`. `options` may be null. If every dimension is
 *  static or bounded, the arena is allocated here and never grows.
 *  The first session on a device copies code and weights there. */
CINCH_API cinch_status_t cinch_session_create(
    cinch_model_t *model, const cinch_session_options_t *options,
    cinch_session_t **out_session);
/** Releases `session` (null is allowed), which must not be running. */
CINCH_API void cinch_session_release(cinch_session_t *session);

/** Plans inputs of shapes `inputs[input_count]` and allocates what a run at
 *  these sizes needs, so that the run itself allocates nothing. */
CINCH_API cinch_status_t cinch_session_prepare(cinch_session_t *session,
                                               const cinch_shape_t *inputs,
                                               int32_t input_count);

/** Runs the model. Inputs and outputs come in signature order, outputs with
 *  the exact shape of `cinch_model_output_shape`. An output may share no byte
 *  range with an input or another output, with one exception: past and present
 *  of a state may have the same data and the same strides, in a buffer with
 * room for the new rows; then only these are written. Views of states that are
 *  contiguous but for such room are used in place. Allocates nothing if these
 * sizes were planned, the same views needed staging before, and this thread has
 * run the session's number of threads before. On failure the content of the
 * outputs is undefined. */
CINCH_API cinch_status_t cinch_session_run(cinch_session_t *session,
                                           const cinch_tensor_t *inputs,
                                           int32_t input_count,
                                           const cinch_tensor_t *outputs,
                                           int32_t output_count);

/** Makes the session own all states of its model: buffers of shapes
 *  `shapes[shape_count]`, one per state, with the capacity along its axis. From
 *  now on `cinch_session_run`, `prepare`, `get_memory` and `measure_memory`
 * take inputs and outputs without those of states; every run that succeeds
 * appends its rows in place. The states are empty at first; what an earlier
 * call reserved is lost. A run that needs more than the capacity fails with
 *  CINCH_ERROR_SHAPE before anything is written; after a run that failed the
 *  states have the rows that they had before. 0 shapes: the caller passes the
 *  states again. On CINCH_ERROR_OUT_OF_MEMORY the session owns no states. */
CINCH_API cinch_status_t cinch_session_reserve_states(
    cinch_session_t *session, const cinch_shape_t *shapes, int32_t shape_count);
/** Empties the states that the session owns. */
CINCH_API cinch_status_t cinch_session_reset_states(cinch_session_t *session);
/** Describes state `index` of the session: a view of its rows so far, valid
 *  until the next run or reservation; on a device, of a copy on the host. */
CINCH_API cinch_status_t cinch_session_get_state(const cinch_session_t *session,
                                                 int32_t index,
                                                 cinch_tensor_t *out_state);

typedef struct cinch_memory_info_t {
  size_t struct_size;
  int64_t predicted_peak_bytes; /**< end of the highest slot at these sizes */
  int64_t lower_bound_bytes;    /**< most bytes that are alive at one step */
  int64_t arena_bytes;          /**< held by the session, or by the caller */
  int64_t staging_bytes; /**< for views that are not contiguous; on a device:
                              page-locked copies of all inputs and outputs */
  int64_t weights_bytes; /**< mapped, shared between processes */
  int64_t state_bytes;   /**< persistent buffers of the session */
  int64_t inputs_bytes, outputs_bytes; /**< the caller's buffers */
  char method[32]; /**< the heuristic of the plan, NUL-terminated */
  int64_t device_staging_bytes; /**< inputs and outputs on the device, or 0 */
  int64_t device_bytes;         /**< all of the session on its device, or 0 */
} cinch_memory_info_t;

/** Plans inputs of the given shapes, as `cinch_session_prepare` does, and
 *  reports the memory of a run. */
CINCH_API cinch_status_t
cinch_session_get_memory(cinch_session_t *session, const cinch_shape_t *inputs,
                         int32_t input_count, cinch_memory_info_t *out_info);

typedef struct cinch_counters_t {
  size_t struct_size;
  int64_t runs;         /**< runs that succeeded */
  int64_t failed_runs;  /**< runs that reached the model and failed */
  int64_t last_run_us;  /**< wall time of the last run, microseconds */
  int64_t plans_made;   /**< sizes planned */
  int64_t plans_reused; /**< runs that found their plan */
  int64_t kernel_calls, parallel_calls; /**< of the last run (launches) */
  int64_t copied_bytes; /**< of the last run, staging included */
  int32_t threads;      /**< of the last run */
} cinch_counters_t;

CINCH_API cinch_status_t cinch_session_get_counters(
    const cinch_session_t *session, cinch_counters_t *out_counters);

typedef struct cinch_kernel_info_t {
  size_t struct_size;
  const char *name, *op, *kind;
  int64_t calls;        /**< over all runs of the session */
  int64_t time_ns;      /**< over all runs; 0 without `profile` */
  int64_t flops, bytes; /**< of one call at the sizes of the last run; or -1 */
} cinch_kernel_info_t;

CINCH_API cinch_status_t
cinch_session_get_kernel(const cinch_session_t *session, int32_t index,
                         cinch_kernel_info_t *out_info);

/** One thread's share of one call of a kernel; on a device its launch. */
typedef struct cinch_trace_event_t {
  int64_t start_ns, end_ns; /**< CLOCK_MONOTONIC */
  int32_t kernel;           /**< for `cinch_session_get_kernel` */
  int32_t thread;           /**< 0: the one that called the run */
  int64_t run;              /**< runs of the session before this one */
} cinch_trace_event_t;

/** The events of all runs since the creation of the session, up to its
 *  `trace_capacity`, in the order of the calls, then of threads. The array
 *  belongs to the session and is valid until its next run. `out_dropped` (may
 *  be null) is the number of events that had no room. */
CINCH_API cinch_status_t cinch_session_get_trace(
    const cinch_session_t *session, const cinch_trace_event_t **out_events,
    int64_t *out_count, int64_t *out_dropped);

typedef struct cinch_measurement_t {
  size_t struct_size;
  int64_t measured_peak_bytes; /**< end of the highest arena byte touched */
  int64_t touched_bytes;       /**< arena bytes that were written */
} cinch_measurement_t;

/** Runs twice, on the calling thread alone, in an arena of its own between
 *  inaccessible pages, over two different fill patterns, and reports the
 *  highest byte that a kernel touched (docs/memory.md has the definition).
 *  CINCH_ERROR_MEMORY_ACCESS: a kernel left the arena, read a byte that nothing
 *  had written, or left a byte of an output unwritten. Writes the outputs as
 *  `cinch_session_run` does. Installs a handler for SIGSEGV and SIGBUS while it
 *  runs; one measurement at a time per process. On a device: without guards. */
CINCH_API cinch_status_t cinch_session_measure_memory(
    cinch_session_t *session, const cinch_tensor_t *inputs, int32_t input_count,
    const cinch_tensor_t *outputs, int32_t output_count,
    cinch_measurement_t *out_measurement);

#ifdef __cplusplus
}
#endif
#endif /* CINCH_RUNTIME_H */
