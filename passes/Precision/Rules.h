//===- Rules.h - which precision an operation needs -----------------------===//
#ifndef CINCH_PASSES_PRECISION_RULES_H
#define CINCH_PASSES_PRECISION_RULES_H

#include "dialects/Graph/Graph.h"

namespace cinch::precision {

/// What is done with an operation on f32 values.
enum class Treatment {
  Narrow,    ///< 16-bit operands and results
  Follow,    ///< as its operands
  InnerWide, ///< f32 operands; its results are rounded where they are read
  Wide,      ///< f32, also for what is computed from it alone
};

/// Why an operation stays as it is.
enum class Reason {
  None,
  Counts,
  Goal,
  OutOfRange,
  Quantized,
  Range,
  Recurrent,
  State
};
constexpr int numReasons = 8;

struct Rule {
  Treatment treatment = Treatment::Follow;
  Reason reason = Reason::None; ///< of Wide
};

/// The rule for an operation of the graph dialect.
Rule getRule(mlir::Operation *op);

/// Whether operand number `index` of `op` may change its type together with the
/// result.
bool isConverted(mlir::Operation *op, unsigned index);

/// Whether `op` computes elements, so that operands of two types are computed
/// in f32; others only move them.
bool isComputed(mlir::Operation *op);

/// Whether `value` is an argument of a function.
bool isEntryArgument(mlir::Value value);

/// Whether `op` is a cast between floats.
bool isFloatCast(mlir::Operation *op);

/// Whether all that reads the only result of the element-wise `op` is softmax,
/// whose exponentials magnify its error.
bool feedsSoftmax(mlir::Operation *op);

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_RULES_H
