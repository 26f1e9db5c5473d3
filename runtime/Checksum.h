//===- Checksum.h - the checksum of a weights file ------------------------===//
//
// XXH64 (Yann Collet, xxHash specification 0.1.1, seed 0) over the data
// section, written as "xxh64:" and 16 hexadecimal digits. It finds damage, not
// malice.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_CHECKSUM_H
#define CINCH_RUNTIME_CHECKSUM_H

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace cinch {

/// XXH64 of bytes that arrive in pieces.
class Checksum {
public:
  /// Appends `size` bytes.
  void update(const void *data, size_t size) {
    const uint8_t *bytes = static_cast<const uint8_t *>(data);
    total += size;
    if (pending) {
      size_t part = size < 32 - pending ? size : 32 - pending;
      memcpy(block + pending, bytes, part);
      pending += part, bytes += part, size -= part;
      if (pending < 32)
        return;
      consume(block);
      pending = 0;
    }
    for (; size >= 32; bytes += 32, size -= 32)
      consume(bytes);
    if (size) // `bytes` may be null for an empty piece
      memcpy(block, bytes, size);
    pending = size;
  }

  /// The hash of all bytes so far.
  uint64_t value() const {
    uint64_t hash = p5;
    if (total >= 32) {
      hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) +
             rotate(lanes[3], 18);
      for (uint64_t lane : lanes)
        hash = (hash ^ round(0, lane)) * p1 + p4;
    }
    hash += total;
    const uint8_t *at = block, *end = block + pending;
    for (; end - at >= 8; at += 8)
      hash = rotate(hash ^ round(0, load<uint64_t>(at)), 27) * p1 + p4;
    for (; end - at >= 4; at += 4)
      hash = rotate(hash ^ load<uint32_t>(at) * p1, 23) * p2 + p3;
    for (; at != end; ++at)
      hash = rotate(hash ^ *at * p5, 11) * p1;
    hash = (hash ^ (hash >> 33)) * p2;
    hash = (hash ^ (hash >> 29)) * p3;
    return hash ^ (hash >> 32);
  }

  /// The text form, such as "xxh64:ef46db3751d8e999" (no bytes at all).
  std::string str() const {
    char text[24];
    snprintf(text, sizeof(text), "xxh64:%016llx",
             static_cast<unsigned long long>(value()));
    return text;
  }

private:
  static constexpr uint64_t p1 = 0x9E3779B185EBCA87u, p2 = 0xC2B2AE3D27D4EB4Fu,
                            p3 = 0x165667B19E3779F9u, p4 = 0x85EBCA77C2B2AE63u,
                            p5 = 0x27D4EB2F165667C5u;
  static uint64_t rotate(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
  }
  static uint64_t round(uint64_t lane, uint64_t word) {
    return rotate(lane + word * p2, 31) * p1;
  }
  template <typename T> static uint64_t load(const uint8_t *at) {
    T word;
    memcpy(&word, at, sizeof(word));
    return word;
  }
  void consume(const uint8_t *bytes) {
    for (int lane = 0; lane < 4; ++lane)
      lanes[lane] = round(lanes[lane], load<uint64_t>(bytes + 8 * lane));
  }

  uint64_t lanes[4] = {p1 + p2, p2, 0, 0 - p1};
  uint8_t block[32] = {};
  size_t pending = 0;
  uint64_t total = 0;
};

} // namespace cinch

#endif // CINCH_RUNTIME_CHECKSUM_H
