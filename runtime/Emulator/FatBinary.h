//===- FatBinary.h - finds the PTX of a fat binary ------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_FATBINARY_H
#define CINCH_RUNTIME_EMULATOR_FATBINARY_H

#include "runtime/Emulator/Error.h"
#include <string_view>

namespace cinch::emulator {

/// Finds the PTX in what a program gives to cuModuleLoadData: PTX text that
/// ends with a zero byte, a fat binary (of which the PTX of the highest target
/// up to `sm` is taken), or the structure that points to one. `outPtx` refers
/// to `image`. Fails on machine code, and on compressed PTX.
Error findPtx(const void *image, unsigned sm, std::string_view &outPtx);

/// True if `image` starts as a fat binary or machine code does.
bool isBinary(const void *image);

/// True unless the `bytes` of a file are a fat binary that is cut off, or a
/// structure that points to one. A zero byte must follow them.
bool isFile(const char *image, size_t bytes);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_FATBINARY_H
