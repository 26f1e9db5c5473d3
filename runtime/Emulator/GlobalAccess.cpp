//===- GlobalAccess.cpp - a block's view of the global memory -------------===//
#include "runtime/Emulator/GlobalAccess.h"
#include <algorithm>

using namespace cinch::emulator;

namespace {
/// Who touched a word, in 8 bytes: launch, whether all touches were atomic,
/// block, warp and epoch of the block. Records of other launches are void.
struct Touch {
  static constexpr uint64_t kManyBlocks = 0xFFFFFF, kManyWarps = 63;
  uint64_t launch, isAtomic, block, warp, epoch;

  static Touch unpack(uint64_t bits) {
    return {bits >> 52, bits >> 51 & 1, bits >> 27 & 0xFFFFFF, bits >> 21 & 63,
            bits & 0x1FFFFF};
  }
  uint64_t pack() const {
    return launch << 52 | isAtomic << 51 | block << 27 | warp << 21 | epoch;
  }
};
} // namespace

static constexpr const char *kRaceInBlock =
    "races with another warp: no barrier between the two accesses";
static constexpr const char *kRaceOfBlocks =
    "races with another block of the launch";

static uint64_t load(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_RELAXED);
}
static void store(uint64_t *word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

void GlobalAccess::enter(uint64_t newBlock) {
  // Twenty-four bits name a block; two that share a name are taken for one.
  block = newBlock % Touch::kManyBlocks;
  epoch = 1;
}

void GlobalAccess::fence() {
  ++epoch;
  if (fences)
    (*fences)[block] = epoch;
}

/// Whether `before` and an access of `now` are a race; null if not.
static const char *conflict(const Touch &before, const Touch &now,
                            const std::vector<uint32_t> *fences) {
  if (before.launch != now.launch || (before.isAtomic && now.isAtomic))
    return nullptr;
  if (before.block != now.block) {
    if (fences && (before.block == Touch::kManyBlocks ||
                   before.epoch < (*fences)[before.block]))
      return nullptr;
    return kRaceOfBlocks;
  }
  return before.epoch == now.epoch && before.warp != now.warp ? kRaceInBlock
                                                              : nullptr;
}

/// The record of all that `before` says and an access of `now`.
static uint64_t join(const Touch &before, Touch now) {
  if (before.launch != now.launch)
    return now.pack();
  now.isAtomic &= before.isAtomic;
  if (before.block != now.block)
    now.block = Touch::kManyBlocks;
  else if (before.epoch == now.epoch && before.warp != now.warp)
    now.warp = Touch::kManyWarps;
  return now.pack();
}

const char *GlobalAccess::recordRead(size_t word, unsigned warp,
                                     bool isAtomic) {
  Touch now = {launch, isAtomic, block, warp, epoch & 0x1FFFFF};
  auto *readers = reinterpret_cast<uint64_t *>(last->readers.data());
  auto *writers = reinterpret_cast<uint64_t *>(last->writers.data());
  uint64_t before = load(&readers[word]), packed = now.pack();
  if (before != packed)
    store(&readers[word], join(Touch::unpack(before), now));
  return conflict(Touch::unpack(load(&writers[word])), now, fences);
}

const char *GlobalAccess::recordWrite(size_t word, unsigned warp,
                                      bool isAtomic) {
  Touch now = {launch, isAtomic, block, warp, epoch & 0x1FFFFF};
  auto *readers = reinterpret_cast<uint64_t *>(last->readers.data());
  auto *writers = reinterpret_cast<uint64_t *>(last->writers.data());
  Touch writer = Touch::unpack(load(&writers[word]));
  store(&writers[word], join(writer, now));
  const char *complaint = conflict(writer, now, fences);
  return complaint ? complaint
                   : conflict(Touch::unpack(load(&readers[word])), now, fences);
}

char *GlobalAccess::find(uint64_t address, uint32_t bytes,
                         const char *&complaint) {
  if (!last || address - last->address >= last->bytes) {
    last = memory.find(address);
    if (!last) {
      complaint = "is outside of every allocation";
      return nullptr;
    }
  }
  offset = address - last->address;
  if (bytes > last->bytes - offset) {
    complaint = "runs past the end of its allocation";
    return nullptr;
  }
  return last->data.data() + offset;
}

char *GlobalAccess::read(uint64_t address, uint32_t bytes, unsigned warp,
                         bool isAtomic, const char *&complaint) {
  char *found = find(address, bytes, complaint);
  if (!found)
    return nullptr;
  if (!last->isWritten(offset, bytes)) {
    complaint = "reads what nothing wrote";
    return found;
  }
  for (size_t word = offset / 4; word * 4 < offset + bytes; ++word)
    if ((complaint = recordRead(word, warp, isAtomic)))
      return found;
  return found;
}

char *GlobalAccess::write(uint64_t address, uint32_t bytes, unsigned warp,
                          bool isAtomic, const char *&complaint) {
  char *found = find(address, bytes, complaint);
  if (!found)
    return nullptr;
  last->markWritten(offset, bytes);
  // Neighbouring bytes of a word belong to different threads at times: only
  // whole words are watched.
  if (bytes >= 4)
    for (size_t word = offset / 4; word * 4 < offset + bytes; ++word)
      if ((complaint = recordWrite(word, warp, isAtomic)))
        return found;
  return found;
}

char *GlobalAccess::update(uint64_t address, uint32_t bytes, unsigned warp,
                           const char *&complaint) {
  char *found = find(address, bytes, complaint);
  if (!found)
    return nullptr;
  if (!last->isWritten(offset, bytes)) {
    complaint = "updates what nothing wrote";
    return found;
  }
  for (size_t word = offset / 4; word * 4 < offset + bytes; ++word)
    if ((complaint = recordWrite(word, warp, /*isAtomic=*/true)))
      return found;
  return found;
}
