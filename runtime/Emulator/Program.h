//===- Program.h - a decoded kernel ---------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_PROGRAM_H
#define CINCH_RUNTIME_EMULATOR_PROGRAM_H

#include <cstdint>
#include <string>
#include <vector>

namespace cinch::emulator {

class Warp;
struct Instruction;

/// Threads of a warp; one bit each in masks ("lanes").
constexpr unsigned kLanes = 32;
using LaneMask = uint32_t;
constexpr LaneMask kAllLanes = ~LaneMask(0);

/// Executes an instruction for the lanes of `mask`, which is not empty.
using Handler = void (*)(Warp &warp, const Instruction &instruction,
                         LaneMask mask);

/// What an instruction does to the flow of control; what is not `Next` is done
/// by Warp::run.
enum class Flow : uint8_t {
  Next,
  Branch,
  Exit,
  Barrier,
  /// Waits for all lanes that `members` names, then `run`.
  Converge,
};

/// Where an operand is: a row of 32 cells in the registers of a warp. Cells
/// have 8 bytes if `isWide`, else 4 (narrower values zero-extended). Constants
/// and special registers have rows too. Predicates are masks: `row` is their
/// index.
struct Arg {
  uint32_t row = 0;
  /// Register, for what was never written; -1: a constant, or no operand.
  int32_t reg = -1;
  bool isWide = false;
  /// A predicate that is read as its opposite.
  bool isNegated = false;
};

/// State spaces of memory instructions.
enum class Space : uint8_t { Generic, Global, Shared, Local, Param };

struct Instruction {
  Handler run = nullptr;
  Flow flow = Flow::Next;
  /// Index of Program::opcodes.
  uint16_t opcode = 0;
  /// Predicate that guards it; -1: none.
  int32_t guard = -1;
  /// The register that `guard` is.
  int32_t guardRegister = -1;
  bool isGuardNegated = false;
  uint32_t line = 0;

  /// Operands in order, those of vectors one by one.
  std::vector<Arg> args;
  /// Registers read and written, by number.
  std::vector<int32_t> reads, writes;

  /// Converge: the argument that holds the member mask; -1: all lanes.
  int32_t members = -1;
  /// Branch: index of an instruction. Matrix instructions: Program::matrices.
  uint32_t target = 0;
  /// Offset of an address, or another constant.
  int64_t immediate = 0;
  Space space = Space::Generic;
  /// Elements of a vector access.
  uint8_t count = 1;
  /// Meaning is the handler's (rounding, flush to zero, layout…).
  uint32_t flags = 0;
};

/// A constant row: the same bits in each cell.
struct ConstantRow {
  uint32_t row;
  bool isWide;
  uint64_t bits;
};

/// Special registers that are rows of a warp.
enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NTidX,
  NTidY,
  NTidZ,
  CtaIdX,
  CtaIdY,
  CtaIdZ,
  NCtaIdX,
  NCtaIdY,
  NCtaIdZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  GridId,
  LaneMaskEq,
  LaneMaskLe,
  LaneMaskLt,
  LaneMaskGe,
  LaneMaskGt,
  DynamicSharedSize,
  TotalSharedSize,
};

struct SpecialRow {
  uint32_t row;
  bool isWide;
  Special which;
};

/// What every warp of every block executes.
struct Program {
  std::vector<Instruction> instructions;
  std::vector<std::string> opcodes, matrices;
  std::vector<ConstantRow> constants;
  std::vector<SpecialRow> specials;
  /// Size of the rows of a warp, in bytes; numbers of registers, predicates.
  uint32_t rowBytes = 0, numRegisters = 0, numPredicates = 0;
  /// Names of registers, for reports.
  std::vector<std::string> registerNames;
  /// Start of the dynamic shared memory.
  uint32_t dynamicSharedOffset = 0;
  /// Accesses global memory by atomics, whose order matters: blocks run in
  /// turn.
  bool hasGlobalAtomics = false;
  /// Executes fences of the whole device (GlobalAccess.h).
  bool hasFences = false;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_PROGRAM_H
