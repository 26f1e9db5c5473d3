//===- Decoder.h - a PTX tree to a program --------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_DECODER_H
#define CINCH_RUNTIME_EMULATOR_DECODER_H

#include "runtime/Emulator/Module.h"
#include "runtime/Emulator/Program.h"
#include "runtime/Emulator/Ptx.h"
#include "runtime/Emulator/Types.h"
#include <map>
#include <optional>

namespace cinch::emulator {

/// Windows of the generic address space. Global addresses lie above both.
constexpr uint64_t kSharedWindow = uint64_t(1) << 36;
constexpr uint64_t kLocalWindow = uint64_t(1) << 37;
constexpr uint64_t kWindowBytes = uint64_t(1) << 32;

/// Decodes one kernel. Each opcode has a function in the table of
/// DecodeTable.cpp that reads modifiers and operands of the current statement
/// and sets `instruction->run`; what it does not ask for is an error.
class Decoder {
public:
  /// `globals`: addresses of the variables of the module.
  Decoder(const ptx::Module &module, const ptx::Function &function,
          const Architecture &architecture,
          const std::map<std::string, uint64_t, std::less<>> &globals);
  /// Fills `kernel` but for its name. False with `error` set on failure.
  bool decode(Kernel &kernel);
  Error error;

  // -- For the functions of opcodes. All return false after `fail`.

  /// Stops with the line of the current statement.
  bool fail(const std::string &what);
  const ptx::Statement &getStatement() const { return *statement; }
  size_t numOperands() const { return statement->operands.size(); }
  const ptx::Operand &getOperand(size_t index) const {
    return statement->operands[index];
  }
  bool expectOperands(size_t least, size_t most);

  /// True if the modifier is there; it is accounted for then.
  bool take(std::string_view modifier);
  /// True if the modifier is there; leaves it to whoever takes it.
  bool has(std::string_view modifier) const;
  /// The next type among the modifiers; None if there is none left.
  Type takeType();
  /// The one of `options` that is there; its index. Nothing if none is.
  std::optional<size_t>
  takeOne(std::initializer_list<std::string_view> options);
  /// Fails unless the target is at least sm_`sm`.
  bool requireSm(unsigned sm);

  /// Appends operand `index`, of `type`, to the arguments. Registers wider than
  /// the type are taken if `mayBeWider`.
  bool read(size_t index, Type type, bool mayBeWider = false);
  bool read(const ptx::Operand &operand, Type type, bool mayBeWider = false);
  bool write(size_t index, Type type, bool mayBeWider = false);
  bool write(const ptx::Operand &operand, Type type, bool mayBeWider = false);
  /// All `count` elements of a vector operand, or the one operand.
  bool readAll(size_t index, Type type, size_t count, bool mayBeWider = false);
  bool writeAll(size_t index, Type type, size_t count, bool mayBeWider = false);
  /// The usual end: `run` (null: there is none for the type), a result and
  /// `sources` operands of one type.
  bool finish(Handler run, Type type, size_t sources);
  /// Appends a constant.
  void addConstant(uint64_t bits, bool isWide);
  /// [address] of `space`: appends its base, sets the offset.
  bool readAddress(size_t index, Space space);

  Instruction *instruction = nullptr;
  Program *program = nullptr;
  const Architecture &architecture;
  /// Index of a matrix instruction in its table of counters.
  uint32_t internMatrix(const std::string &name);

private:
  struct Place {
    Space space;
    uint64_t address;
  };
  bool layOut(Kernel &kernel);
  bool placeVariables(const std::vector<ptx::Variable> &variables,
                      bool isModule);
  bool assignRows();
  bool decodeStatement(const ptx::Statement &next);
  template <typename Visit>
  bool forElements(size_t index, size_t count, Visit visit);
  std::optional<Arg> findArg(const ptx::Operand &operand, Type type,
                             bool mayBeWider);
  std::optional<Arg> findSpecial(const std::string &name);
  Arg makeConstant(uint64_t bits, bool isWide);
  uint16_t internOpcode(const std::string &name);
  bool isUsed(const std::string &name) const;

  const ptx::Module &module;
  const ptx::Function &function;
  const std::map<std::string, uint64_t, std::less<>> &globals;
  const ptx::Statement *statement = nullptr;
  std::vector<bool> taken;
  std::map<std::string, Place, std::less<>> places;
  std::vector<Arg> registerRows;
  std::map<std::pair<uint64_t, bool>, uint32_t> constantRows;
  std::map<std::string, uint16_t> opcodes;
  uint32_t sharedEnd = 0, sharedDeclared = 0, localEnd = 0;
  uint64_t dynamicAlignment = 1;
};

/// Decodes the statement of one opcode.
using DecodeOpcode = bool (*)(Decoder &);
/// Null if there is no such opcode.
DecodeOpcode findOpcode(std::string_view name);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_DECODER_H
