//===- Architecture.cpp - limits of the devices that can be emulated ------===//
#include "runtime/Emulator/Architecture.h"
#include <iterator>

using namespace cinch::emulator;

// Multiprocessors and memory are those of a typical product: A100, RTX 3090,
// RTX 4090, H100, RTX 5090.
static constexpr Architecture kArchitectures[] = {
    {80, 108, 2048, 32, 48 << 10, 163 << 10, 164 << 10, uint64_t(40) << 30},
    {86, 82, 1536, 16, 48 << 10, 99 << 10, 100 << 10, uint64_t(24) << 30},
    {89, 128, 1536, 24, 48 << 10, 99 << 10, 100 << 10, uint64_t(24) << 30},
    {90, 132, 2048, 32, 48 << 10, 227 << 10, 228 << 10, uint64_t(80) << 30},
    {120, 170, 1536, 24, 48 << 10, 99 << 10, 100 << 10, uint64_t(32) << 30},
};

const Architecture *cinch::emulator::findArchitecture(unsigned sm) {
  for (const Architecture &row : kArchitectures)
    if (row.sm == sm)
      return &row;
  return nullptr;
}

const Architecture *cinch::emulator::getArchitectures(size_t &outCount) {
  outCount = std::size(kArchitectures);
  return kArchitectures;
}
