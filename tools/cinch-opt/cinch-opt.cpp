//===- cinch-opt.cpp - mlir-opt with the dialects and passes of Cinch -----===//
//
// All that mlir-opt gives, except that wrong usage exits with 2, as with every
// tool here; a failing parse or pass exits with 1.
//
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/Register.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace cl = llvm::cl;

enum ExitCode { Done = 0, Failed = 1, WrongUsage = 2 };

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
  return succeeded(MlirOptMain(argc, argv, input, output, registry)) ? Done
                                                                     : Failed;
}
