//===- Warp.cpp - 32 threads in step --------------------------------------===//
#include "runtime/Emulator/Warp.h"
#include <algorithm>

using namespace cinch::emulator;

static constexpr uint32_t kNowhere = ~uint32_t(0);

Warp::Warp(Block &block, unsigned index) : block(block), index(index) {
  const Program &program = block.launch.program;
  unsigned lanes = std::min(kLanes, block.launch.numThreads - index * kLanes);
  existing = lanes == kLanes ? kAllLanes : (LaneMask(1) << lanes) - 1;
  rows.resize(program.rowBytes);
  predicates.resize(program.numPredicates);
  local.resize(size_t(block.launch.kernel.localBytes) * kLanes);
  for (const ConstantRow &constant : program.constants)
    for (unsigned lane = 0; lane < kLanes; ++lane)
      setCell({constant.row, -1, constant.isWide, false}, lane, constant.bits);
}

/// The value of a special register in a lane.
static uint64_t getSpecial(Special which, const Warp &warp, unsigned lane) {
  const Block &block = warp.block;
  const LaunchConfig &config = block.launch.config;
  uint32_t thread = warp.index * kLanes + lane;
  switch (which) {
  case Special::TidX:
    return thread % config.block[0];
  case Special::TidY:
    return thread / config.block[0] % config.block[1];
  case Special::TidZ:
    return thread / config.block[0] / config.block[1];
  case Special::NTidX:
    return config.block[0];
  case Special::NTidY:
    return config.block[1];
  case Special::NTidZ:
    return config.block[2];
  case Special::CtaIdX:
    return block.id[0];
  case Special::CtaIdY:
    return block.id[1];
  case Special::CtaIdZ:
    return block.id[2];
  case Special::NCtaIdX:
    return config.grid[0];
  case Special::NCtaIdY:
    return config.grid[1];
  case Special::NCtaIdZ:
    return config.grid[2];
  case Special::LaneId:
    return lane;
  case Special::WarpId:
    return warp.index;
  case Special::NWarpId:
    return (block.launch.numThreads + kLanes - 1) / kLanes;
  case Special::SmId:
    return block.index % block.launch.architecture.multiprocessors;
  case Special::NSmId:
    return block.launch.architecture.multiprocessors;
  case Special::GridId:
    return 0;
  case Special::LaneMaskEq:
    return LaneMask(1) << lane;
  case Special::LaneMaskLt:
    return (LaneMask(1) << lane) - 1;
  case Special::LaneMaskLe:
    return (uint64_t(2) << lane) - 1;
  case Special::LaneMaskGe:
    return LaneMask(~((LaneMask(1) << lane) - 1));
  case Special::LaneMaskGt:
    return LaneMask(~((uint64_t(2) << lane) - 1));
  case Special::DynamicSharedSize:
    return config.sharedBytes;
  case Special::TotalSharedSize:
    return block.launch.sharedBytes;
  }
  return 0;
}

void Warp::fillSpecials() {
  for (const SpecialRow &special : block.launch.program.specials)
    for (unsigned lane = 0; lane < kLanes; ++lane)
      setCell({special.row, -1, special.isWide, false}, lane,
              getSpecial(special.which, *this, lane));
}

void Warp::start() {
  written.assign(block.launch.program.numRegisters, 0);
  localWritten.assign(local.size(), 0);
  live = existing;
  parked = anyWaiting = 0;
  carry = carryWritten = 0;
  std::fill(std::begin(waiting), std::end(waiting), 0);
  std::fill(std::begin(at), std::end(at), 0);
  std::fill(std::begin(groups), std::end(groups), 0);
  copies.clear();
  fillSpecials();
}

void Warp::fault(const Instruction &instruction, unsigned lane, Code code,
                 const std::string &what) const {
  const uint32_t *sizes = block.launch.config.block;
  uint32_t thread = index * kLanes + lane;
  auto triple = [](uint32_t x, uint32_t y, uint32_t z) {
    return "(" + std::to_string(x) + ", " + std::to_string(y) + ", " +
           std::to_string(z) + ")";
  };
  const std::string &opcode = block.launch.program.opcodes[instruction.opcode];
  throw Fault{{code, "kernel " + block.launch.kernel.name + ", line " +
                         std::to_string(instruction.line) + ", block " +
                         triple(block.id[0], block.id[1], block.id[2]) +
                         ", thread " +
                         triple(thread % sizes[0], thread / sizes[0] % sizes[1],
                                thread / sizes[0] / sizes[1]) +
                         " (warp " + std::to_string(index) + ", lane " +
                         std::to_string(lane) + "): " + opcode + " " + what}};
}

void Warp::checkWritten(const Instruction &instruction, int32_t reg,
                        LaneMask mask) {
  LaneMask missing = mask & ~written[reg];
  if (missing)
    fault(instruction, __builtin_ctz(missing), Code::LaunchFailed,
          "reads " + block.launch.program.registerNames[reg] +
              ", which was never written");
}

void Warp::select() {
  LaneMask ready = live & ~anyWaiting & ~parked;
  here = next = kNowhere;
  for (LaneMask rest = ready; rest; rest &= rest - 1)
    here = std::min(here, at[__builtin_ctz(rest)]);
  active = 0;
  for (LaneMask rest = ready; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    if (at[lane] == here)
      active |= LaneMask(1) << lane;
    else
      next = std::min(next, at[lane]);
  }
}

void Warp::place(LaneMask mask, uint32_t where) {
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    at[__builtin_ctz(rest)] = where;
}

void Warp::branch(const Instruction &instruction, LaneMask mask) {
  if (mask == 0) {
    ++here;
  } else if (mask == active) {
    here = instruction.target;
  } else {
    ++block.counters.divergentBranches;
    place(mask, instruction.target);
    place(active & ~mask, here + 1);
    select();
  }
}

void Warp::leave(const Instruction &instruction, LaneMask mask) {
  if (LaneMask open = mask; !copies.empty())
    for (const PendingCopy &copy : copies)
      if (open >> copy.lane & 1)
        fault(instruction, copy.lane, Code::LaunchFailed,
              "ends the thread before its cp.async are waited for");
  live &= ~mask;
  place(active & ~mask, here + 1);
  select();
}

void Warp::arrive(const Instruction &instruction, LaneMask mask) {
  unsigned first = __builtin_ctz(mask);
  uint32_t id = get<uint32_t>(instruction.args[0], first);
  uint32_t count = instruction.args.size() > 1
                       ? get<uint32_t>(instruction.args[1], first)
                       : 0;
  if (id > 15 || count > block.launch.numThreads || count % kLanes)
    fault(instruction, first, Code::LaunchFailed,
          "names barrier " + std::to_string(id) + " for " +
              std::to_string(count) +
              " threads: there are 16 barriers, and threads come by warps");
  if (const char *what = block.announce(id, count))
    fault(instruction, first, Code::LaunchFailed, what);
  place(active, here + 1);
  if (instruction.flags) { // bar.arrive does not wait
    block.arrivals[id] += __builtin_popcount(mask);
  } else {
    waiting[id] |= mask;
    anyWaiting |= mask;
  }
  select();
}

void Warp::passBarrier(unsigned id) {
  anyWaiting &= ~waiting[id];
  waiting[id] = 0;
}

void Warp::execute(const Instruction &instruction, LaneMask mask) {
  for (int32_t reg : instruction.reads)
    if (mask & ~written[reg])
      checkWritten(instruction, reg, mask);
  instruction.run(*this, instruction, mask);
  for (int32_t reg : instruction.writes)
    written[reg] |= mask;
}

/// Lanes that came before wait in `parked`, at this same instruction.
void Warp::converge(const Instruction &instruction, LaneMask mask) {
  LaneMask waitingHere = 0;
  for (LaneMask rest = parked; rest; rest &= rest - 1)
    if (at[__builtin_ctz(rest)] == here)
      waitingHere |= rest & -rest;
  place(active & ~mask, here + 1);
  place(mask, here);
  LaneMask arrived = mask | waitingHere;
  parked |= arrived;
  while (arrived) {
    unsigned first = __builtin_ctz(arrived);
    LaneMask members = existing;
    if (instruction.members >= 0)
      members &= get<uint32_t>(instruction.args[instruction.members], first);
    LaneMask group = arrived & members;
    if (!(members >> first & 1))
      fault(instruction, first, Code::LaunchFailed,
            "is executed by a lane that its member mask does not name");
    if (members & ~live)
      fault(instruction, __builtin_ctz(members & ~live), Code::LaunchFailed,
            "needs a lane that has exited");
    arrived &= ~group;
    if (group != members)
      continue; // the others are still on their way
    execute(instruction, group);
    parked &= ~group;
    place(group, here + 1);
  }
  select();
}

/// bar.sync is for whole warps: all lanes at the same one.
void Warp::checkAligned() const {
  const auto &instructions = block.launch.program.instructions;
  LaneMask rest = anyWaiting;
  unsigned first = __builtin_ctz(rest);
  for (; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    const Instruction &mine = instructions[at[lane] - 1];
    const Instruction &other = instructions[at[first] - 1];
    if (&mine != &other && mine.immediate)
      fault(mine, lane, Code::LaunchFailed,
            "is a divergent barrier: lane " + std::to_string(first) +
                " of the warp waits at that of line " +
                std::to_string(other.line));
  }
}

Warp::State Warp::run() {
  const Program &program = block.launch.program;
  select();
  while (active) {
    if (here >= next) { // others wait there, or before
      place(active, here);
      select();
      continue;
    }
    const Instruction &instruction = program.instructions[here];
    LaneMask mask = active;
    if (instruction.guard >= 0) {
      checkWritten(instruction, instruction.guardRegister, active);
      LaneMask guard = predicates[instruction.guard];
      mask &= instruction.isGuardNegated ? ~guard : guard;
    }
    auto &count = block.counters.instructions[instruction.opcode];
    ++count.warp;
    count.thread += __builtin_popcount(mask);
    if (block.budget-- == 0)
      fault(instruction, __builtin_ctz(active), Code::LaunchTimeout,
            "is where the block was stopped, after " +
                std::to_string(block.launch.maxInstructions) +
                " warp instructions");
    if (instruction.flow == Flow::Branch) {
      branch(instruction, mask);
    } else if (mask == 0) {
      ++here;
    } else if (instruction.flow == Flow::Next) {
      execute(instruction, mask);
      ++here;
    } else if (instruction.flow == Flow::Converge) {
      if (mask == existing && parked == 0 && instruction.members < 0) {
        execute(instruction, mask);
        ++here;
      } else {
        converge(instruction, mask);
      }
    } else if (instruction.flow == Flow::Exit) {
      leave(instruction, mask);
    } else {
      arrive(instruction, mask);
    }
  }
  if (anyWaiting)
    checkAligned();
  if (live == 0)
    return Done;
  return anyWaiting ? AtBarrier : Stuck;
}

uint32_t Warp::getStuckLine() const {
  LaneMask stuck = live & (anyWaiting | parked);
  if (!stuck)
    return 0;
  unsigned lane = __builtin_ctz(stuck);
  bool isParked = parked >> lane & 1;
  return block.launch.program.instructions[at[lane] - (isParked ? 0 : 1)].line;
}
