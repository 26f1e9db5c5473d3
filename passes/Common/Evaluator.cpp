//===- Evaluator.cpp - runs a function while compiling --------------------===//
#include "passes/Common/Evaluator.h"
#include "dialects/Graph/Graph.h"

using namespace cinch;

const Evaluator *Evaluator::get(mlir::MLIRContext *context) {
  auto *dialect = context->getLoadedDialect<graph::GraphDialect>();
  return dialect ? dialect->getRegisteredInterface<Evaluator>() : nullptr;
}
