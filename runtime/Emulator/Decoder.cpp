//===- Decoder.cpp - a PTX tree to a program ------------------------------===//
#include "runtime/Emulator/Decoder.h"
#include <algorithm>
#include <cstring>

using namespace cinch::emulator;

Decoder::Decoder(const ptx::Module &module, const ptx::Function &function,
                 const Architecture &architecture,
                 const std::map<std::string, uint64_t, std::less<>> &globals)
    : architecture(architecture), module(module), function(function),
      globals(globals) {}

bool Decoder::fail(const std::string &what) {
  if (!error) {
    uint32_t line = statement ? statement->line : function.line;
    std::string spelling = statement ? statement->opcode : function.name;
    if (statement)
      for (const std::string &modifier : statement->modifiers)
        spelling += "." + modifier;
    error = {Code::InvalidPtx,
             "line " + std::to_string(line) + ": " + spelling + ": " + what};
  }
  return false;
}

bool Decoder::isUsed(const std::string &name) const {
  auto names = [&](const ptx::Operand &operand) {
    return operand.name == name ||
           (!operand.elements.empty() && operand.elements[0].name == name);
  };
  for (const ptx::Statement &each : function.statements)
    if (std::any_of(each.operands.begin(), each.operands.end(), names))
      return true;
  return false;
}

/// Shared arrays get the alignment that they declare and no more, so that code
/// that needs more is seen to fail.
static uint32_t alignExactly(uint32_t offset, uint64_t alignment) {
  uint32_t aligned = uint32_t((offset + alignment - 1) / alignment * alignment);
  if (alignment < 128 && aligned % (2 * alignment) == 0)
    aligned += uint32_t(alignment);
  return aligned;
}

static uint32_t alignTo(uint32_t offset, uint64_t alignment) {
  return uint32_t((offset + alignment - 1) / alignment * alignment);
}

bool Decoder::placeVariables(const std::vector<ptx::Variable> &variables,
                             bool isModule) {
  for (const ptx::Variable &variable : variables) {
    bool isShared = variable.space == "shared";
    if (isModule && (!isShared || !isUsed(variable.name)))
      continue;
    if (isShared && variable.isExtern) { // dynamic, after all others
      dynamicAlignment = std::max(dynamicAlignment, variable.alignment);
      continue;
    }
    if (variable.bytes > (1 << 24))
      return fail("'" + variable.name + "' has " +
                  std::to_string(variable.bytes) +
                  " bytes, more than a block can have");
    if (isShared) {
      sharedDeclared = alignTo(sharedDeclared, variable.alignment) +
                       uint32_t(variable.bytes);
      uint32_t offset = alignExactly(sharedEnd, variable.alignment);
      places[variable.name] = {Space::Shared, offset};
      sharedEnd = offset + uint32_t(variable.bytes);
    } else {
      localEnd = alignTo(localEnd, variable.alignment);
      places[variable.name] = {Space::Local, localEnd};
      localEnd += uint32_t(variable.bytes);
    }
    if (sharedEnd > (1 << 24) || localEnd > (1 << 20))
      return fail("the kernel's variables are larger than a device allows");
  }
  return true;
}

bool Decoder::layOut(Kernel &kernel) {
  for (const ptx::Variable &parameter : function.parameters) {
    uint32_t offset = alignTo(kernel.parameterBytes, parameter.alignment);
    kernel.parameters.push_back(
        {parameter.name, offset, uint32_t(parameter.bytes)});
    kernel.parameterBytes = offset + uint32_t(parameter.bytes);
    places[parameter.name] = {Space::Param, offset};
  }
  if (!placeVariables(module.variables, /*isModule=*/true) ||
      !placeVariables(function.variables, /*isModule=*/false))
    return false;
  program->dynamicSharedOffset = alignExactly(sharedEnd, dynamicAlignment);
  for (const ptx::Variable &variable : module.variables)
    if (variable.space == "shared" && variable.isExtern)
      places[variable.name] = {Space::Shared, program->dynamicSharedOffset};
  for (const auto &[name, address] : globals)
    places.emplace(name, Place{Space::Global, address});
  kernel.sharedBytes = sharedDeclared;
  kernel.localBytes = alignTo(localEnd, 16);
  std::copy_n(function.maxThreads, 3, kernel.maxThreads);
  std::copy_n(function.requiredThreads, 3, kernel.requiredThreads);
  return true;
}

/// Every register has a row, or a mask if it is a predicate.
bool Decoder::assignRows() {
  for (const ptx::Register &each : function.registers) {
    Arg arg;
    arg.reg = int32_t(registerRows.size());
    unsigned bytes = ptx::typeBytes(each.type);
    if (bytes > 8)
      return fail("registers of 128 bits are not supported");
    if (bytes == 0) {
      arg.row = program->numPredicates++;
    } else {
      arg.isWide = bytes == 8;
      arg.row = program->rowBytes;
      program->rowBytes += kLanes * (arg.isWide ? 8 : 4);
    }
    registerRows.push_back(arg);
    program->registerNames.push_back(each.name);
  }
  program->numRegisters = uint32_t(registerRows.size());
  return true;
}

Arg Decoder::makeConstant(uint64_t bits, bool isWide) {
  if (!isWide)
    bits &= 0xFFFFFFFF;
  auto [found, isNew] =
      constantRows.try_emplace({bits, isWide}, program->rowBytes);
  if (isNew) {
    program->constants.push_back({program->rowBytes, isWide, bits});
    program->rowBytes += kLanes * (isWide ? 8 : 4);
  }
  return {found->second, -1, isWide, false};
}

void Decoder::addConstant(uint64_t bits, bool isWide) {
  instruction->args.push_back(makeConstant(bits, isWide));
}

std::optional<Arg> Decoder::findSpecial(const std::string &name) {
  static const std::map<std::string_view, Special> specials = {
      {"%tid.x", Special::TidX},
      {"%tid.y", Special::TidY},
      {"%tid.z", Special::TidZ},
      {"%ntid.x", Special::NTidX},
      {"%ntid.y", Special::NTidY},
      {"%ntid.z", Special::NTidZ},
      {"%ctaid.x", Special::CtaIdX},
      {"%ctaid.y", Special::CtaIdY},
      {"%ctaid.z", Special::CtaIdZ},
      {"%nctaid.x", Special::NCtaIdX},
      {"%nctaid.y", Special::NCtaIdY},
      {"%nctaid.z", Special::NCtaIdZ},
      {"%laneid", Special::LaneId},
      {"%warpid", Special::WarpId},
      {"%nwarpid", Special::NWarpId},
      {"%smid", Special::SmId},
      {"%nsmid", Special::NSmId},
      {"%gridid", Special::GridId},
      {"%lanemask_eq", Special::LaneMaskEq},
      {"%lanemask_le", Special::LaneMaskLe},
      {"%lanemask_lt", Special::LaneMaskLt},
      {"%lanemask_ge", Special::LaneMaskGe},
      {"%lanemask_gt", Special::LaneMaskGt},
      {"%dynamic_smem_size", Special::DynamicSharedSize},
      {"%total_smem_size", Special::TotalSharedSize}};
  auto found = specials.find(name);
  if (found == specials.end()) {
    fail("there is no register '" + name + "' here");
    return std::nullopt;
  }
  bool isWide = found->second == Special::GridId;
  for (const SpecialRow &row : program->specials)
    if (row.which == found->second)
      return Arg{row.row, -1, row.isWide, false};
  program->specials.push_back({program->rowBytes, isWide, found->second});
  program->rowBytes += kLanes * (isWide ? 8 : 4);
  return Arg{program->specials.back().row, -1, isWide, false};
}

/// The bits of an immediate of `type`.
static uint64_t immediateBits(const ptx::Operand &operand, Type type) {
  if (operand.floatBytes == 8 && bytesOf(type) == 4) {
    double wide;
    memcpy(&wide, &operand.bits, 8);
    float narrow = float(wide);
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    return bits;
  }
  if (bytesOf(type) < 4)
    return operand.bits & ((uint64_t(1) << 8 * bytesOf(type)) - 1);
  return operand.bits;
}

std::optional<Arg> Decoder::findArg(const ptx::Operand &operand, Type type,
                                    bool mayBeWider) {
  bool isWide = bytesOf(type) == 8;
  if (type == Type::Pred && operand.kind != ptx::Operand::Register) {
    fail("expected a predicate");
    return std::nullopt;
  }
  switch (operand.kind) {
  case ptx::Operand::Register: {
    Arg arg = registerRows[operand.index];
    const std::string &declared = function.registers[operand.index].type;
    unsigned bytes = ptx::typeBytes(declared), wanted = bytesOf(type);
    bool fits = type == Type::Pred
                    ? declared == "pred"
                    : bytes == wanted || (mayBeWider && bytes > wanted);
    if (!fits) {
      fail("'" + operand.name + "' is of type ." + declared);
      return std::nullopt;
    }
    arg.isNegated = operand.isNegated;
    return arg;
  }
  case ptx::Operand::Special: {
    std::optional<Arg> special = findSpecial(operand.name);
    if (special && !special->isWide && isWide && !mayBeWider) {
      fail("'" + operand.name + "' has 32 bits");
      return std::nullopt;
    }
    return special;
  }
  case ptx::Operand::Immediate:
    if (isFloat(type) && !operand.floatBytes && bytesOf(type) > 2) {
      fail("expected a float");
      return std::nullopt;
    }
    return makeConstant(immediateBits(operand, type), isWide);
  case ptx::Operand::Symbol: {
    auto found = places.find(operand.name);
    if (found == places.end()) {
      fail("'" + operand.name + "' is not defined");
      return std::nullopt;
    }
    if (found->second.space == Space::Global && !isWide) {
      fail("an address of global memory has 64 bits");
      return std::nullopt;
    }
    return makeConstant(found->second.address + uint64_t(operand.offset),
                        isWide);
  }
  default:
    fail("an operand is of another kind than is known");
    return std::nullopt;
  }
}

bool Decoder::read(const ptx::Operand &operand, Type type, bool mayBeWider) {
  std::optional<Arg> arg = findArg(operand, type, mayBeWider);
  if (!arg)
    return false;
  if (arg->reg >= 0)
    instruction->reads.push_back(arg->reg);
  instruction->args.push_back(*arg);
  return true;
}

bool Decoder::write(const ptx::Operand &operand, Type type, bool mayBeWider) {
  if (operand.kind == ptx::Operand::Sink) {
    // A row that nobody reads.
    instruction->args.push_back(
        {program->rowBytes, -1, bytesOf(type) == 8, false});
    if (type == Type::Pred)
      instruction->args.back().row = program->numPredicates++;
    else
      program->rowBytes += kLanes * (bytesOf(type) == 8 ? 8 : 4);
    return true;
  }
  if (operand.kind != ptx::Operand::Register)
    return fail("the result must be a register");
  std::optional<Arg> arg = findArg(operand, type, mayBeWider);
  if (!arg)
    return false;
  instruction->writes.push_back(arg->reg);
  instruction->args.push_back(*arg);
  return true;
}

bool Decoder::read(size_t index, Type type, bool mayBeWider) {
  return read(getOperand(index), type, mayBeWider);
}

bool Decoder::write(size_t index, Type type, bool mayBeWider) {
  return write(getOperand(index), type, mayBeWider);
}

uint16_t Decoder::internOpcode(const std::string &name) {
  auto [found, isNew] = opcodes.try_emplace(name, program->opcodes.size());
  if (isNew)
    program->opcodes.push_back(name);
  return found->second;
}

uint32_t Decoder::internMatrix(const std::string &name) {
  auto &names = program->matrices;
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    found = names.insert(names.end(), name);
  return uint32_t(found - names.begin());
}
