//===- Carry.cpp - sums of numbers of several words -----------------------===//
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"

using namespace cinch::emulator;

/// Instruction::flags: takes the carry, leaves one; what is added to what.
enum Flags : uint32_t { kCarryIn = 1, kCarryOut = 2, kSubtract = 4, kHigh = 8 };

/// d = a + b (+ carry), d = a - b (- carry), or with `IsProduct` d = the lower
/// or upper half of a * b, + c (+ carry).
template <typename T, bool IsProduct>
static void runCarry(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  using Double =
      std::conditional_t<sizeof(T) == 8, unsigned __int128, uint64_t>;
  const auto &args = instruction.args;
  uint32_t flags = instruction.flags;
  LaneMask unknown = mask & ~warp.carryWritten;
  if ((flags & kCarryIn) && unknown)
    warp.fault(instruction, __builtin_ctz(unknown), Code::LaunchFailed,
               "takes a carry that nothing left");
  LaneMask carries = 0;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Double a = warp.get<T>(args[1], lane), b = warp.get<T>(args[2], lane);
    if (IsProduct) {
      Double product = a * b;
      a = flags & kHigh ? T(product >> 8 * sizeof(T)) : T(product);
      b = warp.get<T>(args[3], lane);
    }
    Double carry = flags & kCarryIn ? warp.carry >> lane & 1 : 0;
    Double sum = flags & kSubtract ? a - b - carry : a + b + carry;
    warp.setCell(args[0], lane, T(sum));
    // Above the word are the carry, or all ones if it was borrowed.
    carries |= LaneMask(sum >> 8 * sizeof(T) & 1) << lane;
  }
  if (flags & kCarryOut) {
    warp.carry = (warp.carry & ~mask) | carries;
    warp.carryWritten |= mask;
  }
}

bool cinch::emulator::decodeCarry(Decoder &decoder, Type type) {
  const std::string &opcode = decoder.getStatement().opcode;
  Instruction &instruction = *decoder.instruction;
  bool isProduct = opcode[0] == 'm';
  if (opcode.back() == 'c')
    instruction.flags |= kCarryIn;
  if (decoder.take("cc"))
    instruction.flags |= kCarryOut;
  if (opcode[0] == 's')
    instruction.flags |= kSubtract;
  if (isProduct) {
    auto half = decoder.takeOne({"lo", "hi"});
    if (!half)
      return decoder.fail("expected .lo or .hi");
    if (*half)
      instruction.flags |= kHigh;
  }
  if (!isInteger(type) || bytesOf(type) < 4)
    return decoder.fail("has no form for this type");
  // The upper half of a product depends on the sign.
  if ((instruction.flags & kHigh) && isSigned(type))
    return decoder.fail("of the upper half of signed numbers is not supported");
  bool isWide = bytesOf(type) == 8;
  instruction.run =
      isProduct
          ? (isWide ? runCarry<uint64_t, true> : runCarry<uint32_t, true>)
          : (isWide ? runCarry<uint64_t, false> : runCarry<uint32_t, false>);
  size_t operands = isProduct ? 4 : 3;
  if (!decoder.expectOperands(operands, operands) || !decoder.write(0, type))
    return false;
  for (size_t i = 1; i < operands; ++i)
    if (!decoder.read(i, type))
      return false;
  return true;
}

bool cinch::emulator::decodeWithCarry(Decoder &decoder) {
  return decodeCarry(decoder, decoder.takeType());
}
