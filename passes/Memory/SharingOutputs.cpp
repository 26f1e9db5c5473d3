//===- SharingOutputs.cpp - values where outputs will be ------------------===//
//
// The caller's memory of an output is there from the start of a run, and free
// until the output is written.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/ElementTypes.h"
#include "passes/Memory/Sharing.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Outputs that continue a state: what lies in their place is the caller's.
static llvm::DenseSet<int64_t> getStates(func::FuncOp entry) {
  llvm::DenseSet<int64_t> outputs;
  auto module = entry->getParentOfType<ModuleOp>();
  if (auto records = module->getAttrOfType<ArrayAttr>("exec.states"))
    for (auto record : records.getAsRange<DictionaryAttr>())
      outputs.insert(record.getAs<IntegerAttr>("output").getInt());
  return outputs;
}

static unsigned getElementBits(Value value) {
  return graph::getStorageBits(getElementTypeOrSelf(value.getType()));
}

/// Whether buffer `from` fits into the first bytes of buffer `to`, the memory
/// of `output`, which is aligned to an element of that.
bool Sharing::fitsOutput(unsigned from, unsigned to, Value output) const {
  unsigned bits = getElementBits(output);
  return isBefore(buffers[from].bytes, buffers[to].bytes) &&
         llvm::all_of(
             buffers[from].members,
             [&](Value member) { return getElementBits(member) <= bits; }) &&
         canMerge(from, to, Expr(0), [](unsigned, unsigned) { return false; });
}

void Sharing::shareOutputs(
    llvm::function_ref<int64_t(const Buffer &)> getSize) {
  func::FuncOp entry = program.getEntry();
  llvm::DenseSet<int64_t> states = getStates(entry);
  SmallVector<unsigned> largestFirst;
  for (auto [index, buffer] : llvm::enumerate(buffers))
    if (!buffer.members.empty() && buffer.space == exec::Space::arena)
      largestFirst.push_back(index);
  llvm::stable_sort(largestFirst, [&](unsigned a, unsigned b) {
    return getSize(buffers[a]) > getSize(buffers[b]);
  });
  for (unsigned from : largestFirst)
    for (OpOperand &output : entry.front().getTerminator()->getOpOperands()) {
      unsigned to = getPlace(output.get()).buffer;
      if (states.contains(output.getOperandNumber()) ||
          !fitsOutput(from, to, output.get()))
        continue;
      merge(from, to, Expr(0));
      ++counts.inOutputs;
      break;
    }
}
