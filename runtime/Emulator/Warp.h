//===- Warp.h - 32 threads in step ----------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_WARP_H
#define CINCH_RUNTIME_EMULATOR_WARP_H

#include "runtime/Emulator/Block.h"
#include "runtime/Emulator/Program.h"
#include <cstring>
#include <string>

namespace cinch::emulator {

/// The value of type T in a cell: its lowest bytes.
template <typename T> T fromCell(const char *row, bool isWide, unsigned lane) {
  T value;
  memcpy(&value, row + lane * (isWide ? 8 : 4), sizeof(T));
  return value;
}

/// A warp of a block: the registers of its lanes, and where each one is.
///
/// Lanes that are at the same instruction run together. When they part, those
/// at the lowest instruction go on first, until they come to where others wait:
/// in code that compilers lay out, that is where the ways meet again.
class Warp {
public:
  enum State { Done, AtBarrier, Stuck };

  Warp(Block &block, unsigned index);
  /// Starts `block.id`: lanes from the first instruction on, nothing written.
  void start();
  /// Runs until no lane can go on. Throws Fault.
  State run();

  /// Lanes wait at barrier `id`; 0 if they do not.
  LaneMask getWaiting(unsigned id) const { return waiting[id]; }
  LaneMask getLive() const { return live; }
  LaneMask getExisting() const { return existing; }
  /// Lets the lanes at barrier `id` go on.
  void passBarrier(unsigned id);
  /// Line of what the lanes that cannot go on wait at.
  uint32_t getStuckLine() const;

  /// Stops the launch: `what` happened at `instruction` in `lane`.
  [[noreturn]] void fault(const Instruction &instruction, unsigned lane,
                          Code code, const std::string &what) const;

  char *row(const Arg &arg) { return rows.data() + arg.row; }
  template <typename T> T get(const Arg &arg, unsigned lane) {
    return fromCell<T>(row(arg), arg.isWide, lane);
  }
  /// Writes `value` into a cell, zero-extended to its width.
  void setCell(const Arg &arg, unsigned lane, uint64_t value) {
    if (arg.isWide)
      memcpy(row(arg) + lane * 8, &value, 8);
    else
      memcpy(row(arg) + lane * 4, &value, 4);
  }
  LaneMask getPredicate(const Arg &arg) const {
    return arg.isNegated ? ~predicates[arg.row] : predicates[arg.row];
  }
  void setPredicate(const Arg &arg, LaneMask mask, LaneMask value) {
    predicates[arg.row] = (predicates[arg.row] & ~mask) | (value & mask);
  }
  bool isWritten(const Arg &arg, unsigned lane) const {
    return arg.reg < 0 || (written[arg.reg] >> lane & 1);
  }
  /// Reports a read of a register that the lanes did not write.
  void checkWritten(const Instruction &instruction, int32_t reg, LaneMask mask);

  Block &block;
  const unsigned index;

  /// The carries of the lanes, and who has one (Carry.cpp).
  LaneMask carry = 0, carryWritten = 0;

  /// Bytes of local memory, lane by lane, and which were written.
  std::vector<char> local, localWritten;

  /// cp.async that are not seen yet, oldest first.
  struct PendingCopy {
    uint8_t lane;
    uint8_t bytes;
    uint32_t offset;
    uint32_t group;
    char data[16];
  };
  std::vector<PendingCopy> copies;
  /// Groups committed by each lane.
  uint32_t groups[kLanes];

private:
  void select();
  void branch(const Instruction &instruction, LaneMask mask);
  void leave(const Instruction &instruction, LaneMask mask);
  void arrive(const Instruction &instruction, LaneMask mask);
  void converge(const Instruction &instruction, LaneMask mask);
  void execute(const Instruction &instruction, LaneMask mask);
  /// The lanes of `mask` go on at `where`, once they are selected.
  void place(LaneMask mask, uint32_t where);
  void checkAligned() const;
  void fillSpecials();

  std::vector<char> rows;
  std::vector<LaneMask> predicates, written;
  LaneMask existing = 0, live = 0, active = 0;
  /// Lanes that wait for others at a collective instruction.
  LaneMask parked = 0;
  LaneMask waiting[16] = {};
  LaneMask anyWaiting = 0;
  uint32_t at[kLanes] = {};
  /// Of the active lanes; the lowest of the others that can go on.
  uint32_t here = 0, next = 0;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_WARP_H
