//===- ElementTypes.cpp - how elements are stored -------------------------===//
#include "dialects/Graph/ElementTypes.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace cinch;

unsigned graph::getStorageBits(Type type) {
  if (type.isIndex())
    return 64;
  if (!type.isIntOrFloat())
    return 0;
  unsigned bits = type.getIntOrFloatBitWidth();
  if (bits == 1)
    return 8;
  bool isKnown = bits == 2 || bits == 4 || bits == 8 || bits == 16 ||
                 bits == 32 || bits == 64;
  return isKnown ? bits : 0;
}

unsigned graph::getElementsPerByte(Type type) {
  unsigned bits = getStorageBits(type);
  return bits == 0 || bits >= 8 ? 1 : 8 / bits;
}

bool graph::isNarrowFloat(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 8;
}
