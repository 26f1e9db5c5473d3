//===- ExprTextTest.cpp - malformed and hostile text, random identities ---===//
#include "runtime/Plan/Expr.h"

#include "gtest/gtest.h"

#include <ctime>
#include <map>
#include <random>

using cinch::plan::Expr;
using cinch::plan::Interval;

TEST(ExprText, RefusesMalformedText) {
  for (const char *text : {"",
                           " ",
                           "+",
                           "s +",
                           "* s",
                           "s t",
                           "2s",
                           "2 s",
                           "(s",
                           "s)",
                           "()",
                           "s,",
                           "floordiv(s)",
                           "floordiv(s, 2",
                           "floordiv(s, 2, 3)",
                           "floordiv s, 2",
                           "pow(s, 2)",
                           "s(2)",
                           "min()",
                           "s^2",
                           "s/2",
                           "1.5",
                           "0x10",
                           "s$",
                           "+s",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "9223372036854775807 + 1",
                           "9223372036854775807*2",
                           "floordiv(-9223372036854775808, -1)",
                           "99999999999999999999999999"})
    EXPECT_FALSE(Expr::parse(text).has_value()) << text;
  EXPECT_FALSE(Expr::parse(std::string_view("s\0", 2)).has_value());
  EXPECT_FALSE(Expr::parse("s\xc3\xa9").has_value());
}

TEST(ExprText, AcceptsTheExtremes) {
  EXPECT_EQ(Expr::parse("9223372036854775807")->asConstant(), INT64_MAX);
  EXPECT_EQ(Expr::parse("-9223372036854775808")->asConstant(), INT64_MIN);
  EXPECT_EQ(Expr::parse("--3")->asConstant(), 3);
  EXPECT_EQ(Expr::parse("\t_a1 *\n2 ")->str(), "2*_a1");
  Expr smallest = Expr::symbol("s") + Expr(INT64_MIN);
  EXPECT_EQ(smallest.str(), "s - 9223372036854775808");
  EXPECT_EQ(*Expr::parse(smallest.str()), smallest);
  // Names of functions are reserved only before a parenthesis.
  EXPECT_EQ(Expr::parse("min*2")->str(), "2*min");
}

/// What a short text can ask for, and how often.
static std::string repeat(const std::string &part, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i)
    text += part;
  return text;
}

TEST(ExprText, SurvivesHostileText) {
  std::clock_t begin = std::clock();
  // Nesting.
  EXPECT_FALSE(Expr::parse(repeat("(", 60000)).has_value());
  EXPECT_FALSE(
      Expr::parse(repeat("(", 1000) + "s" + repeat(")", 1000)).has_value());
  EXPECT_TRUE(
      Expr::parse(repeat("(", 100) + "s" + repeat(")", 100)).has_value());
  EXPECT_FALSE(Expr::parse(repeat("max(t*t,", 1000) + "s" + repeat(")", 1000))
                   .has_value());
  EXPECT_TRUE(Expr::parse(repeat("-", 16000) + "s").has_value());
  // Length.
  EXPECT_FALSE(Expr::parse(repeat("s+", 10000) + "s").has_value());
  // A product with C(n + k, k) terms, and one with a nest that doubles.
  EXPECT_FALSE(Expr::parse("1" + repeat("*(a+b+c+d+e+f+g)", 60)).has_value());
  std::string doubling = "s";
  for (int i = 0; i < 60; ++i)
    doubling = "floordiv((a+" + doubling + ")*(b+c), 7)";
  EXPECT_FALSE(Expr::parse(doubling).has_value());
  EXPECT_FALSE(Expr::parse("s" + repeat("*s", 5000)).has_value());
  // Many distinct terms and operands.
  std::string sum = "s", nest = "s", tree;
  for (int i = 0; i < 2000; ++i)
    sum += "+x" + std::to_string(i);
  EXPECT_FALSE(Expr::parse(sum).has_value());
  for (int i = 0; i < 120; ++i)
    nest = "min(x" + std::to_string(i) + "*y+t," + nest + ")";
  EXPECT_TRUE(Expr::parse(nest).has_value());
  std::string wide = sum.substr(0, 5000);
  wide = "(" + wide.substr(0, wide.rfind('+')) + ")" + repeat("*1", 5000);
  EXPECT_TRUE(Expr::parse(wide).has_value());
  double seconds = double(std::clock() - begin) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 20.0); // about 1 on an idle machine
}

namespace {
/// A random expression as a tree, evaluated without any simplification.
struct Tree {
  char op = 0; ///< one of + - * / ^ % < >, c (constant) or s (symbol)
  int64_t value = 0;
  std::string name;
  std::vector<Tree> operands;

  std::string str() const {
    if (op == 'c')
      return std::to_string(value);
    if (op == 's')
      return name;
    std::string a = operands[0].str(), b = operands[1].str();
    static const std::map<char, std::string> functions = {{'/', "floordiv"},
                                                          {'^', "ceildiv"},
                                                          {'%', "mod"},
                                                          {'<', "min"},
                                                          {'>', "max"}};
    auto function = functions.find(op);
    if (function != functions.end())
      return function->second + "(" + a + ", " + b + ")";
    return "(" + a + ") " + op + " (" + b + ")";
  }

  std::optional<int64_t> evaluate(const Expr::Lookup &lookup) const {
    if (op == 'c')
      return value;
    if (op == 's')
      return lookup(name);
    std::optional<int64_t> x = operands[0].evaluate(lookup);
    std::optional<int64_t> y = operands[1].evaluate(lookup);
    if (!x || !y)
      return std::nullopt;
    int64_t a = *x, b = *y;
    if (op == '+')
      return a + b;
    if (op == '-')
      return a - b;
    if (op == '*')
      return a * b;
    if (op == '<')
      return a < b ? a : b;
    if (op == '>')
      return a > b ? a : b;
    if (b == 0)
      return std::nullopt;
    int64_t quotient = a / b, rest = a % b;
    int64_t floor =
        rest != 0 && (rest < 0) != (b < 0) ? quotient - 1 : quotient;
    if (op == '/')
      return floor;
    if (op == '%')
      return a - b * floor;
    return rest != 0 ? floor + 1 : floor;
  }
};
} // namespace

static Tree makeTree(std::mt19937 &random, int depth) {
  auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  Tree tree;
  if (depth == 0 || pick(0, 5) == 0) {
    tree.op = pick(0, 2) ? 's' : 'c';
    tree.value = pick(-6, 9);
    tree.name = std::string(1, "abc"[pick(0, 2)]);
    return tree;
  }
  tree.op = "++-**///^%%<>"[pick(0, 12)];
  tree.operands.push_back(makeTree(random, depth - 1));
  tree.operands.push_back(makeTree(random, depth - 1));
  if (pick(0, 1)) { // divisors are often constants
    tree.operands[1] = Tree();
    tree.operands[1].op = 'c';
    tree.operands[1].value = pick(-4, 8);
  }
  return tree;
}

TEST(ExprText, AgreesWithDirectEvaluation) {
  std::mt19937 random(0);
  int64_t numCompared = 0;
  for (int round = 0; round < 20000; ++round) {
    Tree tree = makeTree(random, 1 + round % 4);
    std::optional<Expr> expr = Expr::parse(tree.str());
    ASSERT_TRUE(expr.has_value()) << tree.str();
    std::string text = expr->str();
    std::optional<Expr> again = Expr::parse(text);
    ASSERT_TRUE(again.has_value()) << text;
    ASSERT_EQ(*again, *expr)
        << tree.str() << " -> " << text << " -> " << again->str();
    ASSERT_EQ(again->str(), text);

    Interval bounds =
        expr->bounds([](std::string_view) { return Interval{-5, 12}; });
    Interval free = expr->bounds([](std::string_view) { return Interval(); });
    for (int sample = 0; sample < 8; ++sample) {
      std::map<std::string, int64_t, std::less<>> values;
      for (const char *name : {"a", "b", "c"})
        values[name] = std::uniform_int_distribution<int64_t>(-5, 12)(random);
      auto lookup = [&](std::string_view name) -> std::optional<int64_t> {
        return values.find(name)->second;
      };
      std::optional<int64_t> expected = tree.evaluate(lookup);
      if (!expected)
        continue; // a simplification may define more
      std::optional<int64_t> actual = expr->evaluate(lookup);
      ASSERT_EQ(actual, expected)
          << tree.str() << " -> " << text << " at " << values["a"] << " "
          << values["b"] << " " << values["c"];
      for (const Interval &interval : {bounds, free}) {
        ASSERT_LE(interval.low.value_or(INT64_MIN), *actual) << text;
        ASSERT_GE(interval.high.value_or(INT64_MAX), *actual) << text;
      }
      Expr pinned =
          expr->substitute([&](std::string_view name) -> std::optional<Expr> {
            return Expr(values.find(name)->second);
          });
      ASSERT_EQ(pinned.asConstant(), expected) << text;
      ++numCompared;
    }
  }
  EXPECT_GT(numCompared, 100000);
}

TEST(ExprText, ExactDivisionInvertsMultiplication) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::optional<Expr> a = Expr::parse(makeTree(random, 2).str());
    std::optional<Expr> b = Expr::parse(makeTree(random, 2).str());
    ASSERT_TRUE(a && b);
    if (*b == Expr(0) || b->str() == "floordiv(1, 0)" ||
        a->str() == "floordiv(1, 0)")
      continue;
    Expr product = *a * *b;
    ASSERT_EQ(product.exactDiv(*b), *a) << a->str() << " by " << b->str();
    ASSERT_EQ(Expr::floorDiv(product, *b), *a);
    ASSERT_EQ(Expr::mod(product, *b), Expr(0));
  }
}
