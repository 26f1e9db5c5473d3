/* Hooks.c - counts allocations of a process, and makes one of them fail */
#define _GNU_SOURCE
#include "Hooks.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static atomic_int counting, failed;
static atomic_long allocations, until_failure, blocks, bytes, peak, mapped;

void hooks_start_counting(void) {
  atomic_store(&allocations, 0);
  atomic_store(&counting, 1);
}

long hooks_stop_counting(void) {
  atomic_store(&counting, 0);
  return atomic_load(&allocations);
}

void hooks_fail_at(long number) {
  atomic_store(&failed, 0);
  atomic_store(&until_failure, number);
}

int hooks_has_failed(void) { return atomic_load(&failed); }
long hooks_live_blocks(void) { return atomic_load(&blocks); }
long hooks_peak_bytes(void) { return atomic_load(&peak); }
long hooks_mapped_bytes(void) { return atomic_load(&mapped); }

long hooks_start_peak(void) {
  long now = atomic_load(&bytes);
  atomic_store(&peak, now);
  return now;
}

/* Counts an allocation; whether it is to succeed. */
static int may_allocate(void) {
  if (atomic_load(&counting))
    atomic_fetch_add(&allocations, 1);
  if (atomic_load(&until_failure) <= 0 ||
      atomic_fetch_sub(&until_failure, 1) != 1)
    return 1;
  atomic_store(&failed, 1);
  errno = ENOMEM;
  return 0;
}

static void *add(void *block) {
  if (!block)
    return NULL;
  atomic_fetch_add(&blocks, 1);
  long size = (long)malloc_usable_size(block);
  long now = atomic_fetch_add(&bytes, size) + size, before = atomic_load(&peak);
  while (now > before && !atomic_compare_exchange_weak(&peak, &before, now))
    ;
  return block;
}

static void subtract(void *block) {
  if (!block)
    return;
  atomic_fetch_sub(&blocks, 1);
  atomic_fetch_sub(&bytes, (long)malloc_usable_size(block));
}

void *malloc(size_t size) {
  return may_allocate() ? add(__libc_malloc(size)) : NULL;
}

void *calloc(size_t number, size_t size) {
  return may_allocate() ? add(__libc_calloc(number, size)) : NULL;
}

void *realloc(void *old, size_t size) {
  if (!may_allocate())
    return NULL;
  subtract(old);
  void *block = __libc_realloc(old, size);
  int is_kept = !block && size; /* a failure frees nothing */
  add(is_kept ? old : block);
  return block;
}

void *memalign(size_t alignment, size_t size) {
  return may_allocate() ? add(__libc_memalign(alignment, size)) : NULL;
}

void *aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  void *block = memalign(alignment, size);
  if (!block)
    return ENOMEM;
  *out = block;
  return 0;
}

void free(void *block) {
  subtract(block);
  __libc_free(block);
}

void *mmap(void *address, size_t length, int protection, int flags, int file,
           off_t offset) {
  if (!may_allocate())
    return MAP_FAILED;
  void *region = (void *)syscall(SYS_mmap, address, length, protection, flags,
                                 file, offset);
  if (region != MAP_FAILED)
    atomic_fetch_add(&mapped, (long)length);
  return region;
}

int munmap(void *address, size_t length) {
  int status = (int)syscall(SYS_munmap, address, length);
  if (status == 0)
    atomic_fetch_sub(&mapped, (long)length);
  return status;
}
