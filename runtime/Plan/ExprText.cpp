//===- ExprText.cpp - text form of expressions ----------------------------===//
//
//   sum     := product (('+' | '-') product)*
//   product := unary ('*' unary)*
//   unary   := '-'* primary
//   primary := number | symbol | function '(' sum ',' sum ')' | '(' sum ')'
//
// The text may come from a file that nobody has checked: its length, its
// nesting and (ExprNode.h) the size of what it describes are limited.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan/ExprNode.h"

using namespace cinch::plan;
using namespace cinch::plan::detail;

static constexpr size_t maxTextLength = 16 * 1024;
static constexpr int64_t maxParserDepth = 2 * maxDepth;

//===----------------------------------------------------------------------===//
// Printer
//===----------------------------------------------------------------------===//

static const char *getFunctionName(AtomKind kind) {
  switch (kind) {
  case AtomKind::FloorDiv:
    return "floordiv";
  case AtomKind::CeilDiv:
    return "ceildiv";
  case AtomKind::Mod:
    return "mod";
  case AtomKind::Min:
    return "min";
  case AtomKind::Max:
    return "max";
  case AtomKind::Symbol:
    break;
  }
  return "";
}

static void print(const Expr &expr, std::string &text);

static void print(const Atom &atom, std::string &text) {
  if (atom.kind == AtomKind::Symbol) {
    text += atom.name;
    return;
  }
  text += getFunctionName(atom.kind);
  text += '(';
  print(atom.lhs, text);
  text += ", ";
  print(atom.rhs, text);
  text += ')';
}

static void print(const Expr &expr, std::string &text) {
  if (Expr::Node::isUndefined(expr)) {
    text += "floordiv(1, 0)";
    return;
  }
  const Terms &terms = Expr::Node::of(expr).terms;
  if (terms.empty())
    text += '0';
  for (const Term &term : terms) {
    bool isNegative = term.coefficient < 0;
    uint64_t magnitude = isNegative ? 0 - uint64_t(term.coefficient)
                                    : uint64_t(term.coefficient);
    if (&term != &terms.front())
      text += isNegative ? " - " : " + ";
    else if (isNegative)
      text += '-';
    const char *separator = "";
    if (magnitude != 1 || term.factors.empty()) {
      text += std::to_string(magnitude);
      separator = "*";
    }
    for (const Factor &factor : term.factors) {
      for (int32_t i = 0; i < factor.power; ++i) {
        text += separator;
        print(*factor.atom, text);
        separator = "*";
      }
    }
  }
}

std::string Expr::str() const {
  std::string text;
  print(*this, text);
  return text;
}

//===----------------------------------------------------------------------===//
// Parser
//===----------------------------------------------------------------------===//

// ASCII only: the result must not depend on the locale of the process.
static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isIdentifierStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

namespace {
/// Recursive descent; every method returns nullopt on the first error.
class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  std::optional<Expr> run() {
    std::optional<Expr> expr = parseSum();
    skipSpace();
    return expr && position == text.size() ? expr : std::nullopt;
  }

private:
  std::optional<Expr> parseSum();
  std::optional<Expr> parseProduct(bool negative);
  std::optional<Expr> parseUnary(bool negative);
  std::optional<Expr> parseNumber(bool negative);
  std::optional<Expr> parseName();

  void skipSpace() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\t' ||
            text[position] == '\n' || text[position] == '\r'))
      ++position;
  }
  char peek() {
    skipSpace();
    return position < text.size() ? text[position] : '\0';
  }
  bool consume(char c) {
    if (c == '\0' || peek() != c)
      return false;
    ++position;
    return true;
  }
  /// An overflow while parsing is an error; undefined operands, which the text
  /// spells as a division by 0, stay.
  static std::optional<Expr> check(Expr result, const Expr &a, const Expr &b) {
    if (Expr::Node::isUndefined(result) && !Expr::Node::isUndefined(a) &&
        !Expr::Node::isUndefined(b))
      return std::nullopt;
    return result;
  }

  std::string_view text;
  size_t position = 0;
  int64_t depth = 0;
};
} // namespace

std::optional<Expr> Parser::parseSum() {
  if (depth == maxParserDepth)
    return std::nullopt;
  ++depth;
  std::optional<Expr> sum = parseProduct(/*negative=*/false);
  while (sum) {
    bool negative = peek() == '-';
    if (!consume('+') && !consume('-'))
      break;
    std::optional<Expr> product = parseProduct(negative);
    if (!product)
      return std::nullopt;
    sum = check(*sum + *product, *sum, *product);
  }
  --depth;
  return sum;
}

std::optional<Expr> Parser::parseProduct(bool negative) {
  std::optional<Expr> product = parseUnary(negative);
  while (product && consume('*')) {
    std::optional<Expr> factor = parseUnary(/*negative=*/false);
    if (!factor)
      return std::nullopt;
    product = check(*product * *factor, *product, *factor);
  }
  return product;
}

std::optional<Expr> Parser::parseUnary(bool negative) {
  while (consume('-'))
    negative = !negative;
  if (isDigit(peek()))
    return parseNumber(negative);
  std::optional<Expr> primary;
  if (consume('(')) {
    primary = parseSum();
    if (!consume(')'))
      return std::nullopt;
  } else if (isIdentifierStart(peek())) {
    primary = parseName();
  }
  if (!primary || !negative)
    return primary;
  return check(Expr(0) - *primary, Expr(0), *primary);
}

/// The sign belongs to the number: the smallest one has no positive
/// counterpart.
std::optional<Expr> Parser::parseNumber(bool negative) {
  std::optional<int64_t> value = 0;
  for (; value && position < text.size() && isDigit(text[position]);
       ++position) {
    int64_t digit = text[position] - '0';
    value = checkedMul(*value, 10);
    if (value)
      value = checkedAdd(*value, negative ? -digit : digit);
  }
  // "2s" is an error, not a product.
  if (!value || (position < text.size() && isIdentifierStart(text[position])))
    return std::nullopt;
  return Expr(*value);
}

std::optional<Expr> Parser::parseName() {
  size_t begin = position;
  while (position < text.size() &&
         (isIdentifierStart(text[position]) || isDigit(text[position])))
    ++position;
  std::string_view name = text.substr(begin, position - begin);
  if (!consume('('))
    return Expr::symbol(name);
  std::optional<Expr> a = parseSum();
  if (!a || !consume(','))
    return std::nullopt;
  std::optional<Expr> b = parseSum();
  if (!b || !consume(')'))
    return std::nullopt;
  if (name == "min")
    return check(Expr::min(*a, *b), *a, *b);
  if (name == "max")
    return check(Expr::max(*a, *b), *a, *b);
  using Function = Expr (*)(const Expr &, const Expr &);
  Function function = name == "floordiv"  ? &Expr::floorDiv
                      : name == "ceildiv" ? &Expr::ceilDiv
                      : name == "mod"     ? &Expr::mod
                                          : nullptr;
  if (!function)
    return std::nullopt;
  Expr result = function(*a, *b);
  if (Expr::Node::isZero(*b))
    return result;
  return check(result, *a, *b);
}

std::optional<Expr> Expr::parse(std::string_view text) {
  if (text.size() > maxTextLength)
    return std::nullopt;
  return Parser(text).run();
}
