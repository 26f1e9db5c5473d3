//===- ImportFuzzer.cpp - fuzzes the way in: ONNX bytes to a simple graph -===//
//
// The bytes are written to a file and imported as cinch-compile does it; what
// is imported is simplified, and with CINCH_FUZZ_KERNELS formed into kernels. A
// model is accepted or refused with a diagnostic: a silent refusal, and a pass
// that fails without one, abort.
//
//===----------------------------------------------------------------------===//
#include "lib/Import/Import.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Graph/Passes.h"
#include "test/fuzz/WireMutator.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#ifdef CINCH_FUZZ_KERNELS
#include "lib/Lowering/GraphToExec/Passes.h"
#endif

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

using namespace mlir;
using namespace cinch;

/// The folder of the one file that is written again and again.
static std::string folder;

static void removeFolder() {
  unlink((folder + "/model.onnx").c_str());
  rmdir(folder.c_str());
}

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  const char *parent = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
  folder = std::string(parent) + "/cinch-fuzz-XXXXXX";
  if (!mkdtemp(folder.data()))
    return 1;
  atexit(removeFolder);
  return 0;
}

static void addPasses(PassManager &passes) {
  passes.addNestedPass<func::FuncOp>(graph::createGraphSimplifyPass());
  passes.addNestedPass<func::FuncOp>(graph::createVerifyNamesPass());
#ifdef CINCH_FUZZ_KERNELS
  passes.addNestedPass<func::FuncOp>(graph::createExpandRecurrentPass());
  passes.addNestedPass<func::FuncOp>(graph::createGraphSimplifyPass());
  passes.addNestedPass<func::FuncOp>(graph::createExpandConvTransposePass());
  passes.addPass(createFormKernelsPass());
#endif
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string path = folder + "/model.onnx";
  FILE *file = fopen(path.c_str(), "wb");
  if (!file || fwrite(data, 1, size, file) != size)
    abort();
  fclose(file);

  MLIRContext context(MLIRContext::Threading::DISABLED);
  unsigned errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    diagnostic.str(); // printing must not fail either
    return success();
  });
  ImportResult result = importOnnx(path, context);
  if ((result.status == ImportStatus::success) == (errors != 0) ||
      (result.status == ImportStatus::success) != bool(result.module)) {
    fprintf(stderr, "status %d with %u errors\n",
            static_cast<int>(result.status), errors);
    abort();
  }
  if (!result.module)
    return 0;
  if (failed(verify(*result.module))) {
    fprintf(stderr, "the imported module is not valid\n");
    abort();
  }
  PassManager passes(&context);
  addPasses(passes);
  if (failed(passes.run(*result.module)) && !errors) {
    fprintf(stderr, "a pass failed without a diagnostic\n");
    abort();
  }
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// Gives `bytes` back to libFuzzer if they fit.
static size_t store(const std::string &bytes, uint8_t *out, size_t maxSize) {
  if (bytes.size() > maxSize)
    return 0;
  std::copy(bytes.begin(), bytes.end(), out);
  return bytes.size();
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<fuzz::Field> fields;
  // One in sixteen damages the bytes themselves, for the scanner.
  if (random() % 16 == 0 ||
      !fuzz::parseMessage({reinterpret_cast<char *>(data), size}, fields))
    return LLVMFuzzerMutate(data, size, maxSize);
  fuzz::mutateMessage(fields, random);
  size_t written = store(fuzz::writeMessage(fields), data, maxSize);
  return written ? written : size;
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first,
                                            size_t firstSize,
                                            const uint8_t *second,
                                            size_t secondSize, uint8_t *out,
                                            size_t maxSize, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<fuzz::Field> fields, others;
  if (!fuzz::parseMessage({reinterpret_cast<const char *>(first), firstSize},
                          fields) ||
      !fuzz::parseMessage({reinterpret_cast<const char *>(second), secondSize},
                          others))
    return 0;
  fuzz::crossMessages(fields, others, random);
  return store(fuzz::writeMessage(fields), out, maxSize);
}
