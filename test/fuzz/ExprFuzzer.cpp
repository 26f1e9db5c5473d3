//===- ExprFuzzer.cpp - fuzzes the parser of size expressions -------------===//
//
// What parses prints, parses again as an equal expression, and has one value,
// inside of its bounds.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan/Expr.h"

#include <cstdio>
#include <cstdlib>

using cinch::plan::Expr;
using cinch::plan::Interval;

static void require(bool condition, const char *what, const Expr &expression) {
  if (condition)
    return;
  fprintf(stderr, "%s: %s\n", what, expression.str().c_str());
  abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::optional<Expr> parsed =
      Expr::parse({reinterpret_cast<const char *>(data), size});
  if (!parsed)
    return 0;
  auto value = [](std::string_view name) -> std::optional<int64_t> {
    return name.size() + static_cast<unsigned char>(name[0]) % 7;
  };
  std::optional<int64_t> before = parsed->evaluate(value);
  std::string text = parsed->str();
  std::optional<Expr> again = Expr::parse(text);
  constexpr size_t longestText = 16 * 1024;   // that the parser takes
  if (before && text.size() <= longestText) { // else it may be undefined
    require(again && *again == *parsed, "prints as something else", *parsed);
    require(again->evaluate(value) == before, "has two values", *parsed);
  }
  if (before) {
    Interval bounds = parsed->bounds([&](std::string_view name) {
      std::optional<int64_t> at = value(name);
      return Interval{at, at};
    });
    require((!bounds.low || *bounds.low <= *before) &&
                (!bounds.high || *bounds.high >= *before),
            "is out of its bounds", *parsed);
  }
  Expr half = Expr::floorDiv(*parsed, Expr(2));
  (void)half.evaluate(value);
  (void)parsed->exactDiv(Expr::symbol("n"));
  (void)parsed->symbols();
  return 0;
}
