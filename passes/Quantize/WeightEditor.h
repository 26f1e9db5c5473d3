//===- WeightEditor.h - linear maps applied to constant operands ----------===//
#ifndef CINCH_PASSES_QUANTIZE_WEIGHTEDITOR_H
#define CINCH_PASSES_QUANTIZE_WEIGHTEDITOR_H

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <string>

namespace cinch::quantize {

/// A constant of f32 that an operand is, or that it is the transpose of.
struct Weight {
  graph::ConstantOp constant;
  graph::TransposeOp transpose; ///< null: the operand is the constant

  /// nullopt for other values.
  static std::optional<Weight> match(mlir::Value value);
  /// The axis of the constant that is `axis` of the operand.
  unsigned getAxis(unsigned axis) const;
  /// The elements of the constant; an error if they cannot be read.
  llvm::Expected<std::vector<float>> read() const;
};

/// Names that are unique in a function.
class UniqueNames {
public:
  explicit UniqueNames(mlir::func::FuncOp function);
  /// `name` with `suffix`, unless it has it, and a number if that is taken.
  std::string derive(llvm::StringRef name, llvm::StringRef suffix);

private:
  llvm::StringSet<> names;
};

/// Replaces constant operands by others, whose vectors along one axis a
/// function has changed. Operands of the same constant that want the same share
/// the new one.
class WeightEditor {
public:
  /// New constants have the names of the old ones with `suffix`.
  WeightEditor(UniqueNames &names, llvm::StringRef suffix)
      : names(names), suffix(suffix) {}

  /// Changes the vectors of `extent` channels along one axis of `operand`, for
  /// which `Weight::match` holds: the axis that has `inner` - 1 axes behind it.
  /// One number for all channels, of an operand that has 1 there or lacks the
  /// axis, is repeated before. Functions of the same `key` do the same. An
  /// error, and no change, if the constant cannot be read or an element is not
  /// finite.
  llvm::Error edit(mlir::OpOperand &operand, unsigned inner, int64_t extent,
                   const void *key,
                   llvm::function_ref<void(llvm::MutableArrayRef<double>)> map);

  /// Erases the old constants and transposes that nothing reads any more.
  /// Returns the bytes that constants take more than before.
  int64_t finish();

private:
  struct Edited {
    graph::ConstantOp old, made;
  };
  /// The constant that takes the place of that of `weight`.
  llvm::Expected<graph::ConstantOp>
  getEdited(const Weight &weight, unsigned inner, int64_t extent,
            const void *key,
            llvm::function_ref<void(llvm::MutableArrayRef<double>)> map);

  UniqueNames &names;
  std::string suffix;
  llvm::MapVector<std::pair<mlir::Value, std::pair<const void *, unsigned>>,
                  Edited>
      edited; ///< by old constant, key and inner
  llvm::MapVector<std::pair<mlir::Operation *, mlir::Value>, mlir::Value>
      transposed; ///< by old transpose and new constant
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_WEIGHTEDITOR_H
