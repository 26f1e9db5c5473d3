//===- ExprNode.h - representation of expressions (private) --------------===//
//
// An expression is a sum of terms, a term an integer coefficient times a
// monomial, a monomial a product of powers of atoms. Terms are kept in
// descending graded lexicographic order (a monomial order, which polynomial
// division needs), each monomial once, no zero coefficient. Only the sources of
// this folder include this file.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_PLAN_EXPRNODE_H
#define CINCH_RUNTIME_PLAN_EXPRNODE_H

#include "runtime/Plan/Expr.h"

#include <utility>

namespace cinch::plan::detail {

enum class AtomKind : uint8_t { Symbol, FloorDiv, CeilDiv, Mod, Min, Max };

/// A symbol, or a function of two expressions that is not a polynomial.
struct Atom {
  AtomKind kind;
  std::string name; ///< of a symbol
  Expr lhs, rhs;    ///< of a function
};

struct Factor {
  std::shared_ptr<const Atom> atom;
  int32_t power; ///< >= 1
};

/// Sorted by atom, each atom once.
using Monomial = std::vector<Factor>;

struct Term {
  int64_t coefficient;
  Monomial factors;
};

using Terms = std::vector<Term>;

// Limits on one expression, seen as a tree. The text form comes from files, and
// a short text can describe an exponentially large sum; what exceeds a limit is
// undefined, like an overflow.
constexpr int64_t maxTerms = 1024;
constexpr int64_t maxSize = 4096; ///< atoms and terms, counted as often as used
constexpr int64_t maxDepth = 128; ///< nested functions
constexpr int64_t maxDegree = 64;

/// Total orders that depend on the structure only, never on addresses.
int compareAtoms(const Atom &a, const Atom &b);
int compareMonomials(const Monomial &a, const Monomial &b);
int compareExprs(const Expr &a, const Expr &b);

/// The expression `atom`; undefined beyond the limits.
Expr makeFunction(AtomKind kind, const Expr &lhs, const Expr &rhs);
/// The atom if `term` is `coefficient` times just one atom, else null.
const Atom *getSingleAtom(const Term &term);
/// The monomial `a / b`; nullopt unless `b` divides `a`.
std::optional<Monomial> divideMonomials(const Monomial &a, const Monomial &b);
/// Polynomial division: `dividend == quotient * divisor + remainder`, where no
/// term of the remainder is divisible by the leading term of the divisor.
/// nullopt if it overflows or takes too long.
struct Division {
  Expr quotient, remainder;
};
std::optional<Division> dividePolynomials(const Expr &dividend,
                                          const Expr &divisor);

/// The result of the integer operation; nullopt if it is not a 64-bit number.
std::optional<int64_t> checkedAdd(int64_t a, int64_t b);
std::optional<int64_t> checkedMul(int64_t a, int64_t b);
std::optional<int64_t> checkedFloorDiv(int64_t a, int64_t b);
std::optional<int64_t> checkedCeilDiv(int64_t a, int64_t b);
std::optional<int64_t> checkedMod(int64_t a, int64_t b);

} // namespace cinch::plan::detail

namespace cinch::plan {

struct Expr::Node {
  detail::Terms terms;
  /// The value of an overflow or of a division by the constant 0: every
  /// operation on it is undefined again and it never evaluates.
  bool undefined = false;
  int64_t size = 1;
  int64_t depth = 0;

  static const Node &of(const Expr &expr) { return *expr.node; }
  static bool isUndefined(const Expr &expr) { return of(expr).undefined; }
  static bool isZero(const Expr &expr) {
    return !of(expr).undefined && of(expr).terms.empty();
  }
  static bool isSame(const Expr &a, const Expr &b) { return a.node == b.node; }
  static Expr makeUndefined();
  /// Wraps terms that are in canonical form; undefined beyond the limits.
  static Expr make(detail::Terms terms);
};

} // namespace cinch::plan

#endif // CINCH_RUNTIME_PLAN_EXPRNODE_H
