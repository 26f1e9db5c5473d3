//===- TileCopy.cpp - how operands of contractions get to shared memory ---===//
#include "lib/Lowering/KernelToGPU/CodedOperand.h"
#include "lib/Lowering/KernelToGPU/TileLoader.h"

using namespace mlir;
using namespace cinch;

static int64_t getBytes(Type type) { return type.getIntOrFloatBitWidth() / 8; }

/// Sets the width of the copies of `operand`, and that they are asynchronous,
/// where neighbours of at least 4 bytes, and `least` bits, come together.
static void chooseWidth(TileCopy &copy, const ContractionRoles &roles,
                        const ContractionOperand &operand, bool isRight,
                        int64_t least) {
  Role role = copy.depthIsFast ? Role::Depth
              : isRight        ? Role::Column
                               : Role::Row;
  int64_t bits = copy.tile.elementBits;
  for (int64_t width : {16, 8, 4})
    if (8 * width >= least && operand.alignment % width == 0 &&
        (8 * width == bits || copy.depthIsInner == copy.depthIsFast) &&
        comesInGroups(roles, operand, role, 8 * width / bits)) {
      copy.width = width;
      copy.isAsync = true;
      return;
    }
}

TileCopy TileCopy::plan(const ContractionRoles &roles, bool isRight,
                        int64_t major, int64_t depth, bool isMatrix) {
  const ContractionOperand &operand = roles.getOperand(isRight);
  TileCopy copy;
  copy.element = isMatrix ? operand.element : roles.accumulator;
  int64_t bytes = getBytes(copy.element);
  copy.depthIsFast = isAlongDepth(roles, operand);
  // ldmatrix transposes elements of 16 bits only.
  copy.depthIsInner = copy.depthIsFast || (isMatrix && bytes != 2);
  copy.tile.rows = copy.depthIsInner ? major : depth;
  copy.tile.columns = copy.depthIsInner ? depth : major;
  copy.tile.elementBits = 8 * bytes;
  copy.tile.isSwizzled = copy.depthIsInner || isMatrix;
  copy.width = bytes;
  if (operand.isLinear && operand.element == copy.element)
    chooseWidth(copy, roles, operand, isRight, /*least=*/bytes * 8);
  return copy;
}

std::optional<TileCopy> TileCopy::planCodes(const ContractionRoles &roles,
                                            bool isRight, int64_t major,
                                            int64_t depth, bool depthIsInner,
                                            bool isMatrix) {
  const CodedOperand *coded = roles.getOperand(isRight).coded.get();
  if (!coded || isAlongDepth(roles, coded->codes) != depthIsInner)
    return std::nullopt;
  TileCopy copy;
  copy.isCoded = true;
  copy.element = coded->codes.element;
  copy.depthIsFast = copy.depthIsInner = depthIsInner;
  copy.tile = {depthIsInner ? major : depth, depthIsInner ? depth : major,
               coded->getBits(), /*isSwizzled=*/isMatrix};
  // Columns of a tile are whole sectors, if there are that many.
  std::optional<int64_t> columns =
      roles.getSize(isRight ? Role::Column : Role::Row);
  int64_t least = 16;
  if (!depthIsInner && (!columns || *columns * coded->getBits() > 8 * least))
    least = 32;
  if (copy.tile.getRowBytes() < least)
    return std::nullopt;
  chooseWidth(copy, roles, coded->codes, isRight, /*least=*/32);
  return copy.isAsync ? std::optional(copy) : std::nullopt;
}

const ContractionOperand &TileCopy::getOperand(const ContractionRoles &roles,
                                               bool isRight) const {
  const ContractionOperand &operand = roles.getOperand(isRight);
  return isCoded ? operand.coded->codes : operand;
}
