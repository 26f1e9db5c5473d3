//===- DecodeStatement.cpp - modifiers and operands of a statement --------===//
#include "runtime/Emulator/Decoder.h"
#include <algorithm>

using namespace cinch::emulator;

bool Decoder::take(std::string_view modifier) {
  for (size_t i = 0; i < taken.size(); ++i) {
    if (!taken[i] && statement->modifiers[i] == modifier) {
      taken[i] = true;
      return true;
    }
  }
  return false;
}

bool Decoder::has(std::string_view modifier) const {
  const auto &modifiers = statement->modifiers;
  return std::find(modifiers.begin(), modifiers.end(), modifier) !=
         modifiers.end();
}

Type Decoder::takeType() {
  for (size_t i = 0; i < taken.size(); ++i) {
    Type type = typeFromName(statement->modifiers[i]);
    if (!taken[i] && type != Type::None) {
      taken[i] = true;
      return type;
    }
  }
  return Type::None;
}

std::optional<size_t>
Decoder::takeOne(std::initializer_list<std::string_view> options) {
  size_t index = 0;
  for (std::string_view option : options) {
    if (take(option))
      return index;
    ++index;
  }
  return std::nullopt;
}

bool Decoder::requireSm(unsigned sm) {
  return module.target >= sm ||
         fail("needs a target of sm_" + std::to_string(sm) +
              ", but this is sm_" + std::to_string(module.target));
}

bool Decoder::expectOperands(size_t least, size_t most) {
  if (numOperands() >= least && numOperands() <= most)
    return true;
  return fail("has " + std::to_string(numOperands()) +
              " operands, but expected " + std::to_string(least) +
              (most > least ? " to " + std::to_string(most) : ""));
}

template <typename Visit>
bool Decoder::forElements(size_t index, size_t count, Visit visit) {
  const ptx::Operand &operand = getOperand(index);
  if (operand.kind != ptx::Operand::Vector)
    return count == 1 ? visit(operand)
                      : fail("expected " + std::to_string(count) +
                             " registers in braces");
  if (operand.elements.size() != count)
    return fail("expected " + std::to_string(count) + " registers, but got " +
                std::to_string(operand.elements.size()));
  return std::all_of(operand.elements.begin(), operand.elements.end(), visit);
}

bool Decoder::readAll(size_t index, Type type, size_t count, bool mayBeWider) {
  return forElements(index, count, [&](const ptx::Operand &each) {
    return read(each, type, mayBeWider);
  });
}

bool Decoder::writeAll(size_t index, Type type, size_t count, bool mayBeWider) {
  return forElements(index, count, [&](const ptx::Operand &each) {
    return write(each, type, mayBeWider);
  });
}

bool Decoder::finish(Handler run, Type type, size_t sources) {
  if (!run)
    return fail("has no form for this type");
  instruction->run = run;
  if (!expectOperands(1 + sources, 1 + sources) || !write(0, type))
    return false;
  for (size_t i = 1; i <= sources; ++i)
    if (!read(i, type))
      return false;
  return true;
}

bool Decoder::readAddress(size_t index, Space space) {
  const ptx::Operand &operand = getOperand(index);
  if (operand.kind != ptx::Operand::Address)
    return fail("expected an address in brackets");
  const ptx::Operand &base = operand.elements[0];
  instruction->space = space;
  instruction->immediate = operand.offset;
  if (base.kind == ptx::Operand::Immediate) {
    addConstant(base.bits, /*isWide=*/true);
    return true;
  }
  if (base.kind == ptx::Operand::Symbol) {
    auto found = places.find(base.name);
    if (found == places.end())
      return fail("'" + base.name + "' is not defined");
    if (found->second.space != space)
      return fail("'" + base.name + "' is in another state space");
    addConstant(found->second.address, /*isWide=*/true);
    return true;
  }
  // Shared, local and parameter addresses fit 32 bits too.
  bool isNarrow = base.kind == ptx::Operand::Register &&
                  ptx::typeBytes(function.registers[base.index].type) == 4;
  if (isNarrow && (space == Space::Global || space == Space::Generic))
    return fail("an address of global memory has 64 bits");
  return read(base, isNarrow ? Type::B32 : Type::B64);
}

bool Decoder::decodeStatement(const ptx::Statement &next) {
  statement = &next;
  taken.assign(next.modifiers.size(), false);
  program->instructions.emplace_back();
  instruction = &program->instructions.back();
  instruction->opcode = internOpcode(next.opcode);
  instruction->line = next.line;
  instruction->isGuardNegated = next.isGuardNegated;
  if (next.guard >= 0) {
    instruction->guard = int32_t(registerRows[next.guard].row);
    instruction->guardRegister = next.guard;
  }
  DecodeOpcode decodeOpcode = findOpcode(next.opcode);
  if (!decodeOpcode)
    return fail("the instruction is not known");
  if (!decodeOpcode(*this))
    return false;
  for (size_t i = 0; i < taken.size(); ++i)
    if (!taken[i])
      return fail("the modifier ." + next.modifiers[i] + " is not known here");
  return true;
}

bool Decoder::decode(Kernel &kernel) {
  kernel.program = std::make_unique<Program>();
  program = kernel.program.get();
  if (!layOut(kernel) || !assignRows())
    return false;
  program->instructions.reserve(function.statements.size() + 1);
  for (const ptx::Statement &each : function.statements)
    if (!decodeStatement(each))
      return false;
  // The end of the body ends the thread.
  ptx::Statement end;
  end.opcode = "exit";
  end.line = function.statements.empty() ? function.line
                                         : function.statements.back().line;
  return decodeStatement(end);
}
