//===- FormGroups.h - which operations share a kernel ---------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_FORMGROUPS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_FORMGROUPS_H

#include "lib/Lowering/GraphToExec/ShapeTable.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/SmallPtrSet.h"
#include <vector>

namespace cinch::form {

/// What becomes of a graph operation whose results are read.
enum class Place {
  Kernel,   ///< computed by a kernel
  View,     ///< its result is the bytes of its first operand, or part of them
  Assemble, ///< its result is its operands end to end
  Constant, ///< a constant
  Shape,    ///< its contents are expressions over symbols
};

/// `op` must be a graph operation.
Place getPlace(mlir::Operation *op, const ShapeTable &shapes);
/// The first element of a view within its input; nullopt if it is none.
std::optional<plan::Expr> getViewOffset(mlir::Operation *op,
                                        const ShapeTable &shapes);
/// True if a kernel reads the elements of this operand; false if only its shape
/// or contents known at compile time matter.
bool isRead(mlir::OpOperand &operand);
/// True for a step_set whose result can lie over what it changes: a kernel
/// writes that one position then, at its end.
bool isUpdate(mlir::Operation *op);

/// Whether elements of a result of `op` share bytes.
bool hasPackedResult(mlir::Operation *op);

/// Operations that become one kernel, in program order; the last is the root.
/// In the body of a loop other operations may have results too.
struct Group {
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<mlir::Value>
      inputs; ///< read from outside, constants that are one number excepted
  llvm::SmallVector<mlir::Value> results; ///< of the root, then of others
  bool isAttention = false;
  /// Operations that a matmul of the group reads through: they are not
  /// computed.
  llvm::SmallPtrSet<mlir::Operation *, 4> readThrough;
};

/// The kernels of `block`, nested blocks excluded, ordered by their roots.
/// Every operation in `live` with place Kernel is in one group.
std::vector<Group> formGroups(mlir::Block &block, const ShapeTable &shapes,
                              const llvm::DenseSet<mlir::Operation *> &live,
                              bool fuse);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_FORMGROUPS_H
