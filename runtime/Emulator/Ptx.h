//===- Ptx.h - PTX text as a tree -----------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_PTX_H
#define CINCH_RUNTIME_EMULATOR_PTX_H

#include "runtime/Emulator/Error.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What "Parallel Thread Execution ISA", version 9.0, chapters 4 to 11, writes
/// down, with names resolved: the input of the decoder.
namespace cinch::emulator::ptx {

struct Operand {
  enum Kind {
    Register,  ///< `index` of Function::registers
    Special,   ///< `name`, "%tid.x"
    Immediate, ///< `bits`
    Symbol,    ///< `name` of a variable or parameter
    Label,     ///< `name`; `index` of Function::statements after resolution
    Address,   ///< [elements[0] + offset]
    Vector,    ///< {elements…}
    Pair,      ///< elements[0] | elements[1]
    Sink,      ///< _
  };
  Kind kind = Sink;
  uint32_t index = 0;
  std::string name;
  /// An integer, or the bits of a float; `width` bytes of the float, else 0.
  uint64_t bits = 0;
  unsigned floatBytes = 0;
  /// Written as !register.
  bool isNegated = false;
  int64_t offset = 0;
  std::vector<Operand> elements;
};

/// One instruction: `@p add.s32 d, a, b;`.
struct Statement {
  uint32_t line = 0;
  /// Register of the guard; -1: none.
  int32_t guard = -1;
  bool isGuardNegated = false;
  std::string opcode;
  /// Without their dots: {"s32"}.
  std::vector<std::string> modifiers;
  std::vector<Operand> operands;
  uint32_t scope = 0;
};

/// A variable or parameter.
struct Variable {
  std::string name;
  uint32_t line = 0;
  /// "global", "const", "shared", "local", "param".
  std::string space;
  std::string type;
  uint64_t alignment = 1;
  uint64_t bytes = 0;
  bool isExtern = false;
  /// Initial bytes; zeros after them.
  std::string initializer;
};

struct Register {
  std::string name;
  /// "pred", "b32", …
  std::string type;
};

struct Function {
  std::string name;
  uint32_t line = 0;
  std::vector<Variable> parameters;
  /// Declared in the body, of spaces shared and local.
  std::vector<Variable> variables;
  std::vector<Register> registers;
  std::vector<Statement> statements;
  uint32_t maxThreads[3] = {}, requiredThreads[3] = {};
};

struct Module {
  unsigned major = 0, minor = 0;
  /// 80 for sm_80; `isExact` for sm_90a, which runs on nothing else.
  unsigned target = 0;
  bool isExact = false;
  std::vector<Variable> variables;
  std::vector<Function> kernels;
};

/// Bytes of one element of a PTX type; 0 if there is no such type.
unsigned typeBytes(std::string_view type);

/// Parses PTX. Fails with the line of what is not understood. Functions that
/// are called (`.func`) are refused: compilers inline them.
Error parse(std::string_view text, Module &module);

} // namespace cinch::emulator::ptx

#endif // CINCH_RUNTIME_EMULATOR_PTX_H
