//===- ExprEvaluate.cpp - values, substitution and bounds -----------------===//
#include "runtime/Plan/ExprNode.h"

#include <algorithm>
#include <set>

using namespace cinch::plan;
using namespace cinch::plan::detail;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static std::optional<int64_t> evaluateAtom(const Atom &atom,
                                           const Expr::Lookup &lookup) {
  if (atom.kind == AtomKind::Symbol)
    return lookup(atom.name);
  std::optional<int64_t> lhs = atom.lhs.evaluate(lookup);
  std::optional<int64_t> rhs = atom.rhs.evaluate(lookup);
  if (!lhs || !rhs)
    return std::nullopt;
  switch (atom.kind) {
  case AtomKind::FloorDiv:
    return checkedFloorDiv(*lhs, *rhs);
  case AtomKind::CeilDiv:
    return checkedCeilDiv(*lhs, *rhs);
  case AtomKind::Mod:
    return checkedMod(*lhs, *rhs);
  case AtomKind::Min:
    return std::min(*lhs, *rhs);
  case AtomKind::Max:
    return std::max(*lhs, *rhs);
  case AtomKind::Symbol:
    break;
  }
  return std::nullopt;
}

std::optional<int64_t> Expr::evaluate(const Lookup &lookup) const {
  if (node->undefined)
    return std::nullopt;
  // At most maxTerms numbers of 64 bits: the sum is exact.
  __int128 sum = 0;
  for (const Term &term : node->terms) {
    std::optional<int64_t> product = term.coefficient;
    bool isZero = false;
    for (const Factor &factor : term.factors) {
      std::optional<int64_t> value = evaluateAtom(*factor.atom, lookup);
      if (!value)
        return std::nullopt;
      isZero |= *value == 0;
      for (int32_t i = 0; i < factor.power && product; ++i)
        product = checkedMul(*product, *value);
    }
    if (isZero)
      continue;
    if (!product)
      return std::nullopt;
    sum += *product;
  }
  if (sum < INT64_MIN || sum > INT64_MAX)
    return std::nullopt;
  return int64_t(sum);
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

static Expr substituteAtom(
    const std::shared_ptr<const Atom> &atom,
    const std::function<std::optional<Expr>(std::string_view)> &lookup) {
  if (atom->kind == AtomKind::Symbol) {
    if (std::optional<Expr> replacement = lookup(atom->name))
      return *replacement;
    return Expr::Node::make({{1, {{atom, 1}}}});
  }
  Expr lhs = atom->lhs.substitute(lookup), rhs = atom->rhs.substitute(lookup);
  switch (atom->kind) {
  case AtomKind::FloorDiv:
    return Expr::floorDiv(lhs, rhs);
  case AtomKind::CeilDiv:
    return Expr::ceilDiv(lhs, rhs);
  case AtomKind::Mod:
    return Expr::mod(lhs, rhs);
  case AtomKind::Min:
    return Expr::min(lhs, rhs);
  case AtomKind::Max:
    return Expr::max(lhs, rhs);
  case AtomKind::Symbol:
    break;
  }
  return Expr::Node::makeUndefined();
}

Expr Expr::substitute(
    const std::function<std::optional<Expr>(std::string_view)> &lookup) const {
  if (node->undefined)
    return *this;
  Expr sum;
  for (const Term &term : node->terms) {
    Expr product(term.coefficient);
    for (const Factor &factor : term.factors) {
      Expr value = substituteAtom(factor.atom, lookup);
      for (int32_t i = 0; i < factor.power; ++i)
        product = product * value;
    }
    sum = sum + product;
  }
  return sum;
}

static void collectSymbols(const Expr &expr, std::set<std::string> &symbols) {
  for (const Term &term : Expr::Node::of(expr).terms) {
    for (const Factor &factor : term.factors) {
      if (factor.atom->kind == AtomKind::Symbol) {
        symbols.insert(factor.atom->name);
        continue;
      }
      collectSymbols(factor.atom->lhs, symbols);
      collectSymbols(factor.atom->rhs, symbols);
    }
  }
}

std::vector<std::string> Expr::symbols() const {
  std::set<std::string> symbols;
  collectSymbols(*this, symbols);
  return std::vector<std::string>(symbols.begin(), symbols.end());
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

namespace {
/// An integer or an infinity; sums and products that leave 64 bits become
/// infinite, which only widens an interval.
struct Extended {
  int64_t value = 0;
  int infinity = 0; ///< -1, 0 or 1

  int sign() const { return infinity ? infinity : (value > 0) - (value < 0); }
  bool operator<(const Extended &other) const {
    return infinity != other.infinity ? infinity < other.infinity
                                      : !infinity && value < other.value;
  }
};

struct Range {
  Extended low, high;

  void include(const Extended &point) {
    low = std::min(low, point);
    high = std::max(high, point);
  }
};
} // namespace

static Extended add(const Extended &a, const Extended &b) {
  if (a.infinity)
    return a;
  if (b.infinity)
    return b;
  if (std::optional<int64_t> sum = checkedAdd(a.value, b.value))
    return {*sum, 0};
  return {0, a.value < 0 ? -1 : 1};
}

static Extended multiply(const Extended &a, const Extended &b) {
  if (a.sign() == 0 || b.sign() == 0)
    return {0, 0};
  if (!a.infinity && !b.infinity)
    if (std::optional<int64_t> product = checkedMul(a.value, b.value))
      return {*product, 0};
  return {0, a.sign() * b.sign()};
}

static Range multiply(const Range &a, const Range &b) {
  Extended first = multiply(a.low, b.low);
  Range result{first, first};
  result.include(multiply(a.low, b.high));
  result.include(multiply(a.high, b.low));
  result.include(multiply(a.high, b.high));
  return result;
}

static Range power(const Range &base, int32_t exponent) {
  Range result{{1, 0}, {1, 0}};
  for (int32_t i = 0; i < exponent; ++i)
    result = multiply(result, base);
  if (exponent % 2 == 0)
    result.low = std::max(result.low, Extended{0, 0});
  return result;
}

static const Range everything = {{0, -1}, {0, 1}};

/// The limit of the quotient for a divisor that is positive.
static Extended divide(const Extended &a, const Extended &b, bool roundUp) {
  if (a.infinity)
    return a;
  if (b.infinity)
    return {roundUp ? a.sign() > 0 : -(a.sign() < 0), 0};
  return {roundUp ? *checkedCeilDiv(a.value, b.value)
                  : *checkedFloorDiv(a.value, b.value),
          0};
}

/// Quotients are monotone in both operands while the divisor keeps its sign, so
/// the extremes are at the corners. Where both are infinite the corner adds
/// nothing to its neighbours.
static Range dividePositive(const Range &a, const Range &b, bool roundUp) {
  Extended first = divide(a.low, b.low, roundUp);
  Range result{first, first};
  result.include(divide(a.high, b.low, roundUp));
  if (!(a.low.infinity && b.high.infinity))
    result.include(divide(a.low, b.high, roundUp));
  if (!(a.high.infinity && b.high.infinity))
    result.include(divide(a.high, b.high, roundUp));
  // Between an infinite and a finite dividend, infinite divisors give 0.
  return result;
}

static Range modPositive(const Range &a, const Range &b) {
  if (a.low.sign() >= 0 && a.high < b.low)
    return a;
  Range result{{0, 0}, add(b.high, {-1, 0})};
  if (a.low.sign() >= 0)
    result.high = std::min(result.high, a.high);
  return result;
}

static Range negate(const Range &range) {
  return multiply(range, Range{{-1, 0}, {-1, 0}});
}

/// The union of the results for the negative and the positive divisors.
static Range divide(AtomKind kind, const Range &a, const Range &b) {
  std::optional<Range> result;
  auto include = [&](const Range &part) {
    if (!result)
      result = part;
    result->include(part.low);
    result->include(part.high);
  };
  if (b.high.sign() > 0) {
    Range divisor{std::max(b.low, Extended{1, 0}), b.high};
    include(kind == AtomKind::Mod
                ? modPositive(a, divisor)
                : dividePositive(a, divisor, kind == AtomKind::CeilDiv));
  }
  if (b.low.sign() < 0) {
    Range divisor = negate({b.low, std::min(b.high, Extended{-1, 0})});
    Range dividend = negate(a);
    include(kind == AtomKind::Mod
                ? negate(modPositive(dividend, divisor))
                : dividePositive(dividend, divisor, kind == AtomKind::CeilDiv));
  }
  return result.value_or(everything);
}

using SymbolBounds = std::function<Interval(std::string_view)>;

static Range getRange(const Expr &expr, const SymbolBounds &bounds);

static Range getRange(const Atom &atom, const SymbolBounds &bounds) {
  if (atom.kind == AtomKind::Symbol) {
    Interval interval = bounds(atom.name);
    Range range = everything;
    if (interval.low)
      range.low = {*interval.low, 0};
    if (interval.high)
      range.high = {*interval.high, 0};
    return range;
  }
  Range a = getRange(atom.lhs, bounds), b = getRange(atom.rhs, bounds);
  if (atom.kind == AtomKind::Min)
    return {std::min(a.low, b.low), std::min(a.high, b.high)};
  if (atom.kind == AtomKind::Max)
    return {std::max(a.low, b.low), std::max(a.high, b.high)};
  return divide(atom.kind, a, b);
}

static Range getRange(const Expr &expr, const SymbolBounds &bounds) {
  if (Expr::Node::isUndefined(expr))
    return everything;
  Range sum{{0, 0}, {0, 0}};
  for (const Term &term : Expr::Node::of(expr).terms) {
    Range product{{term.coefficient, 0}, {term.coefficient, 0}};
    for (const Factor &factor : term.factors)
      product = multiply(product,
                         power(getRange(*factor.atom, bounds), factor.power));
    sum = {add(sum.low, product.low), add(sum.high, product.high)};
  }
  return sum;
}

Interval Expr::bounds(const SymbolBounds &bounds) const {
  Range range = getRange(*this, bounds);
  Interval interval;
  if (!range.low.infinity)
    interval.low = range.low.value;
  if (!range.high.infinity)
    interval.high = range.high.value;
  return interval;
}
