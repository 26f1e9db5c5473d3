//===- Scalars.h - arithmetic on scalars in kernel bodies -----------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_SCALARS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_SCALARS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace cinch::form {

/// Builds scalar arithmetic. Values are signless integers, floats or indices;
/// where the sign matters, a function says which it takes or has a `isUnsigned`
/// argument.
class Scalars {
public:
  /// `roundsAtStore`: floats that are narrowed keep their bits where they are
  /// widened again in the same kernel.
  Scalars(mlir::OpBuilder &builder, mlir::Location loc,
          bool roundsAtStore = false)
      : b(builder), loc(loc), roundsAtStore(roundsAtStore) {}
  mlir::OpBuilder &b;
  mlir::Location loc;
  bool roundsAtStore;

  template <typename OpTy, typename... Args> mlir::Value make(Args &&...args) {
    return OpTy::create(b, loc, std::forward<Args>(args)...)->getResult(0);
  }

  mlir::Value index(int64_t value);
  /// A constant of a float, integer (the value wraps) or index type.
  mlir::Value number(mlir::Type type, double value);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value constant(mlir::TypedAttr value) {
    return make<mlir::arith::ConstantOp>(value);
  }
  /// The smallest (largest) value of the type: an infinity for floats.
  mlir::Value lowest(mlir::Type type, bool isUnsigned);
  mlir::Value highest(mlir::Type type, bool isUnsigned);

  // Either numbers (floats by type, else integers) or indices.
  mlir::Value add(mlir::Value a, mlir::Value c);
  mlir::Value sub(mlir::Value a, mlir::Value c);
  mlir::Value mul(mlir::Value a, mlir::Value c);
  mlir::Value min(mlir::Value a, mlir::Value c, bool isUnsigned = false);
  mlir::Value max(mlir::Value a, mlir::Value c, bool isUnsigned = false);
  /// Comparisons; false on NaN (`ne`: true).
  mlir::Value eq(mlir::Value a, mlir::Value c);
  mlir::Value ne(mlir::Value a, mlir::Value c);
  mlir::Value lt(mlir::Value a, mlir::Value c, bool isUnsigned = false);
  mlir::Value le(mlir::Value a, mlir::Value c, bool isUnsigned = false);

  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no);
  mlir::Value both(mlir::Value a, mlir::Value c) {
    return make<mlir::arith::AndIOp>(a, c);
  }
  mlir::Value either(mlir::Value a, mlir::Value c) {
    return make<mlir::arith::OrIOp>(a, c);
  }
  mlir::Value invert(mlir::Value boolean);
  mlir::Value isNan(mlir::Value x);

  /// Index arithmetic; divisors are positive, dividends may be negative.
  mlir::Value floorDiv(mlir::Value a, mlir::Value c);
  mlir::Value mod(mlir::Value a, mlir::Value c);
  /// `x` between `low` and `high`, inclusive (high wins).
  mlir::Value clamp(mlir::Value x, mlir::Value low, mlir::Value high);
  /// Integer to index (sign or zero extended) and back.
  mlir::Value toIndex(mlir::Value integer, bool isUnsigned);
  mlir::Value fromIndex(mlir::Value index, mlir::Type integerType);

  /// Converts between element types as graph.cast does, but saturating; the
  /// types carry the sign and are no narrow floats, `x` has the signless form
  /// of `from`.
  mlir::Value cast(mlir::Value x, mlir::Type from, mlir::Type to);
  /// Widens f16 and bf16 to f32; others pass.
  mlir::Value widen(mlir::Value x);
  /// The same for the signless form `x` of an element of `type`, which may be a
  /// narrow float.
  mlir::Value widen(mlir::Value x, mlir::Type type);
  /// The element of `type`, in its signless form, that a computed `x` becomes:
  /// floats are rounded to nearest even, integers pass.
  mlir::Value narrow(mlir::Value x, mlir::Type type);
  /// Converts a float to another float type, rounding to nearest even.
  mlir::Value toFloat(mlir::Value x, mlir::Type type);
};

/// The type in which numbers of float type `type` are computed: f32 for
/// narrower floats, else itself.
mlir::Type getComputeType(mlir::Type type);
/// The element type as kernels see it: integers without sign, and floats of at
/// most 8 bits as integers of as many bits.
mlir::Type dropSign(mlir::Type type);
/// A number as kernels see it.
mlir::TypedAttr dropSign(mlir::TypedAttr number);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_SCALARS_H
