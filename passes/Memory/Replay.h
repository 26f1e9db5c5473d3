//===- Replay.h - simulated memory
//---------------------------------------------===//
//
// What each byte of a program's memory holds: which datum (a value as it was
// written) and which byte of it. For verify-plan.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_PASSES_MEMORY_REPLAY_H
#define CINCH_PASSES_MEMORY_REPLAY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <map>
#include <utility>

namespace cinch::memory {

/// `bytes` bytes of datum `datum`, from its byte `offset` on.
struct Piece {
  int64_t datum, offset, bytes;
};
using Content = llvm::SmallVector<Piece, 1>;

/// Bytes [begin, begin + bytes) of one space.
struct ByteRange {
  int64_t space = 0, begin = 0, bytes = 0;
  bool overlaps(const ByteRange &other) const {
    return space == other.space && bytes > 0 && other.bytes > 0 &&
           begin < other.begin + other.bytes && other.begin < begin + bytes;
  }
  bool operator==(const ByteRange &other) const {
    return space == other.space && begin == other.begin && bytes == other.bytes;
  }
};

/// The bytes [offset, offset + bytes) of `content`.
Content slice(llvm::ArrayRef<Piece> content, int64_t offset, int64_t bytes);

class SimulatedMemory {
public:
  void write(ByteRange range, llvm::ArrayRef<Piece> content);
  /// Whether `range` holds `content`.
  bool holds(ByteRange range, llvm::ArrayRef<Piece> content) const;
  /// Keeps only what `other` holds too.
  void intersect(const SimulatedMemory &other);

private:
  struct Held {
    int64_t end, datum, offset;
  };
  using Key = std::pair<int64_t, int64_t>; ///< space, begin
  void erase(ByteRange range);
  std::map<Key, Held> bytes;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_REPLAY_H
