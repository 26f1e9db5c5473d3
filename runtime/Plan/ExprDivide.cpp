//===- ExprDivide.cpp - division, minimum and maximum of expressions ------===//
//
// The rewrites hold for all integer values of the symbols for which the divisor
// is not zero. They are applied until none fits, so building an expression
// again from its own text gives the same one.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan/ExprNode.h"

#include <algorithm>
#include <numeric>

using namespace cinch::plan;
using namespace cinch::plan::detail;

/// The bounds that hold for all values of the symbols.
static Interval getFreeBounds(const Expr &expr) {
  return expr.bounds([](std::string_view) { return Interval(); });
}

static int64_t gcd(int64_t a, int64_t b) {
  uint64_t x = a < 0 ? 0 - uint64_t(a) : uint64_t(a);
  uint64_t y = b < 0 ? 0 - uint64_t(b) : uint64_t(b);
  uint64_t result = std::gcd(x, y);
  return result > uint64_t(INT64_MAX) ? 1 : int64_t(result);
}

//===----------------------------------------------------------------------===//
// Polynomial division
//===----------------------------------------------------------------------===//

std::optional<Monomial> detail::divideMonomials(const Monomial &a,
                                                const Monomial &b) {
  Monomial result;
  size_t j = 0;
  for (const Factor &factor : a) {
    int32_t power = factor.power;
    if (j < b.size() && compareAtoms(*factor.atom, *b[j].atom) == 0)
      power -= b[j++].power;
    if (power < 0)
      return std::nullopt;
    if (power > 0)
      result.push_back({factor.atom, power});
  }
  if (j != b.size())
    return std::nullopt;
  return result;
}

std::optional<Division> detail::dividePolynomials(const Expr &dividend,
                                                  const Expr &divisor) {
  const Terms &divisorTerms = Expr::Node::of(divisor).terms;
  if (Expr::Node::isUndefined(dividend) || divisorTerms.empty())
    return std::nullopt;
  const Term &leading = divisorTerms.front();
  Division division;
  Expr rest = dividend;
  for (int64_t step = 0; !Expr::Node::isZero(rest); ++step) {
    if (step > 2 * maxTerms || Expr::Node::isUndefined(rest))
      return std::nullopt;
    const Term first = Expr::Node::of(rest).terms.front();
    std::optional<Monomial> monomial;
    // The excluded divisor -1 of the smallest number would trap.
    if (!(leading.coefficient == -1 && first.coefficient == INT64_MIN) &&
        first.coefficient % leading.coefficient == 0)
      monomial = divideMonomials(first.factors, leading.factors);
    if (!monomial) {
      Expr term = Expr::Node::make({first});
      division.remainder = division.remainder + term;
      rest = rest - term;
      continue;
    }
    Expr term = Expr::Node::make(
        {{first.coefficient / leading.coefficient, std::move(*monomial)}});
    division.quotient = division.quotient + term;
    rest = rest - term * divisor;
  }
  if (Expr::Node::isUndefined(division.quotient) ||
      Expr::Node::isUndefined(division.remainder))
    return std::nullopt;
  return division;
}

std::optional<Expr> Expr::exactDiv(const Expr &divisor) const {
  std::optional<Division> division = dividePolynomials(*this, divisor);
  if (!division || !Node::isZero(division->remainder))
    return std::nullopt;
  return division->quotient;
}

//===----------------------------------------------------------------------===//
// Division by a positive constant
//===----------------------------------------------------------------------===//

/// `expr == scale * part + rest` with 0 <= rest < scale, where `scale` is the
/// largest divisor of `divisor` for which that is possible.
struct Content {
  int64_t scale;
  Expr part;
  int64_t rest;
};

static Content splitContent(const Expr &expr, int64_t divisor) {
  int64_t scale = divisor;
  for (const Term &term : Expr::Node::of(expr).terms)
    if (!term.factors.empty())
      scale = gcd(scale, term.coefficient);
  if (scale == 1)
    return {1, expr, 0};
  Terms terms = Expr::Node::of(expr).terms;
  int64_t rest = 0;
  if (!terms.empty() && terms.back().factors.empty()) {
    rest = *checkedMod(terms.back().coefficient, scale);
    terms.back().coefficient =
        *checkedFloorDiv(terms.back().coefficient, scale);
    if (terms.back().coefficient == 0)
      terms.pop_back();
  }
  for (Term &term : terms)
    if (!term.factors.empty())
      term.coefficient /= scale;
  return {scale, Expr::Node::make(std::move(terms)), rest};
}

/// `expr == divisor * quotient + remainder`, with coefficients of the remainder
/// below the divisor (of the sign they had; the constant is not negative).
static Division splitCoefficients(const Expr &expr, int64_t divisor) {
  Terms quotient, remainder;
  for (const Term &term : Expr::Node::of(expr).terms) {
    bool isConstant = term.factors.empty();
    int64_t q = isConstant ? *checkedFloorDiv(term.coefficient, divisor)
                           : term.coefficient / divisor;
    int64_t r = isConstant ? *checkedMod(term.coefficient, divisor)
                           : term.coefficient % divisor;
    if (q != 0)
      quotient.push_back({q, term.factors});
    if (r != 0)
      remainder.push_back({r, term.factors});
  }
  return {Expr::Node::make(std::move(quotient)),
          Expr::Node::make(std::move(remainder))};
}

/// The constant divisor if `atom` is a `kind` by a positive constant.
static std::optional<int64_t> getPositiveDivisor(const Atom *atom,
                                                 AtomKind kind) {
  if (!atom || atom->kind != kind)
    return std::nullopt;
  std::optional<int64_t> divisor = atom->rhs.asConstant();
  return divisor && *divisor > 0 ? divisor : std::nullopt;
}

static Expr floorDivByConstant(const Expr &dividend, int64_t divisor) {
  Content content = splitContent(dividend, divisor);
  divisor /= content.scale;
  if (divisor == 1)
    return content.part;
  Division split = splitCoefficients(content.part, divisor);

  // floordiv(floordiv(x, a) + y, b) = floordiv(x + a * y, a * b).
  const Terms &terms = Expr::Node::of(split.remainder).terms;
  const Term *nested = nullptr;
  int64_t numNested = 0;
  for (const Term &term : terms) {
    if (term.coefficient == 1 &&
        getPositiveDivisor(getSingleAtom(term), AtomKind::FloorDiv)) {
      nested = &term;
      ++numNested;
    }
  }
  if (numNested == 1) {
    const Atom &inner = *getSingleAtom(*nested);
    int64_t innerDivisor = *inner.rhs.asConstant();
    std::optional<int64_t> product = checkedMul(innerDivisor, divisor);
    Expr others = split.remainder - Expr::Node::make({*nested});
    Expr merged = inner.lhs + Expr(innerDivisor) * others;
    if (product && !Expr::Node::isUndefined(merged))
      return split.quotient + floorDivByConstant(merged, *product);
  }

  Interval range = getFreeBounds(split.remainder);
  if (range.low && range.high) {
    int64_t low = *checkedFloorDiv(*range.low, divisor);
    if (low == *checkedFloorDiv(*range.high, divisor))
      return split.quotient + Expr(low);
  }
  return split.quotient +
         makeFunction(AtomKind::FloorDiv, split.remainder, Expr(divisor));
}

static Expr modByConstant(const Expr &dividend, int64_t divisor) {
  Content content = splitContent(dividend, divisor);
  if (content.scale > 1)
    return Expr(content.scale) *
               modByConstant(content.part, divisor / content.scale) +
           Expr(content.rest);
  if (divisor == 1)
    return Expr(0);
  Expr remainder = splitCoefficients(content.part, divisor).remainder;

  // mod(k * mod(x, a) + y, b) = mod(k * x + y, b) if b divides k * a.
  for (const Term &term : Expr::Node::of(remainder).terms) {
    const Atom *inner = getSingleAtom(term);
    std::optional<int64_t> innerDivisor =
        getPositiveDivisor(inner, AtomKind::Mod);
    if (!innerDivisor ||
        __int128(term.coefficient) * *innerDivisor % divisor != 0)
      continue;
    Expr merged = remainder - Expr::Node::make({term}) +
                  Expr(term.coefficient) * inner->lhs;
    if (!Expr::Node::isUndefined(merged))
      return modByConstant(merged, divisor);
  }

  Interval range = getFreeBounds(remainder);
  if (range.low && range.high && *range.low >= 0 && *range.high < divisor)
    return remainder;
  return makeFunction(AtomKind::Mod, remainder, Expr(divisor));
}

//===----------------------------------------------------------------------===//
// Division by an expression
//===----------------------------------------------------------------------===//

/// The largest monomial with a positive coefficient that divides every term of
/// both expressions.
static Term getCommonFactor(const Expr &a, const Expr &b) {
  Term common = Expr::Node::of(b).terms.front();
  for (const Expr *expr : {&a, &b}) {
    for (const Term &term : Expr::Node::of(*expr).terms) {
      common.coefficient = gcd(common.coefficient, term.coefficient);
      Monomial shared;
      size_t i = 0;
      for (const Factor &factor : common.factors) {
        while (i < term.factors.size() &&
               compareAtoms(*term.factors[i].atom, *factor.atom) < 0)
          ++i;
        if (i < term.factors.size() &&
            compareAtoms(*term.factors[i].atom, *factor.atom) == 0)
          shared.push_back(
              {factor.atom, std::min(factor.power, term.factors[i].power)});
      }
      common.factors = std::move(shared);
    }
  }
  return common;
}

static Expr divide(AtomKind kind, Expr dividend, Expr divisor) {
  if (Expr::Node::isUndefined(dividend) || Expr::Node::isUndefined(divisor) ||
      Expr::Node::isZero(divisor))
    return Expr::Node::makeUndefined();
  if (Expr::Node::isZero(dividend))
    return Expr(0);
  std::optional<int64_t> a = dividend.asConstant(), b = divisor.asConstant();
  if (a && b) {
    std::optional<int64_t> value =
        kind == AtomKind::FloorDiv  ? checkedFloorDiv(*a, *b)
        : kind == AtomKind::CeilDiv ? checkedCeilDiv(*a, *b)
                                    : checkedMod(*a, *b);
    return value ? Expr(*value) : Expr::Node::makeUndefined();
  }

  // A divisor with a positive leading coefficient.
  if (Expr::Node::of(divisor).terms.front().coefficient < 0) {
    Expr negatedDividend = Expr(0) - dividend;
    Expr negatedDivisor = Expr(0) - divisor;
    if (Expr::Node::isUndefined(negatedDividend) ||
        Expr::Node::isUndefined(negatedDivisor))
      return makeFunction(kind, dividend, divisor);
    Expr result = divide(kind, negatedDividend, negatedDivisor);
    return kind == AtomKind::Mod ? Expr(0) - result : result;
  }

  if (b) {
    if (kind == AtomKind::FloorDiv)
      return floorDivByConstant(dividend, *b);
    if (kind == AtomKind::Mod)
      return modByConstant(dividend, *b);
    Expr shifted = dividend + Expr(*b - 1);
    if (!Expr::Node::isUndefined(shifted))
      return floorDivByConstant(shifted, *b);
    return makeFunction(kind, dividend, divisor);
  }

  Term factor = getCommonFactor(dividend, divisor);
  if (factor.coefficient != 1 || !factor.factors.empty()) {
    Expr common = Expr::Node::make({factor});
    std::optional<Expr> p = dividend.exactDiv(common);
    std::optional<Expr> q = divisor.exactDiv(common);
    if (p && q) {
      Expr result = divide(kind, *p, *q);
      return kind == AtomKind::Mod ? result * common : result;
    }
  }

  std::optional<Division> division = dividePolynomials(dividend, divisor);
  if (division && !Expr::Node::isZero(division->quotient)) {
    Expr rest = divide(kind, division->remainder, divisor);
    return kind == AtomKind::Mod ? rest : division->quotient + rest;
  }

  // A remainder by the divisor lies between 0 and the divisor.
  const Terms &terms = Expr::Node::of(dividend).terms;
  const Atom *inner = terms.size() == 1 && terms[0].coefficient == 1
                          ? getSingleAtom(terms[0])
                          : nullptr;
  if (inner && inner->kind == AtomKind::Mod && inner->rhs == divisor) {
    if (kind == AtomKind::FloorDiv)
      return Expr(0);
    if (kind == AtomKind::Mod)
      return dividend;
  }
  return makeFunction(kind, dividend, divisor);
}

Expr Expr::floorDiv(const Expr &dividend, const Expr &divisor) {
  return divide(AtomKind::FloorDiv, dividend, divisor);
}

Expr Expr::ceilDiv(const Expr &dividend, const Expr &divisor) {
  return divide(AtomKind::CeilDiv, dividend, divisor);
}

Expr Expr::mod(const Expr &dividend, const Expr &divisor) {
  return divide(AtomKind::Mod, dividend, divisor);
}

//===----------------------------------------------------------------------===//
// Minimum and maximum
//===----------------------------------------------------------------------===//

/// Appends `expr`, or the operands if it is itself a `kind`.
static void collectOperands(AtomKind kind, const Expr &expr,
                            std::vector<Expr> &operands) {
  const Terms &terms = Expr::Node::of(expr).terms;
  const Atom *atom = terms.size() == 1 && terms[0].coefficient == 1
                         ? getSingleAtom(terms[0])
                         : nullptr;
  if (!atom || atom->kind != kind) {
    operands.push_back(expr);
    return;
  }
  collectOperands(kind, atom->lhs, operands);
  collectOperands(kind, atom->rhs, operands);
}

static Expr select(AtomKind kind, const Expr &a, const Expr &b) {
  if (Expr::Node::isUndefined(a) || Expr::Node::isUndefined(b))
    return Expr::Node::makeUndefined();
  std::vector<Expr> operands, added;
  collectOperands(kind, a, operands);
  collectOperands(kind, b, added);
  for (const Expr &candidate : added) {
    bool redundant = false;
    for (size_t i = 0; i < operands.size() && !redundant;) {
      Interval difference =
          getFreeBounds(kind == AtomKind::Min ? candidate - operands[i]
                                              : operands[i] - candidate);
      redundant = difference.low && *difference.low >= 0;
      if (!redundant && difference.high && *difference.high <= 0)
        operands.erase(operands.begin() + i);
      else
        ++i;
    }
    if (!redundant)
      operands.push_back(candidate);
  }
  std::sort(operands.begin(), operands.end(), [](const Expr &x, const Expr &y) {
    return compareExprs(x, y) < 0;
  });
  Expr result = operands.back();
  for (size_t i = operands.size() - 1; i-- > 0;)
    result = makeFunction(kind, operands[i], result);
  return result;
}

Expr Expr::min(const Expr &a, const Expr &b) {
  return select(AtomKind::Min, a, b);
}

Expr Expr::max(const Expr &a, const Expr &b) {
  return select(AtomKind::Max, a, b);
}
