//===- Access.cpp - a warp's accesses to memory ---------------------------===//
#include "runtime/Emulator/Access.h"
#include "runtime/Emulator/Decoder.h"
#include <algorithm>
#include <cinttypes>

using namespace cinch::emulator;

uint64_t cinch::emulator::countSectors(uint64_t *addresses, unsigned count) {
  // An aligned access of at most 32 bytes lies in one sector.
  for (unsigned i = 0; i < count; ++i)
    addresses[i] /= 32;
  if (!std::is_sorted(addresses, addresses + count))
    std::sort(addresses, addresses + count);
  return uint64_t(std::unique(addresses, addresses + count) - addresses);
}

/// Passes over the banks for the words that lanes [first, last) ask for.
static unsigned countPasses(const uint32_t *offsets, LaneMask mask,
                            unsigned words, unsigned first, unsigned last) {
  // Of each bank the words asked for; several lanes may share one.
  uint32_t seen[32][kLanes];
  uint8_t perBank[32] = {};
  unsigned most = 0;
  for (unsigned lane = first; lane < last; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    for (unsigned i = 0; i < words; ++i) {
      uint32_t word = offsets[lane] / 4 + i, bank = word % 32;
      uint32_t *begin = seen[bank], *end = begin + perBank[bank];
      if (std::find(begin, end, word) != end)
        continue;
      *end = word;
      most = std::max<unsigned>(most, ++perBank[bank]);
    }
  }
  return most;
}

uint64_t cinch::emulator::countWavefronts(const uint32_t *offsets,
                                          LaneMask mask, uint32_t bytes) {
  // Of 8 (16) bytes a lane, a half (quarter) of the warp fills the banks.
  const unsigned words = std::max(bytes / 4, 1u), lanes = kLanes / words;
  uint64_t wavefronts = 0;
  for (unsigned first = 0; first < kLanes; first += lanes)
    wavefronts += countPasses(offsets, mask, words, first, first + lanes);
  return wavefronts;
}

void Access::fault(unsigned lane, Code code, Space space, uint64_t address,
                   const char *what) {
  static const char *const names[] = {"generic", "global", "shared", "local",
                                      "parameter"};
  char text[160];
  snprintf(text, sizeof(text), "of %u bytes at 0x%" PRIx64 " of %s memory %s",
           bytes, address, names[unsigned(space)], what);
  warp.fault(instruction, lane, code, text);
}

char *Access::at(const Arg &base, unsigned lane) {
  uint64_t address = base.isWide ? warp.get<uint64_t>(base, lane)
                                 : warp.get<uint32_t>(base, lane);
  return at(instruction.space, address + uint64_t(instruction.immediate), lane);
}

char *Access::at(Space space, uint64_t address, unsigned lane) {
  if (space == Space::Generic) {
    space = Space::Global;
    if (address - kSharedWindow < kWindowBytes) {
      space = Space::Shared;
      address -= kSharedWindow;
    } else if (address - kLocalWindow < kWindowBytes) {
      space = Space::Local;
      address -= kLocalWindow;
    }
  }
  if (address & (bytes - 1))
    fault(lane, Code::MisalignedAddress, space, address, "is not aligned");
  switch (space) {
  case Space::Shared:
    return atShared(address, lane);
  case Space::Local:
    return atLocal(address, lane);
  case Space::Param:
    return atParam(address, lane);
  default:
    return atGlobal(address, lane);
  }
}

char *Access::atGlobal(uint64_t address, unsigned lane) {
  GlobalAccess &global = warp.block.global;
  const char *complaint = nullptr;
  char *found =
      kind == AccessKind::Load
          ? global.read(address, bytes, warp.index, isOrdered, complaint)
      : kind == AccessKind::Store
          ? global.write(address, bytes, warp.index, isOrdered, complaint)
          : global.update(address, bytes, warp.index, complaint);
  if (complaint)
    fault(lane, found ? Code::LaunchFailed : Code::IllegalAddress,
          Space::Global, address, complaint);
  globals[numGlobals++] = address;
  return found;
}

char *Access::atShared(uint64_t address, unsigned lane) {
  SharedMemory &shared = warp.block.shared;
  if (address > shared.size() || bytes > shared.size() - address)
    fault(lane, Code::IllegalAddress, Space::Shared, address,
          "is outside of the block's shared memory");
  uint32_t offset = uint32_t(address);
  const char *complaint =
      kind == AccessKind::Load    ? shared.read(offset, bytes, warp.index)
      : kind == AccessKind::Store ? shared.write(offset, bytes, warp.index)
                                  : shared.update(offset, bytes, warp.index);
  if (complaint && !(isOrdered && kind != AccessKind::Atomic))
    fault(lane, Code::LaunchFailed, Space::Shared, address, complaint);
  shareds[lane] = offset;
  sharedMask |= LaneMask(1) << lane;
  return shared.at(offset);
}

char *Access::atLocal(uint64_t address, unsigned lane) {
  uint32_t size = warp.block.launch.kernel.localBytes;
  if (address > size || bytes > size - address)
    fault(lane, Code::IllegalAddress, Space::Local, address,
          "is outside of the thread's local memory");
  size_t offset = size_t(size) * lane + address;
  if (kind != AccessKind::Store &&
      memchr(warp.localWritten.data() + offset, 0, bytes))
    fault(lane, Code::LaunchFailed, Space::Local, address,
          "reads what nothing wrote");
  memset(warp.localWritten.data() + offset, 1, bytes);
  return warp.local.data() + offset;
}

char *Access::atParam(uint64_t address, unsigned lane) {
  const LaunchState &launch = warp.block.launch;
  uint32_t size = launch.kernel.parameterBytes;
  if (kind != AccessKind::Load || address > size || bytes > size - address)
    fault(lane, Code::IllegalAddress, Space::Param, address,
          "is outside of the parameters");
  return const_cast<char *>(launch.parameters) + address;
}

void Access::count() {
  RawCounters &counters = warp.block.counters;
  if (numGlobals) {
    Traffic &traffic = kind == AccessKind::Load    ? counters.globalLoad
                       : kind == AccessKind::Store ? counters.globalStore
                                                   : counters.globalAtomic;
    ++traffic.requests;
    traffic.bytes += uint64_t(bytes) * numGlobals;
    traffic.sectors += countSectors(globals, numGlobals);
  }
  if (sharedMask) {
    Traffic &traffic = kind == AccessKind::Load    ? counters.sharedLoad
                       : kind == AccessKind::Store ? counters.sharedStore
                                                   : counters.sharedAtomic;
    ++traffic.requests;
    traffic.bytes += uint64_t(bytes) * __builtin_popcount(sharedMask);
    traffic.wavefronts += countWavefronts(shareds, sharedMask, bytes);
  }
}
