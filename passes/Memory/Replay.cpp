//===- Replay.cpp - simulated memory
//-------------------------------------------===//
#include "passes/Memory/Replay.h"
#include <algorithm>

using namespace cinch::memory;

Content cinch::memory::slice(llvm::ArrayRef<Piece> content, int64_t offset,
                             int64_t bytes) {
  Content result;
  int64_t at = 0, end = offset + bytes;
  for (const Piece &piece : content) {
    int64_t from = std::max(at, offset), to = std::min(at + piece.bytes, end);
    if (from < to)
      result.push_back({piece.datum, piece.offset + from - at, to - from});
    at += piece.bytes;
  }
  return result;
}

void SimulatedMemory::erase(ByteRange range) {
  int64_t end = range.begin + range.bytes;
  auto at = bytes.lower_bound({range.space, range.begin});
  if (at != bytes.begin()) {
    auto before = std::prev(at);
    if (before->first.first == range.space && before->second.end > range.begin)
      at = before;
  }
  while (at != bytes.end() && at->first.first == range.space &&
         at->first.second < end) {
    int64_t begin = at->first.second;
    Held held = at->second;
    at = bytes.erase(at);
    if (begin < range.begin)
      bytes[{range.space, begin}] = {range.begin, held.datum, held.offset};
    if (held.end > end) {
      bytes[{range.space, end}] = {held.end, held.datum,
                                   held.offset + end - begin};
      return;
    }
  }
}

void SimulatedMemory::write(ByteRange range, llvm::ArrayRef<Piece> content) {
  if (range.bytes <= 0)
    return;
  erase(range);
  int64_t at = range.begin;
  for (const Piece &piece : content) {
    if (piece.bytes > 0)
      bytes[{range.space, at}] = {at + piece.bytes, piece.datum, piece.offset};
    at += piece.bytes;
  }
}

bool SimulatedMemory::holds(ByteRange range,
                            llvm::ArrayRef<Piece> content) const {
  int64_t at = range.begin;
  for (const Piece &piece : content) {
    int64_t expected = piece.offset, end = at + piece.bytes;
    while (at < end) {
      auto next = bytes.upper_bound({range.space, at});
      if (next == bytes.begin())
        return false;
      const auto &[key, held] = *std::prev(next);
      if (key.first != range.space || held.end <= at ||
          held.datum != piece.datum ||
          held.offset + at - key.second != expected)
        return false;
      int64_t stop = std::min(held.end, end);
      expected += stop - at;
      at = stop;
    }
  }
  return true;
}

void SimulatedMemory::intersect(const SimulatedMemory &other) {
  std::map<Key, Held> common;
  auto at = other.bytes.begin();
  for (const auto &[key, held] : bytes) {
    while (at != other.bytes.end() &&
           (at->first.first < key.first ||
            (at->first.first == key.first && at->second.end <= key.second)))
      ++at;
    for (auto in = at;
         in != other.bytes.end() && in->first.first == key.first &&
         in->first.second < held.end;
         ++in) {
      int64_t begin = std::max(key.second, in->first.second),
              end = std::min(held.end, in->second.end);
      bool isSame =
          held.datum == in->second.datum &&
          held.offset - key.second == in->second.offset - in->first.second;
      if (begin < end && isSame)
        common[{key.first, begin}] = {end, held.datum,
                                      held.offset + begin - key.second};
    }
  }
  bytes = std::move(common);
}
