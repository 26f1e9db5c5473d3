//===- CountBytes.cpp - bytes of values and weights -----------------------===//
#include "passes/Precision/CountBytes.h"
#include "dialects/Graph/ElementTypes.h"
#include "passes/Precision/Rules.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

/// What a dimension counts that is not known.
static constexpr int64_t assumedDim = 64;

static int64_t getBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isIntOrFloat())
    return 0;
  int64_t count = 1;
  for (int64_t dim : type.getShape())
    count *= ShapedType::isDynamic(dim) ? assumedDim : dim;
  return llvm::divideCeil(count * getStorageBits(type.getElementType()), 8);
}

Bytes precision::countBytes(func::FuncOp function) {
  Bytes bytes;
  llvm::DenseSet<Attribute> seen;
  function.walk([&](Operation *op) {
    // A cast between floats is computed where it is read.
    if (!isa<GraphDialect>(op->getDialect()) || isFloatCast(op))
      return;
    auto constant = dyn_cast<ConstantOp>(op);
    if (constant && !constant.use_empty() &&
        seen.insert(constant.getValue()).second)
      bytes.weights += getBytes(constant);
    for (Value result : op->getResults())
      if (!constant)
        bytes.values += getBytes(result);
  });
  return bytes;
}
