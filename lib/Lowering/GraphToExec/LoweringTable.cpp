//===- LoweringTable.cpp - how each graph operation becomes linalg --------===//
#include "lib/Lowering/GraphToExec/LoweringTable.h"

using namespace mlir;
using namespace cinch::form;

LoweringTable::LoweringTable() {
  addElementwiseLowerings(*this);
  addContractionLowerings(*this);
  addReductionLowerings(*this);
  addNormalizationLowerings(*this);
  addPoolingLowerings(*this);
  addMovementLowerings(*this);
  addGeneratorLowerings(*this);
  addConvTransposeLowerings(*this);
  addIndexingLowerings(*this);
  addResizeLowerings(*this);
  addGridSampleLowerings(*this);
  addQuantizationLowerings(*this);
  addLoopsLowerings(*this);
}

const LoweringTable &LoweringTable::get() {
  static const LoweringTable table;
  return table;
}

const Lowering *LoweringTable::find(Operation *op) const {
  auto found = lowerings.find(op->getName().getStringRef());
  return found == lowerings.end() ? nullptr : &found->second;
}

InFlightDiagnostic cinch::form::emitUnsupported(Operation *op) {
  auto diagnostic = cinch::emitUnsupportedError(op)
                    << "'" << op->getName() << "' on (";
  llvm::interleaveComma(op->getOperandTypes(), diagnostic);
  diagnostic << ") -> (";
  llvm::interleaveComma(op->getResultTypes(), diagnostic);
  return std::move(diagnostic << "): ");
}
