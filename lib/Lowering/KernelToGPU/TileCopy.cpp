//===- TileCopy.cpp - how operands of contractions get to shared memory ---===//
#include "lib/Lowering/KernelToGPU/TileLoader.h"

using namespace mlir;
using namespace cinch;

static int64_t getBytes(Type type) { return type.getIntOrFloatBitWidth() / 8; }

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
  copy.tile.elementBytes = bytes;
  copy.tile.isSwizzled = copy.depthIsInner || isMatrix;
  copy.width = bytes;
  if (!operand.isLinear || operand.element != copy.element)
    return copy;
  Role role = copy.depthIsFast ? Role::Depth
              : isRight        ? Role::Column
                               : Role::Row;
  for (int64_t width : {16, 8, 4})
    if (width >= bytes && operand.alignment % width == 0 &&
        (width == bytes || copy.depthIsInner == copy.depthIsFast) &&
        comesInGroups(roles, operand, role, width / bytes)) {
      copy.width = width;
      copy.isAsync = true;
      break;
    }
  return copy;
}
