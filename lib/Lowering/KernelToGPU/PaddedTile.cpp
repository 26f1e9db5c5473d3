//===- PaddedTile.cpp - matrices in shared memory with gaps ---------------===//
#include "lib/Lowering/KernelToGPU/PaddedTile.h"

using namespace mlir;
using namespace cinch;

Value PaddedTile::at(ElementEmitter &emitter, Value row, Value column) const {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Value offset = emitter.add(emitter.mul(row, emitter.constant(stride * bytes)),
                             emitter.mul(column, emitter.constant(bytes)));
  return movePointer(emitter, base, offset);
}

int64_t cinch::getPaddedStride(int64_t columns, int64_t bytes) {
  int64_t pieces = llvm::divideCeil(columns * bytes, 16) | 1;
  return pieces * 16 / bytes;
}
