//===- CodeDecoder.h - elements in few bits in registers ------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_CODEDECODER_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_CODEDECODER_H

#include "lib/Lowering/KernelToGPU/CodedOperand.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// Makes floats of codes, exactly and without their scales. Four codes that are
/// neighbours in memory are an i32, the first in the low bits.
class CodeDecoder {
public:
  CodeDecoder(ElementEmitter &emitter, const CodedOperand &coded)
      : emitter(emitter), coded(coded) {}

  /// True if codes of this type can be decoded.
  static bool isKnown(const CodedOperand &coded);

  /// Code `number` of `low` and of `high` as two floats of `type`, f16 or bf16:
  /// an i32, that of `low` in the low half.
  mlir::Value decodePair(mlir::Value low, mlir::Value high, int64_t number,
                         mlir::Type type);
  /// Code `number` of `codes` as an f32.
  mlir::Value decode(mlir::Value codes, int64_t number);

private:
  mlir::Value word(int64_t value);
  mlir::Value shift(mlir::Value value, int64_t distance); ///< right if > 0
  mlir::Value mask(mlir::Value value, int64_t bits);
  mlir::Value either(mlir::Value a, mlir::Value b);
  mlir::Value takeHalves(mlir::Value low, mlir::Value high, int64_t number);
  mlir::Value toHalfIntegers(mlir::Value halves);
  mlir::Value toHalfFloats(mlir::Value halves);

  ElementEmitter &emitter;
  const CodedOperand &coded;
};

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_CODEDECODER_H
