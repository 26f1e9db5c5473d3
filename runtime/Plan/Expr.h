//===- Expr.h - integer expressions over named symbols -------------------===//
//
// A dimension, a size in bytes or a cost: a polynomial over symbols whose atoms
// may also be floordiv, ceildiv, mod, min and max of such expressions. Kept in
// a canonical form, so equal polynomials compare equal. Used by the compiler
// (shape analysis, plan, report) and by the runtime (new sizes), hence free of
// MLIR.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_PLAN_EXPR_H
#define CINCH_RUNTIME_PLAN_EXPR_H

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cinch::plan {

/// An inclusive range of values; a missing end is unbounded.
struct Interval {
  std::optional<int64_t> low, high;
};

/// An immutable integer expression. Cheap to copy. Symbols stand for any
/// integer. A coefficient that leaves 64 bits, a division by the constant 0 and
/// an expression beyond the limits of ExprNode.h are undefined: so is
/// everything computed from them, and `evaluate` fails.
class Expr {
public:
  /// The constant `value` (0 by default).
  Expr(int64_t value = 0);
  /// The symbol `name`, a C identifier.
  static Expr symbol(std::string_view name);
  /// Parses the text form (`4*batch*seq + floordiv(seq, 2)`); nullopt on a
  /// syntax error or a constant that overflows.
  static std::optional<Expr> parse(std::string_view text);

  /// The text form; `parse(str())` gives an equal expression.
  std::string str() const;
  std::optional<int64_t> asConstant() const;
  /// The symbol's name if the expression is exactly one symbol.
  std::optional<std::string> asSymbol() const;
  bool operator==(const Expr &other) const;
  bool operator!=(const Expr &other) const { return !(*this == other); }

  Expr operator+(const Expr &other) const;
  Expr operator-(const Expr &other) const;
  Expr operator*(const Expr &other) const;
  /// Rounds towards minus infinity, resp. plus infinity; simplified where the
  /// division is exact. A divisor that evaluates to 0 makes `evaluate` fail.
  static Expr floorDiv(const Expr &dividend, const Expr &divisor);
  static Expr ceilDiv(const Expr &dividend, const Expr &divisor);
  /// Non-negative remainder for a positive divisor.
  static Expr mod(const Expr &dividend, const Expr &divisor);
  static Expr min(const Expr &a, const Expr &b);
  static Expr max(const Expr &a, const Expr &b);
  /// The quotient if the division is exact for every value of the symbols
  /// (polynomial division); nullopt otherwise.
  std::optional<Expr> exactDiv(const Expr &divisor) const;

  using Lookup = std::function<std::optional<int64_t>(std::string_view)>;
  /// The value under `lookup`; nullopt on an unknown symbol, a division by zero
  /// or a 64-bit overflow.
  std::optional<int64_t> evaluate(const Lookup &lookup) const;
  /// Replaces symbols for which `lookup` gives an expression.
  Expr substitute(
      const std::function<std::optional<Expr>(std::string_view)> &lookup) const;
  /// An interval that contains every value for symbols within `bounds`
  /// (interval arithmetic: sound, not always tight).
  Interval
  bounds(const std::function<Interval(std::string_view)> &bounds) const;
  /// The symbols that occur, sorted, each once.
  std::vector<std::string> symbols() const;

  struct Node;

private:
  explicit Expr(std::shared_ptr<const Node> node);
  std::shared_ptr<const Node> node;
};

} // namespace cinch::plan

#endif // CINCH_RUNTIME_PLAN_EXPR_H
