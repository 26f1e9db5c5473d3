//===- ExprTest.cpp - canonical form, division, bounds of expressions -----===//
#include "runtime/Plan/Expr.h"

#include "gtest/gtest.h"

using cinch::plan::Expr;
using cinch::plan::Interval;

static Expr parse(const std::string &text) {
  std::optional<Expr> expr = Expr::parse(text);
  EXPECT_TRUE(expr.has_value()) << text;
  return expr.value_or(Expr());
}

/// The canonical text of `text`.
static std::string canonical(const std::string &text) {
  return parse(text).str();
}

TEST(Expr, PrintsTermsByDegreeThenName) {
  EXPECT_EQ(canonical("2 + seq*4*batch + b"), "4*batch*seq + b + 2");
  EXPECT_EQ(canonical("s*s - t*3 - 1"), "s*s - 3*t - 1");
  EXPECT_EQ(canonical("-(s - t)"), "-s + t");
  EXPECT_EQ(canonical("s - s"), "0");
  EXPECT_EQ(Expr().str(), "0");
}

TEST(Expr, EqualPolynomialsCompareEqual) {
  Expr s = Expr::symbol("s"), t = Expr::symbol("t");
  EXPECT_EQ((s + t) * (s - t), s * s - t * t);
  EXPECT_EQ(s * t * 4, Expr(4) * t * s);
  EXPECT_NE(s, t);
  EXPECT_NE(s, s + 1);
  EXPECT_EQ(parse("min(s, t)"), parse("min(t, s)"));
  EXPECT_EQ(parse("ceildiv(s, 2)"), parse("floordiv(s + 1, 2)"));
}

TEST(Expr, KnowsConstantsAndSymbols) {
  EXPECT_EQ(parse("3*4 - 5").asConstant(), 7);
  EXPECT_EQ(parse("s").asConstant(), std::nullopt);
  EXPECT_EQ(parse("s").asSymbol(), "s");
  EXPECT_EQ(parse("2*s").asSymbol(), std::nullopt);
  EXPECT_EQ(parse("mod(s, 2)").asSymbol(), std::nullopt);
  EXPECT_EQ(parse("z + floordiv(a*z, b)*mod(c, 7)").symbols(),
            (std::vector<std::string>{"a", "b", "c", "z"}));
}

TEST(Expr, SimplifiesFloorDivByConstant) {
  EXPECT_EQ(canonical("floordiv(2*s + 4, 2)"), "s + 2");
  EXPECT_EQ(canonical("floordiv(s*4 + 3, 4)"), "s");
  EXPECT_EQ(canonical("floordiv(s*4 - 1, 4)"), "s - 1");
  EXPECT_EQ(canonical("floordiv(2*s + 3, 4)"), "floordiv(s + 1, 2)");
  EXPECT_EQ(canonical("floordiv(5*s + 9, 4)"), "s + floordiv(s + 1, 4) + 2");
  EXPECT_EQ(canonical("floordiv(floordiv(s, 2), 3)"), "floordiv(s, 6)");
  EXPECT_EQ(canonical("floordiv(floordiv(s - 1, 2) + 1, 2)"),
            "floordiv(s + 1, 4)");
  EXPECT_EQ(canonical("floordiv(s, -2)"), "floordiv(-s, 2)");
  EXPECT_EQ(canonical("floordiv(8*t + mod(s, 8), 8)"), "t");
  EXPECT_EQ(canonical("floordiv(s, 1)"), "s");
  EXPECT_EQ(canonical("floordiv(-7, 2)"), "-4");
}

TEST(Expr, SimplifiesCeilDiv) {
  EXPECT_EQ(canonical("ceildiv(4*s + 1, 4)"), "s + 1");
  EXPECT_EQ(canonical("ceildiv(4*s - 3, 4)"), "s");
  EXPECT_EQ(canonical("ceildiv(-7, 2)"), "-3");
  EXPECT_EQ(canonical("ceildiv(s*t + s, t + 1)"), "s");
  EXPECT_EQ(canonical("ceildiv(s, t)"), "ceildiv(s, t)");
}

TEST(Expr, SimplifiesMod) {
  EXPECT_EQ(canonical("mod(4*s, 4)"), "0");
  EXPECT_EQ(canonical("mod(4*s + 7, 4)"), "3");
  EXPECT_EQ(canonical("mod(6*s + 3, 4)"), "2*mod(s + 1, 2) + 1");
  EXPECT_EQ(canonical("mod(mod(s, 8) + t, 4)"), "mod(s + t, 4)");
  EXPECT_EQ(canonical("mod(mod(s, 4), 8)"), "mod(s, 4)");
  EXPECT_EQ(canonical("mod(-7, 4)"), "1");
  EXPECT_EQ(canonical("mod(s, 1)"), "0");
}

TEST(Expr, SimplifiesDivisionBySymbols) {
  EXPECT_EQ(canonical("floordiv(batch*seq*64, batch*8)"), "8*seq");
  EXPECT_EQ(canonical("floordiv(a*b + c, b)"), "a + floordiv(c, b)");
  EXPECT_EQ(canonical("floordiv(3*a, 2*a)"), "1");
  EXPECT_EQ(canonical("floordiv(a*a - 1, a + 1)"), "a - 1");
  EXPECT_EQ(canonical("mod(a*b + c, b)"), "mod(c, b)");
  EXPECT_EQ(canonical("floordiv(mod(a, b), b)"), "0");
  EXPECT_EQ(canonical("mod(mod(a, b), b)"), "mod(a, b)");
  EXPECT_EQ(canonical("floordiv(a, -b)"), "floordiv(-a, b)");
}

TEST(Expr, SimplifiesMinAndMax) {
  EXPECT_EQ(canonical("min(3, 5)"), "3");
  EXPECT_EQ(canonical("max(s + 1, s)"), "s + 1");
  EXPECT_EQ(canonical("min(s, s)"), "s");
  EXPECT_EQ(canonical("min(min(s, t), s + 2)"), canonical("min(t, s)"));
  EXPECT_EQ(canonical("max(s + mod(t, 4), s)"), "s + mod(t, 4)");
  EXPECT_EQ(canonical("max(max(a, b), c)"), canonical("max(c, max(b, a))"));
}

TEST(Expr, DividesExactly) {
  EXPECT_EQ(parse("4*b*s + 4*b").exactDiv(parse("2*s + 2")), parse("2*b"));
  EXPECT_EQ(parse("0").exactDiv(parse("s")), Expr(0));
  EXPECT_EQ(parse("a*a*a - b*b*b").exactDiv(parse("a - b")),
            parse("a*a + a*b + b*b"));
  EXPECT_EQ(parse("floordiv(s, 2)*6").exactDiv(parse("3")),
            parse("2*floordiv(s, 2)"));
  EXPECT_EQ(parse("3*s").exactDiv(parse("2")), std::nullopt);
  EXPECT_EQ(parse("s + 1").exactDiv(parse("s")), std::nullopt);
  EXPECT_EQ(parse("s").exactDiv(Expr(0)), std::nullopt);
}

TEST(Expr, EvaluatesOrSaysWhyNot) {
  auto lookup = [](std::string_view name) -> std::optional<int64_t> {
    if (name == "s")
      return 7;
    if (name == "big")
      return INT64_MAX;
    if (name == "zero")
      return 0;
    return std::nullopt;
  };
  EXPECT_EQ(parse("floordiv(s, 2)*s - 1").evaluate(lookup), 20);
  EXPECT_EQ(parse("big + s - s").evaluate(lookup), INT64_MAX);
  EXPECT_EQ(parse("unknown").evaluate(lookup), std::nullopt);
  EXPECT_EQ(parse("big*s").evaluate(lookup), std::nullopt);
  EXPECT_EQ(parse("big + s").evaluate(lookup), std::nullopt);
  EXPECT_EQ(parse("floordiv(s, zero)").evaluate(lookup), std::nullopt);
  EXPECT_EQ(parse("mod(s, zero)").evaluate(lookup), std::nullopt);
  EXPECT_EQ(parse("big*big*zero").evaluate(lookup), 0);
}

TEST(Expr, SubstitutesAndSimplifies) {
  auto lookup = [](std::string_view name) -> std::optional<Expr> {
    if (name == "s")
      return *Expr::parse("4*t + 3");
    return std::nullopt;
  };
  EXPECT_EQ(parse("floordiv(s, 4) + u").substitute(lookup), parse("t + u"));
  EXPECT_EQ(parse("s*s").substitute(lookup), parse("16*t*t + 24*t + 9"));
}

TEST(Expr, OverflowIsUndefinedForEver) {
  Expr big(INT64_MAX);
  Expr undefined = big + 1;
  auto lookup = [](std::string_view) -> std::optional<int64_t> { return 1; };
  EXPECT_EQ(undefined.evaluate(lookup), std::nullopt);
  EXPECT_EQ((undefined - undefined).evaluate(lookup), std::nullopt);
  EXPECT_EQ((undefined * 0).evaluate(lookup), std::nullopt);
  EXPECT_EQ(Expr::min(undefined, 0).evaluate(lookup), std::nullopt);
  EXPECT_EQ(undefined.asConstant(), std::nullopt);
  EXPECT_EQ(Expr::floorDiv(Expr::symbol("s"), 0).evaluate(lookup),
            std::nullopt);
  EXPECT_EQ(parse(undefined.str()), undefined);
  EXPECT_FALSE(undefined.bounds([](std::string_view) { return Interval(); })
                   .low.has_value());
}

TEST(Expr, BoundsFollowTheSymbols) {
  auto bounds = [](const std::string &text) {
    Interval interval = parse(text).bounds([](std::string_view name) {
      Interval symbol;
      if (name == "s")
        symbol = {1, 512};
      if (name == "u") // unbounded above
        symbol.low = 1;
      return symbol;
    });
    return std::make_pair(interval.low, interval.high);
  };
  using Pair = std::pair<std::optional<int64_t>, std::optional<int64_t>>;
  EXPECT_EQ(bounds("4*s + 2"), Pair(6, 2050));
  EXPECT_EQ(bounds("2 - s"), Pair(-510, 1));
  EXPECT_EQ(bounds("4*u"), Pair(4, std::nullopt));
  EXPECT_EQ(bounds("u - s"), Pair(-511, std::nullopt));
  EXPECT_EQ(bounds("min(u, s)"), Pair(1, 512));
  EXPECT_EQ(bounds("max(u, s)"), Pair(1, std::nullopt));
  EXPECT_EQ(bounds("mod(x, 8)"), Pair(0, 7));
  EXPECT_EQ(bounds("mod(s, 1000)"), Pair(1, 512));
  EXPECT_EQ(bounds("floordiv(s + 6, 7)"), Pair(1, 74));
  EXPECT_EQ(bounds("floordiv(s, u)"), Pair(0, 512));
  EXPECT_EQ(bounds("ceildiv(s, u)"), Pair(1, 512));
  EXPECT_EQ(bounds("x*x"), Pair(0, std::nullopt));
  EXPECT_EQ(bounds("s + 9223372036854775807"), Pair());
  EXPECT_EQ(bounds("9223372036854775807*s"), Pair(INT64_MAX, std::nullopt));
}
