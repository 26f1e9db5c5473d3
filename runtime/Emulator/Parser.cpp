//===- Parser.cpp - modules, variables, parameters ------------------------===//
#include "runtime/Emulator/Parser.h"
#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace cinch::emulator;
using namespace cinch::emulator::ptx;

/// The newest PTX that is understood.
static constexpr unsigned kMajor = 9, kMinor = 0;
/// Bound of one variable: what a broken file asks for is not allocated.
static constexpr uint64_t kMaxBytes = uint64_t(1) << 32;

unsigned ptx::typeBytes(std::string_view type) {
  static const std::map<std::string_view, unsigned> bytes = {
      {"b8", 1},  {"u8", 1},  {"s8", 1},    {"b16", 2},  {"u16", 2},
      {"s16", 2}, {"f16", 2}, {"bf16", 2},  {"b32", 4},  {"u32", 4},
      {"s32", 4}, {"f32", 4}, {"f16x2", 4}, {"tf32", 4}, {"bf16x2", 4},
      {"b64", 8}, {"u64", 8}, {"s64", 8},   {"f64", 8},  {"b128", 16}};
  auto found = bytes.find(type);
  return found == bytes.end() ? 0 : found->second;
}

Error ptx::parse(std::string_view text, Module &module) {
  Parser parser(text, module);
  parser.parseModule();
  return std::move(parser.error);
}

bool Parser::fail(std::string message, Code code) {
  if (!error)
    error = {code, "line " + std::to_string(token.line) + ": " + message};
  return false;
}

bool Parser::take(std::string_view mark) {
  if (!token.is(mark))
    return false;
  advance();
  return true;
}

bool Parser::expect(std::string_view mark) {
  if (take(mark))
    return true;
  return fail("expected '" + std::string(mark) + "', but found '" +
              (token.kind == Token::End ? "the end" : std::string(token.text)) +
              "'");
}

bool Parser::parseWord(std::string &word) {
  if (token.kind != Token::Word)
    return fail("expected a name, but found '" + std::string(token.text) + "'");
  word = token.text;
  advance();
  return true;
}

bool Parser::parseNumber(Operand &operand) {
  bool isNegative = take("-");
  if (token.kind != Token::Number)
    return fail("expected a number, but found '" + std::string(token.text) +
                "'");
  std::string digits(token.text);
  advance();
  operand.kind = Operand::Immediate;
  char *end = nullptr;
  char form = digits.size() > 2 && digits[0] == '0' ? char(digits[1] | 32) : 0;
  if (form == 'f' || form == 'd') {
    operand.floatBytes = form == 'f' ? 4 : 8;
    operand.bits = strtoull(digits.c_str() + 2, &end, 16);
    if (*end || digits.size() != 2 + 2 * operand.floatBytes)
      return fail("'" + digits + "' is no float");
    if (isNegative)
      operand.bits ^= uint64_t(1) << (8 * operand.floatBytes - 1);
    return true;
  }
  if (form != 'x' && digits.find_first_of(".eE") != digits.npos) {
    double value = strtod(digits.c_str(), &end);
    value = isNegative ? -value : value;
    operand.floatBytes = 8;
    memcpy(&operand.bits, &value, sizeof(value));
  } else {
    bool isBinary = form == 'b';
    operand.bits =
        strtoull(digits.c_str() + (isBinary ? 2 : 0), &end, isBinary ? 2 : 0);
    if (*end == 'U')
      ++end;
    if (isNegative)
      operand.bits = 0 - operand.bits;
  }
  return !*end || fail("'" + digits + "' is no number");
}

bool Parser::parseInteger(int64_t &value) {
  Operand operand;
  if (!parseNumber(operand))
    return false;
  if (operand.floatBytes)
    return fail("expected an integer");
  value = int64_t(operand.bits);
  return true;
}

bool Parser::skipTo(std::string_view end) {
  while (!token.is(end)) {
    if (token.kind == Token::End || token.kind == Token::Bad)
      return expect(end);
    advance();
  }
  advance();
  return true;
}

bool Parser::skipBraces() {
  if (!expect("{"))
    return false;
  for (int depth = 1; depth; advance()) {
    if (token.kind == Token::End || token.kind == Token::Bad)
      return expect("}");
    depth += token.is("{") ? 1 : token.is("}") ? -1 : 0;
  }
  return true;
}

bool Parser::parseHeader() {
  if (!expect(".version"))
    return false;
  unsigned major = 0, minor = 0;
  std::string version(token.text);
  if (token.kind != Token::Number ||
      sscanf(version.c_str(), "%u.%u", &major, &minor) != 2)
    return fail("expected a version, but found '" + version + "'");
  if (major > kMajor || (major == kMajor && minor > kMinor))
    return fail("PTX " + version + " is newer than " + std::to_string(kMajor) +
                    "." + std::to_string(kMinor) +
                    ", the newest that is known here",
                Code::UnsupportedPtxVersion);
  module.major = major;
  module.minor = minor;
  advance();
  std::string target;
  if (!expect(".target") || !parseWord(target))
    return false;
  char suffix = 0;
  if (sscanf(target.c_str(), "sm_%u%c", &module.target, &suffix) < 1)
    return fail("there is no target '" + target + "'");
  module.isExact = suffix != 0;
  while (take(",")) // debug, texmode_…
    if (!parseWord(target))
      return false;
  int64_t bits = 0;
  if (take(".address_size"))
    return parseInteger(bits) &&
           (bits == 64 || fail("addresses must be of 64 bits"));
  return fail("expected .address_size 64");
}

bool Parser::parseModule() {
  if (!parseHeader())
    return false;
  while (token.kind != Token::End)
    if (!parseDirective())
      return false;
  return true;
}

bool Parser::parseDirective() {
  Variable start;
  while (token.is(".visible") || token.is(".weak") || token.is(".common") ||
         token.is(".extern")) {
    start.isExtern |= token.is(".extern");
    advance();
  }
  if (take(".file") || take(".loc") || take(".alias")) {
    // Lines hold nothing that is run.
    uint32_t line = token.line;
    while (token.kind != Token::End && token.line == line &&
           token.text[0] != '.')
      advance();
    return take(";") || true;
  }
  if (take(".section")) {
    std::string name;
    return parseWord(name) && skipBraces();
  }
  if (take(".pragma"))
    return skipTo(";");
  if (take(".entry"))
    return parseKernel();
  if (take(".func"))
    return skipFunction();
  if (token.is(".global") || token.is(".const") || token.is(".shared")) {
    start.space = token.text.substr(1);
    advance();
    return parseVariable(module.variables, start);
  }
  return fail("'" + std::string(token.text) + "' is not known here");
}

/// .func (result) name (…) { … }: other compilers keep functions that they
/// inlined everywhere. Only a call is refused.
bool Parser::skipFunction() {
  while (!token.is("{") && !token.is(";")) {
    if (token.kind == Token::End || token.kind == Token::Bad)
      return expect("{");
    advance();
  }
  return take(";") || skipBraces();
}

bool Parser::parseVariableType(Variable &variable) {
  variable.line = token.line;
  int64_t alignment = 0;
  uint64_t vector = 1;
  std::string word;
  while (true) {
    if (take(".align")) {
      if (!parseInteger(alignment))
        return false;
      if (alignment < 1 || alignment > 4096 || (alignment & (alignment - 1)))
        return fail("alignment must be a power of two up to 4096");
    } else if (take(".v2")) {
      vector = 2;
    } else if (take(".v4")) {
      vector = 4;
    } else if (take(".ptr")) { // facts about a pointer parameter
      while (token.is(".global") || token.is(".shared") || token.is(".const") ||
             token.is(".local"))
        advance();
      int64_t ignored;
      if (take(".align") && !parseInteger(ignored))
        return false;
      break;
    } else if (token.kind == Token::Word && variable.type.empty() &&
               typeBytes(token.text.substr(1))) {
      variable.type = token.text.substr(1);
      advance();
    } else if (token.is(".attribute")) {
      return fail("attributes of variables are not supported");
    } else {
      break;
    }
  }
  if (variable.type.empty())
    return fail("expected a type, but found '" + std::string(token.text) + "'");
  variable.bytes = vector * typeBytes(variable.type);
  variable.alignment = alignment ? uint64_t(alignment) : variable.bytes;
  return true;
}

/// NAME, NAME[3][4], NAME[] (extern).
bool Parser::parseDeclarator(Variable &variable) {
  if (!parseWord(variable.name))
    return false;
  while (take("[")) {
    int64_t count = 0;
    if (token.is("]")) {
      variable.bytes = 0;
    } else if (!parseInteger(count)) {
      return false;
    } else if (count < 0 || uint64_t(count) > kMaxBytes ||
               variable.bytes * uint64_t(count) > kMaxBytes) {
      return fail("'" + variable.name + "' is larger than 4 GiB");
    } else {
      variable.bytes *= uint64_t(count);
    }
    if (!expect("]"))
      return false;
  }
  return true;
}

bool Parser::parseInitializer(Variable &variable) {
  if (take("{")) {
    while (!token.is("}")) {
      if (!parseInitializer(variable))
        return false;
      if (!take(","))
        break;
    }
    return expect("}");
  }
  Operand value;
  if (token.kind == Token::Word)
    return fail("addresses in initializers are not supported");
  if (!parseNumber(value))
    return false;
  unsigned bytes = typeBytes(variable.type);
  if (value.floatBytes == 8 && bytes == 4) {
    double wide;
    memcpy(&wide, &value.bits, 8);
    float narrow = float(wide);
    value.bits = 0;
    memcpy(&value.bits, &narrow, 4);
  }
  variable.initializer.append(reinterpret_cast<char *>(&value.bits),
                              std::min(bytes, 8u));
  return variable.initializer.size() <= variable.bytes ||
         fail("'" + variable.name + "' has more values than it holds");
}

bool Parser::parseVariable(std::vector<Variable> &variables,
                           const Variable &start) {
  Variable variable = start;
  if (!parseVariableType(variable))
    return false;
  const Variable typed = variable;
  do {
    variable = typed;
    if (!parseDeclarator(variable) ||
        (take("=") && !parseInitializer(variable)))
      return false;
    variables.push_back(variable);
  } while (take(","));
  return expect(";");
}

bool Parser::parseParameters(Function &function) {
  if (!take("(") || take(")"))
    return true;
  uint64_t offset = 0;
  do {
    Variable parameter;
    parameter.space = "param";
    if (!expect(".param") || !parseVariableType(parameter) ||
        !parseDeclarator(parameter))
      return false;
    offset += parameter.bytes;
    if (offset > 32764)
      return fail("the parameters are larger than 32764 bytes");
    function.parameters.push_back(std::move(parameter));
  } while (take(","));
  return expect(")");
}

/// .maxntid 128, 1, 1 and its like.
bool Parser::parsePerformance(Function &function) {
  while (token.kind == Token::Word) {
    bool isMax = token.is(".maxntid");
    bool isRequired = token.is(".reqntid");
    if (!isMax && !isRequired && !token.is(".minnctapersm") &&
        !token.is(".maxnreg") && !token.is(".maxnctapersm"))
      return fail("'" + std::string(token.text) + "' is not known here");
    advance();
    uint32_t sizes[3] = {1, 1, 1};
    int64_t value;
    for (unsigned i = 0; i < 3; ++i) {
      if (!parseInteger(value))
        return false;
      if (value < 1 || value > 1 << 20)
        return fail("the size is out of range");
      sizes[i] = uint32_t(value);
      if (!take(","))
        break;
    }
    if (isMax || isRequired)
      memcpy(isMax ? function.maxThreads : function.requiredThreads, sizes,
             sizeof(sizes));
  }
  return true;
}

bool Parser::parseKernel() {
  Function function;
  function.line = token.line;
  if (!parseWord(function.name) || !parseParameters(function) ||
      !parsePerformance(function) || !parseBody(function))
    return false;
  module.kernels.push_back(std::move(function));
  return true;
}
