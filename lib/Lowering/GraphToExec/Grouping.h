//===- Grouping.h - groups that grow from their roots ---------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_GROUPING_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_GROUPING_H

#include "lib/Lowering/GraphToExec/FormGroups.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"

namespace cinch::form {

/// Most operations in one kernel: bounds the size of the code.
constexpr size_t maxOps = 64;

/// A group that grows.
struct Cluster {
  llvm::SmallVector<mlir::Operation *> ops; ///< reverse program order
  mlir::Operation *contraction = nullptr;
  /// Number of trailing axes that row statistics reduce; 0: none yet.
  size_t rowAxes = 0;
  bool hasMovement = false, hasReduction = false, isAttention = false;
  bool isInLoop = false; ///< in the body of a loop
  /// Operations beside the root whose results are read outside.
  llvm::SmallVector<mlir::Operation *> results;

  mlir::Operation *root() const { return ops.front(); }
  /// Whether a result of the kernel has several elements in a byte.
  bool writesPacked() const {
    return hasPackedResult(root()) || llvm::any_of(results, hasPackedResult);
  }
};

/// Groups the operations of one block.
class Grouping {
public:
  Grouping(const ShapeTable &shapes,
           const llvm::DenseSet<mlir::Operation *> &live)
      : shapes(shapes), live(live) {}

  void run(mlir::Block &block);
  /// Clusters by root, in reverse program order.
  std::vector<Cluster> clusters;
  /// Movement that matmuls and convolutions read through.
  llvm::DenseSet<mlir::Operation *> readThrough;

private:
  llvm::ArrayRef<plan::Expr> dims(mlir::Value value) const {
    return shapes.get(value).dims;
  }
  llvm::ArrayRef<plan::Expr> dims(mlir::Operation *op) const {
    return dims(op->getResult(0));
  }
  /// The dims that a kernel walks: of its root, or of what that writes.
  llvm::ArrayRef<plan::Expr> space(const Cluster &cluster) const {
    auto set = mlir::dyn_cast<graph::StepSetOp>(cluster.root());
    return set ? dims(set.getValue()) : dims(cluster.root());
  }
  void markEpilogues(mlir::Block &block);
  void markContractions(mlir::Block &block);
  void leaveToAttention(llvm::SmallVectorImpl<mlir::Operation *> &chain) const;
  bool mayJoin(mlir::Operation *op, const Lowering &lowering,
               const Cluster &cluster) const;
  bool mayJoinContraction(mlir::Operation *op, const Lowering &lowering,
                          const Cluster &cluster) const;
  bool endsContraction(mlir::Operation *op) const;
  bool mayJoinPanel(mlir::Operation *op, const Cluster &cluster) const;
  bool isDecoding(mlir::Operation *op, const Cluster &cluster) const;
  bool feedsDecoding(mlir::Operation *op, const Cluster &cluster) const;
  bool isAtOwnPlace(mlir::Operation *op, const Cluster &cluster) const;
  bool isSibling(mlir::Operation *op, const Cluster &cluster) const;
  bool mayJoinStep(mlir::Operation *op, const Lowering &lowering,
                   const Cluster &cluster) const;
  bool mayBeRowResult(mlir::Operation *op, const Lowering &lowering,
                      const Cluster &cluster) const;
  bool isReadBehind(mlir::Operation *op, const Cluster &cluster) const;
  std::optional<size_t> findClusterOfResult(mlir::Operation *op) const;
  std::optional<size_t> findClusterOfOtherRounding(mlir::Operation *op) const;
  bool isRowStatistic(mlir::Operation *op, const Cluster &cluster) const;
  std::optional<size_t> findCommonCluster(mlir::Operation *op) const;
  unsigned countPasses(mlir::Operation *op, const Cluster &cluster) const;

  const ShapeTable &shapes;
  const llvm::DenseSet<mlir::Operation *> &live;
  llvm::DenseMap<mlir::Operation *, size_t> clusterOf;
  /// Operations that should end a contraction kernel rather than join others.
  llvm::DenseSet<mlir::Operation *> epilogues;
  /// Matmuls that end an attention, with those of its scores.
  llvm::DenseMap<mlir::Operation *, mlir::Operation *> attentions;
  /// The matmul or convolution whose kernel an operation is part of in any
  /// case.
  llvm::DenseMap<mlir::Operation *, mlir::Operation *> parts;
};

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_GROUPING_H
