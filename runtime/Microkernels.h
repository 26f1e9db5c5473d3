//===- Microkernels.h - GEMM microkernels made at load --------------------===//
#ifndef CINCH_RUNTIME_MICROKERNELS_H
#define CINCH_RUNTIME_MICROKERNELS_H

#include "runtime/ModuleAbi.h"
#include "runtime/Status.h"

#include <cstddef>
#include <vector>

namespace cinch::rt {

/// The microkernels of one model, made with LIBXSMM's just-in-time compiler.
class Microkernels {
public:
  Microkernels() = default;
  Microkernels(const Microkernels &) = delete;
  Microkernels &operator=(const Microkernels &) = delete;
  ~Microkernels();

  /// Makes all of `table[count]`; refuses the first shape that cannot be made,
  /// naming it. `path` is for messages.
  cinch_status_t make(const char *path, const cinch_microkernel_v1 *table,
                      int64_t count);
  /// The functions in the order of the table (cinch_microkernel_fn).
  void *const *functions() const { return entries.data(); }

private:
  std::vector<void *> entries;
  void *code = nullptr; ///< executable pages of the entries
  size_t codeBytes = 0;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_MICROKERNELS_H
