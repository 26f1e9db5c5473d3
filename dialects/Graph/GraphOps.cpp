//===- GraphOps.cpp - definitions generated from the operation records ----===//
#include "dialects/Graph/Graph.h"

using namespace mlir;
using namespace cinch::graph;

#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.cpp.inc"

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }
