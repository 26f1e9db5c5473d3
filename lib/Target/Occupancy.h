//===- Occupancy.h - blocks that a multiprocessor holds at once -----------===//
#ifndef CINCH_LIB_TARGET_OCCUPANCY_H
#define CINCH_LIB_TARGET_OCCUPANCY_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace cinch {

/// What a multiprocessor has, of one compute capability (CUDA C++ Programming
/// Guide, "Technical Specifications per Compute Capability").
struct Multiprocessor {
  llvm::StringLiteral chip;
  int64_t threads, blocks;
  int64_t registers;   ///< of 32 bits; a block may have all of them
  int64_t sharedBytes; ///< a block may have all of it
};

/// Of sm_80, sm_86, sm_89, sm_90 or sm_120; null for another chip.
const Multiprocessor *getMultiprocessor(llvm::StringRef chip);

struct Occupancy {
  int64_t blocks = 0;    ///< at once on a multiprocessor; 0: cannot be launched
  double share = 0;      ///< of its warps
  llvm::StringRef limit; ///< what there is too little of for another block
};

/// Of blocks of `threads` > 0 threads with `registers` (nullopt: as if none
/// were used) and with static and dynamic shared memory of `sharedBytes`, where
/// all of the memory that can be shared memory is.
Occupancy getOccupancy(const Multiprocessor &processor, int64_t threads,
                       std::optional<int64_t> registers, int64_t sharedBytes);

} // namespace cinch

#endif // CINCH_LIB_TARGET_OCCUPANCY_H
