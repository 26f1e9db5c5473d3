//===- Module.h - PTX that was loaded -------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_MODULE_H
#define CINCH_RUNTIME_EMULATOR_MODULE_H

#include "runtime/Emulator/Architecture.h"
#include "runtime/Emulator/Error.h"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cinch::emulator {

class Memory;
struct Program;

/// One parameter of a kernel, in the block of bytes that a launch is given.
struct Parameter {
  std::string name;
  uint32_t offset, bytes;
};

/// A kernel (`.entry`) of a module.
struct Kernel {
  Kernel();
  ~Kernel();

  std::string name;
  std::vector<Parameter> parameters;
  /// Size of the block of parameters.
  uint32_t parameterBytes = 0;
  /// `.maxntid`, `.reqntid` (x, y, z); zeros where absent.
  uint32_t maxThreads[3] = {}, requiredThreads[3] = {};
  /// Bytes of shared memory that the kernel declares; local bytes of a thread.
  uint32_t sharedBytes = 0, localBytes = 0;
  /// The decoded body.
  std::unique_ptr<Program> program;
};

/// A variable of a module in global (or constant) memory.
struct GlobalVariable {
  std::string name;
  uint64_t address;
  size_t bytes;
};

/// A loaded module. Its variables live in the memory of the device and are
/// freed with it; the memory must outlive it.
class Module {
public:
  /// Parses and decodes PTX text, strictly: an instruction, modifier, type or
  /// directive that is unknown, a version above the known ones, a target above
  /// `architecture`, a name that is not defined, are an InvalidPtx error with
  /// the line. Null with `error` set on failure.
  static std::unique_ptr<Module> load(std::string_view ptx,
                                      const Architecture &architecture,
                                      Memory &memory, Error &error);
  ~Module();

  /// Null if there is none of that name.
  const Kernel *findKernel(std::string_view name) const;
  const GlobalVariable *findGlobal(std::string_view name) const;
  const std::vector<std::unique_ptr<Kernel>> &getKernels() const {
    return kernels;
  }

private:
  explicit Module(Memory &memory) : memory(memory) {}

  Memory &memory;
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::vector<GlobalVariable> globals;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_MODULE_H
