//===- SingleThread.h - the same bits on any number of cores --------------===//
#ifndef CINCH_PASSES_ALGEBRA_SINGLETHREAD_H
#define CINCH_PASSES_ALGEBRA_SINGLETHREAD_H

// From omp.h, which comes with each compiler; OpenBLAS links the library.
// NOLINTBEGIN(readability-identifier-naming): theirs
extern "C" int omp_get_max_threads(void);
extern "C" void omp_set_num_threads(int count);
// NOLINTEND(readability-identifier-naming)

namespace cinch::algebra {

/// While it lives, OpenBLAS computes on the calling thread only: its results
/// depend on how many threads share the work. Other threads are not concerned.
class SingleThread {
public:
  SingleThread() : count(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~SingleThread() { omp_set_num_threads(count); }
  SingleThread(const SingleThread &) = delete;
  SingleThread &operator=(const SingleThread &) = delete;

private:
  int count;
};

} // namespace cinch::algebra

#endif // CINCH_PASSES_ALGEBRA_SINGLETHREAD_H
