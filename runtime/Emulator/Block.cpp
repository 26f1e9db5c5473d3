//===- Block.cpp - one block of threads -----------------------------------===//
#include "runtime/Emulator/Warp.h"

using namespace cinch::emulator;

void RawCounters::addTo(const Program &program, Counters &counters) const {
  for (size_t i = 0; i < instructions.size(); ++i) {
    Counters::Instruction &sum = counters.instructions[program.opcodes[i]];
    sum.warp += instructions[i].warp;
    sum.thread += instructions[i].thread;
  }
  for (size_t i = 0; i < matrices.size(); ++i)
    counters.matrix[program.matrices[i]] += matrices[i];
  counters.globalLoad.add(globalLoad);
  counters.globalStore.add(globalStore);
  counters.globalAtomic.add(globalAtomic);
  counters.sharedLoad.add(sharedLoad);
  counters.sharedStore.add(sharedStore);
  counters.sharedAtomic.add(sharedAtomic);
  counters.divergentBranches += divergentBranches;
  counters.barriers += barriers;
}

Block::Block(const LaunchState &launch)
    : launch(launch), counters(launch.program),
      global(launch.memory, launch.epoch, launch.fences) {
  for (uint32_t i = 0; i * kLanes < launch.numThreads; ++i)
    warps.push_back(std::make_unique<Warp>(*this, i));
}

Block::~Block() = default;

const char *Block::announce(uint32_t barrier, uint32_t count) {
  count = count ? count : launch.numThreads;
  if (expected[barrier] && expected[barrier] != count)
    return "is for another number of threads than where others wait";
  expected[barrier] = count;
  return nullptr;
}

bool Block::releaseBarriers() {
  bool isAnyReleased = false;
  for (unsigned barrier = 0; barrier < 16; ++barrier) {
    uint32_t arrived = arrivals[barrier];
    for (auto &warp : warps)
      arrived += __builtin_popcount(warp->getWaiting(barrier));
    if (arrived == 0 || arrived < expected[barrier])
      continue;
    for (auto &warp : warps)
      warp->passBarrier(barrier);
    arrivals[barrier] = expected[barrier] = 0;
    shared.passBarrier();
    global.passBarrier();
    ++counters.barriers;
    isAnyReleased = true;
  }
  return isAnyReleased;
}

void Block::reportStuck() {
  uint32_t exited = 0, waiting = 0;
  const Warp *stuck = nullptr;
  for (auto &warp : warps) {
    exited += __builtin_popcount(warp->getExisting() & ~warp->getLive());
    waiting += __builtin_popcount(warp->getLive());
    if (!stuck && warp->getLive())
      stuck = warp.get();
  }
  throw Fault{
      {Code::LaunchFailed,
       "kernel " + launch.kernel.name + ", line " +
           std::to_string(stuck->getStuckLine()) + ", block (" +
           std::to_string(id[0]) + ", " + std::to_string(id[1]) + ", " +
           std::to_string(id[2]) + "): " + std::to_string(waiting) +
           " threads (the first in warp " + std::to_string(stuck->index) +
           ") wait for others that never come: a barrier or a lane is missing"
           " (" +
           std::to_string(exited) + " threads have exited)"}};
}

void Block::run(uint64_t newIndex) {
  index = newIndex;
  const uint32_t *grid = launch.config.grid;
  id[0] = uint32_t(index % grid[0]);
  id[1] = uint32_t(index / grid[0] % grid[1]);
  id[2] = uint32_t(index / grid[0] / grid[1]);
  budget = launch.maxInstructions;
  shared.reset(launch.sharedBytes);
  global.enter(index);
  for (unsigned i = 0; i < 16; ++i)
    arrivals[i] = expected[i] = 0;
  for (auto &warp : warps)
    warp->start();
  while (true) {
    bool isAllDone = true;
    for (auto &warp : warps)
      isAllDone &= warp->run() == Warp::Done;
    if (isAllDone)
      return;
    if (!releaseBarriers())
      reportStuck();
  }
}
