/* Hooks.h - counts allocations of a process, and makes one of them fail
 *
 * Hooks.c defines malloc, its relatives, mmap and munmap; linked into a program
 * whose symbols are exported (-rdynamic), or loaded with LD_PRELOAD, the
 * dynamic linker uses them for every library of the process.
 */
#ifndef CINCH_TEST_RUNTIME_HOOKS_HOOKS_H
#define CINCH_TEST_RUNTIME_HOOKS_HOOKS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Counts from zero. */
void hooks_start_counting(void);
/* Returns the number of allocations, of all threads, since the start. */
long hooks_stop_counting(void);

/* Makes the `number`-th allocation of all threads from now on (1: the next)
 * fail with ENOMEM, and no other; 0: none. */
void hooks_fail_at(long number);
/* Whether that allocation has been asked for. */
int hooks_has_failed(void);

/* Blocks of the heap that are not freed. */
long hooks_live_blocks(void);
/* Starts to look for the peak; returns the bytes of live blocks now. */
long hooks_start_peak(void);
/* The most bytes of live blocks at once since then. */
long hooks_peak_bytes(void);
/* Bytes that mmap mapped and munmap did not unmap. */
long hooks_mapped_bytes(void);

#ifdef __cplusplus
}
#endif

#endif /* CINCH_TEST_RUNTIME_HOOKS_HOOKS_H */
