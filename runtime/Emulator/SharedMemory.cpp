//===- SharedMemory.cpp - the shared memory of a block --------------------===//
#include "runtime/Emulator/SharedMemory.h"
#include <algorithm>
#include <cstring>

using namespace cinch::emulator;

void SharedMemory::reset(uint32_t bytes) {
  data.resize(bytes);
  states.assign(bytes, Unwritten);
  // Touches of other blocks lie in epochs that are over.
  ++epoch;
  writers.resize((size_t(bytes) + 3) / 4);
  readers.resize(writers.size());
}

Complaint SharedMemory::checkBytes(uint32_t offset, uint32_t bytes,
                                   bool isRead) const {
  const uint8_t *state = states.data() + offset;
  if (bytes == 4) { // the usual case at once
    uint32_t all;
    memcpy(&all, state, 4);
    if (all == Written * 0x01010101u)
      return nullptr;
  }
  for (uint32_t i = 0; i < bytes; ++i) {
    if (state[i] == InFlight)
      return isRead
                 ? "reads bytes that cp.async may still be writing: wait for "
                   "its group first"
                 : "writes bytes that cp.async may still be writing: wait "
                   "for its group first";
    if (isRead && state[i] == Unwritten)
      return "reads what nothing wrote";
  }
  return nullptr;
}

void SharedMemory::record(Touch &touch, uint8_t bytes, unsigned warp,
                          bool isAtomic) {
  const Touch mine = {epoch, uint8_t(warp), bytes, isAtomic};
  if (touch == mine)
    return;
  if (touch.epoch != epoch) {
    touch = mine;
    return;
  }
  if (touch.warp != warp)
    touch.warp = kManyWarps;
  touch.bytes |= bytes;
  touch.isAtomic = touch.isAtomic && isAtomic;
}

template <typename Visit>
Complaint SharedMemory::forEachWord(uint32_t offset, uint32_t bytes,
                                    Visit visit) {
  if (bytes == 4 && offset % 4 == 0)
    return visit(offset / 4, uint8_t(15));
  const uint32_t end = offset + bytes;
  for (uint32_t word = offset / 4; word * 4 < end; ++word) {
    uint32_t first = std::max(offset, word * 4) - word * 4;
    uint32_t last = std::min(end, word * 4 + 4) - word * 4;
    if (Complaint complaint = visit(word, uint8_t((1 << last) - (1 << first))))
      return complaint;
  }
  return nullptr;
}

Complaint SharedMemory::read(uint32_t offset, uint32_t bytes, unsigned warp) {
  if (Complaint complaint = checkBytes(offset, bytes, /*isRead=*/true))
    return complaint;
  return forEachWord(offset, bytes, [&](uint32_t word, uint8_t mask) {
    record(readers[word], mask, warp, false);
    // Bytes of a word that several warps wrote: whose is whose is not known.
    return writers[word].warp == kManyWarps && !writers[word].isAtomic
               ? nullptr
               : conflict(writers[word], mask, warp);
  });
}

Complaint SharedMemory::write(uint32_t offset, uint32_t bytes, unsigned warp) {
  if (Complaint complaint = checkBytes(offset, bytes, /*isRead=*/false))
    return complaint;
  memset(states.data() + offset, Written, bytes);
  return forEachWord(offset, bytes, [&](uint32_t word, uint8_t mask) {
    Complaint complaint = conflict(writers[word], mask, warp);
    if (!complaint)
      complaint = conflict(readers[word], mask, warp);
    record(writers[word], mask, warp, false);
    return complaint;
  });
}

Complaint SharedMemory::update(uint32_t offset, uint32_t bytes, unsigned warp) {
  if (Complaint complaint = checkBytes(offset, bytes, /*isRead=*/true))
    return complaint;
  return forEachWord(offset, bytes, [&](uint32_t word, uint8_t mask) {
    // Atomics do not race with each other.
    Complaint complaint =
        writers[word].isAtomic ? nullptr : conflict(writers[word], mask, warp);
    if (!complaint)
      complaint = conflict(readers[word], mask, warp);
    record(writers[word], mask, warp, true);
    return complaint;
  });
}

Complaint SharedMemory::beginCopy(uint32_t offset, uint32_t bytes,
                                  unsigned warp) {
  Complaint complaint = write(offset, bytes, warp);
  memset(states.data() + offset, InFlight, bytes);
  return complaint;
}

void SharedMemory::finishCopy(uint32_t offset, const char *from, uint32_t bytes,
                              unsigned warp) {
  memcpy(data.data() + offset, from, bytes);
  memset(states.data() + offset, Written, bytes);
  forEachWord(offset, bytes, [&](uint32_t word, uint8_t mask) -> Complaint {
    record(writers[word], mask, warp, false);
    return nullptr;
  });
}
