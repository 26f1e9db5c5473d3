//===- cinch-opt.cpp - mlir-opt with the dialects and passes of Cinch -----===//
//
// All that mlir-opt gives, except that wrong usage exits with 2, as with every
// tool here; a failing parse or pass exits with 1. Reads .onnx too (what is
// unsupported exits with 77) and writes it where the output is named so.
//
//===----------------------------------------------------------------------===//
#include "lib/Export/Export.h"
#include "lib/Import/Import.h"
#include "lib/Pipeline/Register.h"
#include "lib/Target/Files.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace cl = llvm::cl;

static constexpr char overview[] =
    R"(mlir-opt with the dialects and passes of Cinch; reads and writes .onnx too.

examples:
  cinch-opt model.onnx                              the imported graph
  cinch-opt model.onnx -graph-simplify -o out.onnx  simplified, as ONNX again
  cinch-opt model.onnx -cinch-graph -cinch-exec     the program with its plan
  cinch-opt program.mlir --pass-pipeline='builtin.module(plan-memory)'

exit status: 0 done, 1 failed (input, pass), 2 wrong usage, 77 the model is
valid but something in it is not supported
)";

enum ExitCode { Done = 0, Failed = 1, WrongUsage = 2, Unsupported = 77 };

static int fail(const llvm::Twine &message) {
  llvm::errs() << "cinch-opt: " << message << "\n";
  return Failed;
}

/// Reads `input` as what MlirOptMain takes: a model becomes bytecode, its
/// weights stay in their files.
static int read(StringRef input, DialectRegistry &registry,
                std::unique_ptr<llvm::MemoryBuffer> &buffer) {
  if (!input.ends_with(".onnx")) {
    std::string error;
    buffer = openInputFile(input, &error);
    return buffer ? Done : fail(error);
  }
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  cinch::ImportResult imported = cinch::importOnnx(input, context);
  if (imported.status == cinch::ImportStatus::unsupported)
    return Unsupported;
  if (!imported.module)
    return Failed;
  std::string bytecode;
  llvm::raw_string_ostream os(bytecode);
  if (failed(writeBytecodeToFile(*imported.module, os)))
    return Failed;
  buffer = llvm::MemoryBuffer::getMemBufferCopy(bytecode, input);
  return Done;
}

/// Writes what MlirOptMain printed, as a model where `output` asks for one.
static int write(StringRef text, StringRef output, DialectRegistry &registry) {
  if (output == "-") {
    llvm::outs() << text;
    return Done;
  }
  bool isWritten = true;
  cinch::OutputFiles files;
  llvm::Error error = files.write(output, [&](llvm::raw_ostream &os) {
    if (output.ends_with(".onnx")) {
      MLIRContext context(registry);
      llvm::SourceMgr sources;
      SourceMgrDiagnosticHandler handler(sources, &context);
      auto module = parseSourceString<ModuleOp>(text, &context);
      isWritten = module && succeeded(cinch::exportOnnx(*module, os));
    } else {
      os << text;
    }
    return llvm::Error::success();
  });
  if (!error && !isWritten)
    return Failed;
  if (!error)
    error = files.commit();
  return error ? fail(llvm::toString(std::move(error))) : Done;
}

/// Whether the command line names a pipeline that can be built; if not, says
/// why.
static bool isPipelineValid() {
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  PassManager passes(&context, ModuleOp::getOperationName(),
                     PassManager::Nesting::Implicit);
  return succeeded(config.setupPassPipeline(passes));
}

/// The way of MlirOptMain where a side of it is a model.
static int runOnOnnx(StringRef input, StringRef output,
                     DialectRegistry &registry) {
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (output.ends_with(".onnx"))
    config.emitBytecode(true);
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  if (int status = read(input, registry, buffer))
    return status;
  std::string text;
  llvm::raw_string_ostream os(text);
  if (failed(MlirOptMain(os, std::move(buffer), registry, config)))
    return Failed;
  return write(text, output, registry);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "cinch-opt " << cinch::getVersion() << "\n";
  });
  DialectRegistry registry;
  cinch::registerDialects(registry);
  cinch::registerPasses();
  std::string help = registerCLIOptions(overview, registry);
  cl::opt<std::string> input(cl::Positional, cl::desc("<input file>"),
                             cl::init("-"));
  cl::opt<std::string> output("o", cl::desc("Output file"),
                              cl::value_desc("file"), cl::init("-"));
  // With an error stream, a wrong command line is returned instead of exit(1).
  if (!cl::ParseCommandLineOptions(argc, argv, help, &llvm::errs()))
    return WrongUsage;
  if (!isPipelineValid())
    return WrongUsage;
  if (StringRef(input).ends_with(".onnx") ||
      StringRef(output).ends_with(".onnx"))
    return runOnOnnx(input, output, registry);
  return succeeded(MlirOptMain(argc, argv, input, output, registry)) ? Done
                                                                     : Failed;
}
