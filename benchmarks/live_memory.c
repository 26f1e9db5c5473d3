/* Counts the bytes that a process holds, for peers.py: loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static atomic_long live, peak;

static void *add(void *memory) {
  long size = (long)malloc_usable_size(memory);
  long now = atomic_fetch_add(&live, size) + size, before = atomic_load(&peak);
  while (now > before && !atomic_compare_exchange_weak(&peak, &before, now))
    ;
  return memory;
}
static void *subtract(void *memory) {
  atomic_fetch_sub(&live, (long)malloc_usable_size(memory));
  return memory;
}

void *malloc(size_t size) { return add(__libc_malloc(size)); }
void *calloc(size_t number, size_t size) {
  return add(__libc_calloc(number, size));
}
void *realloc(void *old, size_t size) {
  return add(__libc_realloc(subtract(old), size));
}
void *memalign(size_t alignment, size_t size) {
  return add(__libc_memalign(alignment, size));
}
void *aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
void free(void *memory) { __libc_free(subtract(memory)); }

/* Starts a measurement: the peak is the bytes held now, which it returns. */
long start_live_memory(void) {
  long now = atomic_load(&live);
  atomic_store(&peak, now);
  return now;
}
/* The most bytes held at once since the measurement was started. */
long get_peak_live_memory(void) { return atomic_load(&peak); }
