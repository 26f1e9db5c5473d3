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
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace cl = llvm::cl;

enum ExitCode { Done = 0, Failed = 1, WrongUsage = 2, Unsupported = 77 };

/// Writes `module` in the form that the name of `output` asks for.
static int writeModule(ModuleOp module, StringRef output, bool isBytecode) {
  bool isWritten = true;
  auto print = [&](llvm::raw_ostream &os) {
    if (output.ends_with(".onnx"))
      isWritten = succeeded(cinch::exportOnnx(module, os));
    else if (isBytecode || output.ends_with(".mlirbc"))
      isWritten = succeeded(writeBytecodeToFile(module, os));
    else
      module->print(os), os << "\n";
    return llvm::Error::success();
  };
  if (output == "-") {
    llvm::cantFail(print(llvm::outs()));
    return isWritten ? Done : Failed;
  }
  cinch::OutputFiles files;
  llvm::Error error = files.write(output, print);
  if (!error && !isWritten)
    return Failed;
  if (!error)
    error = files.commit();
  if (!error)
    return Done;
  llvm::errs() << "cinch-opt: " << llvm::toString(std::move(error)) << "\n";
  return Failed;
}

/// The way of MlirOptMain where a side of it is a .onnx file.
static int runOnOnnx(StringRef input, StringRef output,
                     DialectRegistry &registry) {
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module;
  if (input.ends_with(".onnx")) {
    cinch::ImportResult imported = cinch::importOnnx(input, context);
    if (imported.status == cinch::ImportStatus::unsupported)
      return Unsupported;
    module = std::move(imported.module);
  } else {
    module = parseSourceFile<ModuleOp>(input, sources, ParserConfig(&context));
  }
  if (!module)
    return Failed;
  PassManager passes(&context, ModuleOp::getOperationName());
  DefaultTimingManager timing;
  applyDefaultTimingManagerCLOptions(timing);
  TimingScope scope = timing.getRootScope();
  passes.enableVerifier(config.shouldVerifyPasses());
  passes.enableTiming(scope);
  if (failed(applyPassManagerCLOptions(passes)) ||
      failed(config.setupPassPipeline(passes)) || failed(passes.run(*module)))
    return Failed;
  return writeModule(*module, output, config.shouldEmitBytecode());
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "cinch-opt " << cinch::getVersion() << "\n";
  });
  DialectRegistry registry;
  cinch::registerDialects(registry);
  cinch::registerPasses();
  std::string help =
      registerCLIOptions("Cinch's modular optimizer driver", registry);
  cl::opt<std::string> input(cl::Positional, cl::desc("<input file>"),
                             cl::init("-"));
  cl::opt<std::string> output("o", cl::desc("Output file"),
                              cl::value_desc("file"), cl::init("-"));
  // With an error stream, a wrong command line is returned instead of exit(1).
  if (!cl::ParseCommandLineOptions(argc, argv, help, &llvm::errs()))
    return WrongUsage;
  if (StringRef(input).ends_with(".onnx") ||
      StringRef(output).ends_with(".onnx"))
    return runOnOnnx(input, output, registry);
  return succeeded(MlirOptMain(argc, argv, input, output, registry)) ? Done
                                                                     : Failed;
}
