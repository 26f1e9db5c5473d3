//===- MergeEqual.cpp - one operation for equal ones ----------------------===//
//
// Upstream's CSE compares all attributes, and every operation here has a name
// of its own.
//
//===----------------------------------------------------------------------===//
#include "passes/Graph/MergeEqual.h"
#include "mlir/IR/Dominance.h"
#include "passes/Graph/Names.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

/// The attributes that decide what `op` computes.
static DictionaryAttr getMeaning(Operation *op) {
  NamedAttrList attributes(op->getAttrDictionary());
  attributes.erase("names");
  return attributes.getDictionary(op->getContext());
}

int64_t graph::mergeEqual(func::FuncOp function) {
  struct Candidate {
    Operation *op;
    DictionaryAttr meaning;
  };
  DominanceInfo dominance(function);
  // Looked up only, never walked.
  llvm::DenseMap<size_t, SmallVector<Candidate, 1>> seen;
  SmallVector<Operation *> ops;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<GraphDialect>(op->getDialect()) && op->getNumResults() != 0 &&
        isPure(op))
      ops.push_back(op);
  });
  int64_t numMerged = 0;
  for (Operation *op : ops) {
    DictionaryAttr meaning = getMeaning(op);
    size_t hash = llvm::hash_combine(
        op->getName(), meaning, llvm::hash_combine_range(op->getOperands()),
        llvm::hash_combine_range(op->getResultTypes()));
    SmallVector<Candidate, 1> &candidates = seen[hash];
    auto found = llvm::find_if(candidates, [&](const Candidate &other) {
      return other.op->getName() == op->getName() && other.meaning == meaning &&
             other.op->getOperands() == op->getOperands() &&
             other.op->getResultTypes() == op->getResultTypes() &&
             dominance.properlyDominates(other.op, op);
    });
    if (found == candidates.end() ||
        llvm::any_of(op->getResults(), isReturned)) {
      candidates.push_back({op, meaning});
      continue;
    }
    op->replaceAllUsesWith(found->op);
    op->erase();
    ++numMerged;
  }
  return numMerged;
}
