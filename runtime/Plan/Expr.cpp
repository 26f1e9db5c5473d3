//===- Expr.cpp - algebra of expressions ----------------------------------===//
//
// Construction, order and ring operations. Division is in ExprDivide.cpp,
// values in ExprEvaluate.cpp, the text form in ExprText.cpp.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan/Expr.h"

#include "runtime/Plan/ExprNode.h"

#include <algorithm>

using namespace cinch::plan;
using namespace cinch::plan::detail;

//===----------------------------------------------------------------------===//
// Checked integers
//===----------------------------------------------------------------------===//

std::optional<int64_t> detail::checkedAdd(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

std::optional<int64_t> detail::checkedMul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

std::optional<int64_t> detail::checkedFloorDiv(int64_t a, int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1))
    return std::nullopt;
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

std::optional<int64_t> detail::checkedCeilDiv(int64_t a, int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1))
    return std::nullopt;
  return a / b + (a % b != 0 && (a < 0) == (b < 0));
}

std::optional<int64_t> detail::checkedMod(int64_t a, int64_t b) {
  if (b == 0)
    return std::nullopt;
  if (b == -1)
    return 0;
  int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b
                                                      : remainder;
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

static int compareIntegers(int64_t a, int64_t b) { return (a > b) - (a < b); }

int detail::compareAtoms(const Atom &a, const Atom &b) {
  if (&a == &b)
    return 0;
  if (a.kind != b.kind)
    return a.kind < b.kind ? -1 : 1;
  if (a.kind == AtomKind::Symbol)
    return a.name.compare(b.name);
  if (int order = compareExprs(a.lhs, b.lhs))
    return order;
  return compareExprs(a.rhs, b.rhs);
}

static int64_t getDegree(const Monomial &monomial) {
  int64_t degree = 0;
  for (const Factor &factor : monomial)
    degree += factor.power;
  return degree;
}

int detail::compareMonomials(const Monomial &a, const Monomial &b) {
  if (int order = compareIntegers(getDegree(a), getDegree(b)))
    return order;
  for (size_t i = 0, e = std::min(a.size(), b.size()); i < e; ++i) {
    // The monomial that has the earlier atom has the larger power of it.
    if (int order = compareAtoms(*a[i].atom, *b[i].atom))
      return -order;
    if (int order = compareIntegers(a[i].power, b[i].power))
      return order;
  }
  return compareIntegers(a.size(), b.size());
}

int detail::compareExprs(const Expr &a, const Expr &b) {
  if (Expr::Node::isSame(a, b))
    return 0;
  const Expr::Node &left = Expr::Node::of(a), &right = Expr::Node::of(b);
  if (left.undefined || right.undefined)
    return compareIntegers(left.undefined, right.undefined);
  for (size_t i = 0, e = std::min(left.terms.size(), right.terms.size()); i < e;
       ++i) {
    const Term &x = left.terms[i], &y = right.terms[i];
    if (int order = compareMonomials(x.factors, y.factors))
      return order;
    if (int order = compareIntegers(x.coefficient, y.coefficient))
      return order;
  }
  return compareIntegers(left.terms.size(), right.terms.size());
}

//===----------------------------------------------------------------------===//
// Construction
//===----------------------------------------------------------------------===//

Expr::Expr(std::shared_ptr<const Node> node) : node(std::move(node)) {}

Expr::Expr(int64_t value) {
  // Never freed: expressions may be used while static objects are destroyed.
  static const auto *zero =
      new std::shared_ptr<const Node>(std::make_shared<Node>());
  if (value == 0) {
    node = *zero;
    return;
  }
  auto constant = std::make_shared<Node>();
  constant->terms.push_back({value, {}});
  constant->size = 2;
  node = std::move(constant);
}

Expr Expr::Node::makeUndefined() {
  auto node = std::make_shared<Node>();
  node->undefined = true;
  return Expr(std::move(node));
}

Expr Expr::Node::make(Terms terms) {
  if (terms.empty())
    return Expr(0);
  if (int64_t(terms.size()) > maxTerms)
    return makeUndefined();
  auto node = std::make_shared<Node>();
  for (const Term &term : terms) {
    ++node->size;
    if (getDegree(term.factors) > maxDegree)
      return makeUndefined();
    for (const Factor &factor : term.factors) {
      node->size += factor.power;
      if (factor.atom->kind == AtomKind::Symbol)
        continue;
      const Node &lhs = of(factor.atom->lhs), &rhs = of(factor.atom->rhs);
      node->size += factor.power * (lhs.size + rhs.size);
      node->depth = std::max({node->depth, lhs.depth + 1, rhs.depth + 1});
    }
  }
  if (node->size > maxSize || node->depth > maxDepth)
    return makeUndefined();
  node->terms = std::move(terms);
  return Expr(std::move(node));
}

Expr Expr::symbol(std::string_view name) {
  auto atom = std::make_shared<Atom>(
      Atom{AtomKind::Symbol, std::string(name), Expr(), Expr()});
  return Node::make({{1, {{std::move(atom), 1}}}});
}

Expr detail::makeFunction(AtomKind kind, const Expr &lhs, const Expr &rhs) {
  if (Expr::Node::isUndefined(lhs) || Expr::Node::isUndefined(rhs))
    return Expr::Node::makeUndefined();
  auto atom = std::make_shared<Atom>(Atom{kind, std::string(), lhs, rhs});
  return Expr::Node::make({{1, {{std::move(atom), 1}}}});
}

const Atom *detail::getSingleAtom(const Term &term) {
  if (term.factors.size() != 1 || term.factors[0].power != 1)
    return nullptr;
  return term.factors[0].atom.get();
}

std::optional<int64_t> Expr::asConstant() const {
  if (node->undefined || node->terms.size() > 1)
    return std::nullopt;
  if (node->terms.empty())
    return 0;
  if (!node->terms[0].factors.empty())
    return std::nullopt;
  return node->terms[0].coefficient;
}

std::optional<std::string> Expr::asSymbol() const {
  if (node->terms.size() != 1 || node->terms[0].coefficient != 1)
    return std::nullopt;
  const Atom *atom = getSingleAtom(node->terms[0]);
  if (!atom || atom->kind != AtomKind::Symbol)
    return std::nullopt;
  return atom->name;
}

bool Expr::operator==(const Expr &other) const {
  return compareExprs(*this, other) == 0;
}

//===----------------------------------------------------------------------===//
// Ring operations
//===----------------------------------------------------------------------===//

/// `a + scale * b` by merging the sorted terms.
static Expr addScaled(const Expr &a, const Expr &b, int64_t scale) {
  if (Expr::Node::isUndefined(a) || Expr::Node::isUndefined(b))
    return Expr::Node::makeUndefined();
  const Terms &left = Expr::Node::of(a).terms, &right = Expr::Node::of(b).terms;
  Terms result;
  result.reserve(left.size() + right.size());
  size_t i = 0, j = 0;
  while (i < left.size() || j < right.size()) {
    int order = i == left.size() ? -1
                : j == right.size()
                    ? 1
                    : compareMonomials(left[i].factors, right[j].factors);
    if (order > 0) {
      result.push_back(left[i++]);
      continue;
    }
    std::optional<int64_t> coefficient =
        checkedMul(right[j].coefficient, scale);
    if (coefficient && order == 0)
      coefficient = checkedAdd(left[i++].coefficient, *coefficient);
    if (!coefficient)
      return Expr::Node::makeUndefined();
    if (*coefficient != 0)
      result.push_back({*coefficient, right[j].factors});
    ++j;
  }
  return Expr::Node::make(std::move(result));
}

Expr Expr::operator+(const Expr &other) const {
  return addScaled(*this, other, 1);
}

Expr Expr::operator-(const Expr &other) const {
  return addScaled(*this, other, -1);
}

static Monomial multiplyMonomials(const Monomial &a, const Monomial &b) {
  Monomial result;
  result.reserve(a.size() + b.size());
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    int order = compareAtoms(*a[i].atom, *b[j].atom);
    if (order == 0) {
      // Powers stay small: terms beyond maxDegree do not leave Node::make.
      result.push_back({a[i].atom, a[i].power + b[j].power});
      ++i, ++j;
      continue;
    }
    result.push_back(order < 0 ? a[i++] : b[j++]);
  }
  result.insert(result.end(), a.begin() + i, a.end());
  result.insert(result.end(), b.begin() + j, b.end());
  return result;
}

Expr Expr::operator*(const Expr &other) const {
  if (node->undefined || other.node->undefined)
    return Node::makeUndefined();
  const Terms &left = node->terms, &right = other.node->terms;
  if (int64_t(left.size()) * int64_t(right.size()) > maxSize)
    return Node::makeUndefined();
  Terms products;
  products.reserve(left.size() * right.size());
  for (const Term &a : left) {
    for (const Term &b : right) {
      std::optional<int64_t> coefficient =
          checkedMul(a.coefficient, b.coefficient);
      if (!coefficient)
        return Node::makeUndefined();
      products.push_back(
          {*coefficient, multiplyMonomials(a.factors, b.factors)});
    }
  }
  std::sort(products.begin(), products.end(), [](const Term &a, const Term &b) {
    return compareMonomials(a.factors, b.factors) > 0;
  });
  Terms result;
  for (size_t i = 0; i < products.size();) {
    // A sum of up to maxSize 64-bit numbers: exact in 128 bits.
    __int128 sum = 0;
    size_t end = i;
    for (; end < products.size() &&
           compareMonomials(products[i].factors, products[end].factors) == 0;
         ++end)
      sum += products[end].coefficient;
    if (sum < INT64_MIN || sum > INT64_MAX)
      return Node::makeUndefined();
    if (sum != 0)
      result.push_back({int64_t(sum), std::move(products[i].factors)});
    i = end;
  }
  return Node::make(std::move(result));
}
