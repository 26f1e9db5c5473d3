//===- Parser.h - PTX text to a tree --------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_PARSER_H
#define CINCH_RUNTIME_EMULATOR_PARSER_H

#include "runtime/Emulator/Lexer.h"
#include "runtime/Emulator/Ptx.h"

namespace cinch::emulator::ptx {

/// Recursive descent over the tokens. The first thing that is not understood
/// ends it: methods return false, with `error` set.
class Parser {
public:
  Parser(std::string_view text, Module &module)
      : lexer(text), module(module), token(lexer.next()) {}
  bool parseModule();
  Error error;

private:
  /// A block in braces: names declared in it hide those outside.
  struct Scope {
    uint32_t parent;
    std::map<std::string, uint32_t, std::less<>> registers, labels;
  };

  // Module level (Parser.cpp).
  bool parseHeader();
  bool parseDirective();
  bool parseVariable(std::vector<Variable> &variables, const Variable &start);
  bool skipFunction();
  bool parseVariableType(Variable &variable);
  bool parseDeclarator(Variable &variable);
  bool parseInitializer(Variable &variable);
  bool parseKernel();
  bool parseParameters(Function &function);
  bool parsePerformance(Function &function);
  bool skipTo(std::string_view end);
  bool skipBraces();

  // Bodies (ParseBody.cpp).
  bool parseBody(Function &function);
  bool parseBodyDirective(Function &function);
  bool parseRegisters(Function &function);
  bool parseStatement(Function &function);
  bool refuseCall();
  bool parseGuard(Function &function, Statement &statement);
  bool parseOperand(Operand &operand);
  bool parseSimpleOperand(Operand &operand);
  bool parseAddress(Operand &operand);
  bool parseVector(Operand &operand);
  bool resolveLabels(Function &function);
  int32_t findRegister(std::string_view name) const;

  // Both.
  bool fail(std::string message, Code code = Code::InvalidPtx);
  void advance() { token = lexer.next(); }
  bool expect(std::string_view mark);
  bool take(std::string_view mark);
  bool parseInteger(int64_t &value);
  /// An integer or a float of any notation, with its sign.
  bool parseNumber(Operand &operand);
  bool parseWord(std::string &word);

  Lexer lexer;
  Module &module;
  Token token;
  std::vector<Scope> scopes;
  uint32_t scope = 0;
};

} // namespace cinch::emulator::ptx

#endif // CINCH_RUNTIME_EMULATOR_PARSER_H
