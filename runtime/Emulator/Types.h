//===- Types.h - types of PTX instructions --------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_TYPES_H
#define CINCH_RUNTIME_EMULATOR_TYPES_H

#include <cstdint>
#include <string_view>

namespace cinch::emulator {

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  BF16,
  F32,
  F64,
  F16x2,
  BF16x2,
  TF32,
  E4M3x2,
  E5M2x2,
  E4M3,
  E5M2,
  U4,
  S4,
  B1,
};

/// The type that a modifier names; None if it names none.
Type typeFromName(std::string_view name);
/// Bytes that a value takes in memory (and of its packed form in a register).
unsigned bytesOf(Type type);

inline bool isSigned(Type type) {
  return type >= Type::S8 && type <= Type::S64;
}
inline bool isInteger(Type type) {
  return type >= Type::B8 && type <= Type::S64;
}
inline bool isFloat(Type type) {
  return type >= Type::F16 && type <= Type::TF32;
}

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_TYPES_H
