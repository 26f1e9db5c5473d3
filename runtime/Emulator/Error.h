//===- Error.h - what the emulated device answers -------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_ERROR_H
#define CINCH_RUNTIME_EMULATOR_ERROR_H

#include <string>
#include <utility>

namespace cinch::emulator {

/// Kinds of failure, with the values that the CUDA driver gives them.
enum class Code {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  InvalidDevice = 101,
  InvalidImage = 200,
  InvalidContext = 201,
  NoBinaryForGpu = 209,
  InvalidPtx = 218,
  UnsupportedPtxVersion = 222,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  LaunchOutOfResources = 701,
  LaunchTimeout = 702,
  ContextIsDestroyed = 709,
  IllegalInstruction = 715,
  MisalignedAddress = 716,
  LaunchFailed = 719,
  NotSupported = 801,
};

/// Success, or a code and one sentence that says what was asked for and what is
/// there; of a fault in a kernel also kernel, line of PTX, block and thread.
struct [[nodiscard]] Error {
  Code code = Code::Success;
  std::string message;

  Error() = default;
  Error(Code code, std::string message)
      : code(code), message(std::move(message)) {}
  /// True on failure.
  explicit operator bool() const { return code != Code::Success; }
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_ERROR_H
