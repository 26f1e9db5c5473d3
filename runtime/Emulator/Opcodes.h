//===- Opcodes.h - what decodes each family of opcodes --------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_OPCODES_H
#define CINCH_RUNTIME_EMULATOR_OPCODES_H

#include "runtime/Emulator/Decoder.h"

namespace cinch::emulator {

// Integers (Integer.cpp, Bits.cpp); those with a float form hand over to it.
bool decodeAdd(Decoder &);
bool decodeSub(Decoder &);
bool decodeMul(Decoder &);
bool decodeMad(Decoder &);
bool decodeDiv(Decoder &);
bool decodeRem(Decoder &);
bool decodeMin(Decoder &);
bool decodeMax(Decoder &);
bool decodeNeg(Decoder &);
bool decodeAbs(Decoder &);
bool decodeSad(Decoder &);
/// addc, subc, madc; and, after the type was taken, add, sub and mad with .cc.
bool decodeWithCarry(Decoder &);
bool decodeCarry(Decoder &, Type type);
bool decodeDotProduct(Decoder &);
bool decodeAnd(Decoder &);
bool decodeOr(Decoder &);
bool decodeXor(Decoder &);
bool decodeNot(Decoder &);
bool decodeCnot(Decoder &);
bool decodeShl(Decoder &);
bool decodeShr(Decoder &);
bool decodeShf(Decoder &);
bool decodePrmt(Decoder &);
bool decodeLop3(Decoder &);
bool decodePopc(Decoder &);
bool decodeClz(Decoder &);
bool decodeBrev(Decoder &);
bool decodeBfind(Decoder &);
bool decodeBfe(Decoder &);
bool decodeBfi(Decoder &);

// Floats (Float.cpp), after the type was taken.
bool decodeFloatBinary(Decoder &, Type type, std::string_view opcode);
bool decodeFma(Decoder &);
bool decodeFloatUnary(Decoder &, Type type, std::string_view opcode);
bool decodeApproximation(Decoder &);
bool decodeCopysign(Decoder &);
bool decodeTestp(Decoder &);

// Comparison, selection, movement of registers, conversion.
bool decodeSetp(Decoder &);
bool decodeSelp(Decoder &);
bool decodeSlct(Decoder &);
bool decodeMov(Decoder &);
bool decodeCvt(Decoder &);

// Memory.
bool decodeLoad(Decoder &);
bool decodeStore(Decoder &);
bool decodeAtom(Decoder &);
bool decodeRed(Decoder &);
bool decodeCvta(Decoder &);
bool decodeIsspacep(Decoder &);
bool decodeFence(Decoder &);
bool decodePrefetch(Decoder &);
bool decodeCp(Decoder &);

// Threads of a warp and of a block.
bool decodeShfl(Decoder &);
bool decodeVote(Decoder &);
bool decodeMatch(Decoder &);
bool decodeRedux(Decoder &);
bool decodeActivemask(Decoder &);
bool decodeBra(Decoder &);
bool decodeExit(Decoder &);
bool decodeTrap(Decoder &);
bool decodeBarrier(Decoder &);
bool decodeNanosleep(Decoder &);

// Matrices.
bool decodeLdmatrix(Decoder &);
bool decodeStmatrix(Decoder &);
bool decodeMma(Decoder &);
bool decodeWmma(Decoder &);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_OPCODES_H
