//===- Microkernels.cpp - GEMM microkernels made at load ------------------===//
//
// LIBXSMM is column-major. C = A * B in rows is C' = B' * A' in columns, so m
// and n, and A and B, change places. Generated code calls fn(A, B, C); an entry
// of 18 bytes swaps the two pointers (and those of their offsets) and jumps to
// LIBXSMM's function, which costs about a nanosecond. Functions of LIBXSMM live
// as long as the process and are shared between models.
//
//===----------------------------------------------------------------------===//
#include "runtime/Microkernels.h"

#include <cstring>
#include <libxsmm.h>
#include <mutex>
#include <sys/mman.h>

namespace cinch::rt {

#if defined(__x86_64__)
/// xchg rdi, rsi; xchg r8, r9; mov rax, <function>; jmp rax.
static constexpr uint8_t entryCode[] = {0x48, 0x87, 0xf7, 0x4d, 0x87, 0xc8,
                                        0x48, 0xb8, 0,    0,    0,    0,
                                        0,    0,    0,    0,    0xff, 0xe0};
static constexpr size_t addressAt = 8;
#else
#error "microkernels need x86-64: LIBXSMM 1.17 has no other code generator"
#endif
static constexpr size_t entryStride = 32;

Microkernels::~Microkernels() {
  if (code)
    munmap(code, codeBytes);
}

/// Returns LIBXSMM's function for `kernel`, or null.
static void *dispatch(const cinch_microkernel_v1 &kernel) {
  bool isTransposed = kernel.transpose_a == 1;
  bool isSane = kernel.m > 0 && kernel.n > 0 && kernel.k > 0 &&
                kernel.lda >= (isTransposed ? kernel.m : kernel.k) &&
                kernel.ldb >= kernel.n && kernel.ldc >= kernel.n &&
                (kernel.beta == 0 || kernel.beta == 1) &&
                (kernel.transpose_a == 0 || isTransposed) &&
                (kernel.is_sum == 0 || (kernel.is_sum == 1 && !isTransposed));
  if (!isSane)
    return nullptr;
  libxsmm_blasint lda = kernel.ldb, ldb = kernel.lda, ldc = kernel.ldc;
  float alpha = 1, beta = static_cast<float>(kernel.beta);
  int flags = isTransposed ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
  int prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
  void *address = nullptr;
  auto setAddress = [&](auto function) {
    static_assert(sizeof(function) == sizeof(address), "plain pointers");
    memcpy(&address, &function, sizeof(address));
  };
  if (kernel.is_sum)
    setAddress(libxsmm_smmdispatch_reducebatch_offs(
        kernel.n, kernel.m, kernel.k, &lda, &ldb, &ldc, &alpha, &beta, &flags,
        &prefetch));
  else
    setAddress(libxsmm_smmdispatch(kernel.n, kernel.m, kernel.k, &lda, &ldb,
                                   &ldc, &alpha, &beta, &flags, &prefetch));
  return address;
}

cinch_status_t Microkernels::make(const char *path,
                                  const cinch_microkernel_v1 *table,
                                  int64_t count) {
  if (count == 0)
    return CINCH_OK;
  // One at a time: initialising LIBXSMM is not documented as thread-safe.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  libxsmm_init();
  codeBytes = static_cast<size_t>(count) * entryStride;
  code = mmap(nullptr, codeBytes, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) {
    code = nullptr;
    return fail(CINCH_ERROR_OUT_OF_MEMORY, "%s: no memory for microkernels",
                path);
  }
  for (int64_t index = 0; index < count; ++index) {
    const cinch_microkernel_v1 &kernel = table[index];
    void *function = dispatch(kernel);
    if (!function)
      return fail(CINCH_ERROR_CPU,
                  "%s: LIBXSMM makes no microkernel m=%d n=%d k=%d lda=%d "
                  "ldb=%d ldc=%d beta=%d transpose_a=%d is_sum=%d on this CPU",
                  path, kernel.m, kernel.n, kernel.k, kernel.lda, kernel.ldb,
                  kernel.ldc, kernel.beta, kernel.transpose_a, kernel.is_sum);
    uint8_t *entry = static_cast<uint8_t *>(code) + index * entryStride;
    memcpy(entry, entryCode, sizeof(entryCode));
    memcpy(entry + addressAt, &function, sizeof(function));
    entries.push_back(entry);
  }
  if (mprotect(code, codeBytes, PROT_READ | PROT_EXEC))
    return fail(CINCH_ERROR_CPU,
                "%s: the system refuses executable memory for microkernels",
                path);
  return CINCH_OK;
}

} // namespace cinch::rt
