//===- LoadedProgram.h - a program compiled into this process -------------===//
#ifndef CINCH_LIB_PIPELINE_LOADEDPROGRAM_H
#define CINCH_LIB_PIPELINE_LOADEDPROGRAM_H

#include "cinch/runtime.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/ModuleAbi.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/Alignment.h"
#include <optional>

namespace cinch {

/// Memory aligned as the runtime wants it.
class AlignedBytes {
public:
  explicit AlignedBytes(size_t size)
      : storage(size + alignment),
        start(reinterpret_cast<char *>(
            llvm::alignAddr(storage.data(), llvm::Align(alignment)))) {}
  AlignedBytes(AlignedBytes &&) = default;
  size_t size() const { return storage.size() - alignment; }
  char *begin() { return start; }
  const char *begin() const { return start; }

  static constexpr size_t alignment = 64;

private:
  std::vector<char> storage;
  char *start;
};

/// The error of a call of the runtime.
llvm::Error checkStatus(cinch_status_t status);

/// A compiled program, loaded into this process, with one session.
class LoadedProgram {
public:
  LoadedProgram() = default;
  LoadedProgram(const LoadedProgram &) = delete;
  ~LoadedProgram() {
    cinch_session_release(session);
    cinch_model_release(model);
  }
  /// Compiles `module`, which is on the llvm level, for this machine.
  llvm::Error load(mlir::ModuleOp module);
  cinch_model_t *getModel() const { return model; }
  cinch_session_t *getSession() const { return session; }

private:
  llvm::Error compile(mlir::ModuleOp module,
                      llvm::SmallVectorImpl<char> &object);

  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::optional<AlignedBytes> weights;
  size_t weightsBytes = 0;
  cinch_module_t loaded = {};
  cinch_model_t *model = nullptr;
  cinch_session_t *session = nullptr;
};

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_LOADEDPROGRAM_H
