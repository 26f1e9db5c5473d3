//===- Ptxas.h - NVIDIA's assembler of PTX --------------------------------===//
#ifndef CINCH_LIB_TARGET_PTXAS_H
#define CINCH_LIB_TARGET_PTXAS_H

#include "lib/Target/Files.h"

namespace cinch {

/// What a device function needs, of a thread unless it says otherwise.
struct FunctionResources {
  int64_t registers = 0;
  int64_t stackBytes = 0;
  int64_t spillBytes = 0;  ///< stores and loads, as instructions in the code
  int64_t sharedBytes = 0; ///< static shared memory of a block
};

/// Machine code of a model for one chip, an ELF file.
struct Cubin {
  std::string code;
  /// By name, in the order of the assembler.
  std::vector<std::pair<std::string, FunctionResources>> functions;
};

/// Path of the assembler; empty if there is none. The environment variable
/// CINCH_PTXAS names it (empty: none is to be used), else it is looked for in
/// PATH, in the toolkit that CUDA_HOME or CUDA_PATH names, in the PyPI package
/// nvidia-cuda-nvcc where that lies beside this library or in the virtual
/// environment VIRTUAL_ENV (of several releases, the newest), and in
/// /usr/local/cuda.
std::string findPtxas();

/// Assembles `ptx` for `chip` with the assembler `ptxas`, on temporary files of
/// `files` beside `place`. The same PTX gives the same bytes. An error carries
/// what the assembler said.
llvm::Expected<Cubin> assemblePtx(llvm::StringRef ptxas, llvm::StringRef ptx,
                                  llvm::StringRef chip, llvm::StringRef place,
                                  OutputFiles &files);

/// What `ptxas -v` said of every function in `text`.
std::vector<std::pair<std::string, FunctionResources>>
parseResources(llvm::StringRef text);

/// Bytes of static shared memory that a function of `ptx` declares, or that the
/// module declares and the function names: what a block needs at least.
int64_t getStaticSharedBytes(llvm::StringRef ptx, llvm::StringRef function);

} // namespace cinch

#endif // CINCH_LIB_TARGET_PTXAS_H
