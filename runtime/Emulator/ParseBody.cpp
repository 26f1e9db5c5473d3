//===- ParseBody.cpp - bodies of kernels ----------------------------------===//
#include "runtime/Emulator/Parser.h"

using namespace cinch::emulator;
using namespace cinch::emulator::ptx;

/// Bound of the registers of a kernel: a broken file may ask for any number.
static constexpr size_t kMaxRegisters = 1 << 20;

int32_t Parser::findRegister(std::string_view name) const {
  for (uint32_t at = scope;; at = scopes[at].parent) {
    auto found = scopes[at].registers.find(name);
    if (found != scopes[at].registers.end())
      return int32_t(found->second);
    if (at == 0)
      return -1;
  }
}

/// .reg .b32 %r<12>, %x;
bool Parser::parseRegisters(Function &function) {
  std::string type;
  if (!parseWord(type))
    return false;
  type.erase(0, 1);
  if (type != "pred" && !typeBytes(type))
    return fail("there is no type '." + type + "'");
  auto add = [&](const std::string &name) {
    scopes[scope].registers[name] = uint32_t(function.registers.size());
    function.registers.push_back({name, type});
  };
  do {
    std::string name;
    if (!parseWord(name))
      return false;
    if (!take("<")) {
      add(name);
      continue;
    }
    int64_t count;
    if (!parseInteger(count) || !expect(">"))
      return false;
    if (count < 0 || function.registers.size() + count > kMaxRegisters)
      return fail("too many registers");
    for (int64_t i = 0; i < count; ++i)
      add(name + std::to_string(i));
  } while (take(","));
  return expect(";");
}

bool Parser::parseBodyDirective(Function &function) {
  if (take(".reg"))
    return parseRegisters(function);
  if (token.is(".shared") || token.is(".local")) {
    Variable start;
    start.space = token.text.substr(1);
    advance();
    return parseVariable(function.variables, start);
  }
  if (take(".pragma"))
    return skipTo(";");
  if (take(".loc")) {
    uint32_t line = token.line;
    while (token.kind != Token::End && token.line == line)
      advance();
    return true;
  }
  if (token.is(".param")) { // an argument of a call that follows
    while (token.text.substr(0, 4) != "call" && token.kind != Token::End &&
           token.kind != Token::Bad)
      advance();
    advance();
    return refuseCall();
  }
  return fail("'" + std::string(token.text) + "' is not known here");
}

bool Parser::parseAddress(Operand &operand) {
  operand.kind = Operand::Address;
  operand.elements.resize(1);
  if (!parseSimpleOperand(operand.elements[0]))
    return false;
  if (token.is("+") || token.is("-")) {
    bool isNegative = token.is("-");
    advance();
    if (!parseInteger(operand.offset))
      return false;
    if (isNegative)
      operand.offset = -operand.offset;
  }
  return expect("]");
}

bool Parser::parseVector(Operand &operand) {
  operand.kind = Operand::Vector;
  do {
    operand.elements.emplace_back();
    if (!parseSimpleOperand(operand.elements.back()))
      return false;
  } while (take(","));
  return expect("}");
}

bool Parser::parseSimpleOperand(Operand &operand) {
  if (token.kind == Token::Number || token.is("-"))
    return parseNumber(operand);
  if (take("!")) {
    operand.isNegated = true;
  }
  std::string name;
  if (!parseWord(name))
    return false;
  int32_t index = findRegister(name);
  if (index >= 0) {
    operand.kind = Operand::Register;
    operand.index = uint32_t(index);
  } else if (name == "_") {
    operand.kind = Operand::Sink;
  } else if (name[0] == '%') {
    operand.kind = Operand::Special;
  } else {
    // A variable, or a label that may follow.
    operand.kind = Operand::Symbol;
  }
  operand.name = std::move(name);
  return true;
}

bool Parser::parseOperand(Operand &operand) {
  if (take("["))
    return parseAddress(operand);
  if (take("{"))
    return parseVector(operand);
  if (!parseSimpleOperand(operand))
    return false;
  if (take("|")) {
    Operand first = std::move(operand);
    operand = Operand();
    operand.kind = Operand::Pair;
    operand.elements.push_back(std::move(first));
    operand.elements.emplace_back();
    return parseSimpleOperand(operand.elements.back());
  }
  // name+4, as the source of mov.
  if (operand.kind == Operand::Symbol && take("+"))
    return parseInteger(operand.offset);
  return true;
}

bool Parser::parseGuard(Function &function, Statement &statement) {
  if (!take("@"))
    return true;
  statement.isGuardNegated = take("!");
  std::string name;
  if (!parseWord(name))
    return false;
  statement.guard = findRegister(name);
  if (statement.guard < 0 || function.registers[statement.guard].type != "pred")
    return fail("'" + name + "' is no predicate");
  return true;
}

/// call (result), name, (…); of which `call` was read.
bool Parser::refuseCall() {
  if (take("(") && (!skipTo(")") || !expect(",")))
    return false;
  return fail("the function '" + std::string(token.text) +
              "' is called, which is not supported: inline it (there is no "
              "printf, malloc or assert here)");
}

bool Parser::parseStatement(Function &function) {
  Statement statement;
  statement.line = token.line;
  statement.scope = scope;
  std::string word;
  if (!parseGuard(function, statement) || !parseWord(word))
    return false;
  if (statement.guard < 0 && take(":")) {
    if (!scopes[scope]
             .labels.emplace(word, uint32_t(function.statements.size()))
             .second)
      return fail("the label '" + word + "' is defined twice");
    return true;
  }
  size_t dot = word.find('.');
  statement.opcode = word.substr(0, dot);
  while (dot != word.npos) {
    size_t next = word.find('.', dot + 1);
    statement.modifiers.push_back(word.substr(dot + 1, next - dot - 1));
    dot = next;
  }
  if (statement.opcode == "call")
    return refuseCall();
  while (!token.is(";")) {
    statement.operands.emplace_back();
    if (!parseOperand(statement.operands.back()))
      return false;
    if (!take(",") && !token.is(";"))
      return expect(";");
  }
  advance();
  function.statements.push_back(std::move(statement));
  return true;
}

bool Parser::resolveLabels(Function &function) {
  for (Statement &statement : function.statements) {
    if (statement.opcode != "bra")
      continue;
    for (Operand &operand : statement.operands) {
      uint32_t at = statement.scope;
      auto found = scopes[at].labels.find(operand.name);
      while (found == scopes[at].labels.end() && at) {
        at = scopes[at].parent;
        found = scopes[at].labels.find(operand.name);
      }
      if (found == scopes[at].labels.end()) {
        token.line = statement.line;
        return fail("there is no label '" + operand.name + "'");
      }
      operand.kind = Operand::Label;
      operand.index = found->second;
    }
  }
  return true;
}

bool Parser::parseBody(Function &function) {
  if (!expect("{"))
    return false;
  scopes.assign(1, Scope{0, {}, {}});
  scope = 0;
  while (true) {
    bool isGood = true;
    if (take("{")) {
      scopes.push_back({scope, {}, {}});
      scope = uint32_t(scopes.size() - 1);
    } else if (take("}")) {
      if (scope == 0)
        return resolveLabels(function);
      scope = scopes[scope].parent;
    } else if (token.kind == Token::Word && token.text[0] == '.') {
      isGood = parseBodyDirective(function);
    } else {
      isGood = parseStatement(function);
    }
    if (!isGood)
      return false;
  }
}
