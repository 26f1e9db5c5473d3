//===- Compile.cpp - the compiler, as a function --------------------------===//
#include "lib/Pipeline/Compile.h"
#include "dialects/Graph/Graph.h"
#include "lib/Export/Export.h"
#include "lib/Pipeline/CheckOptions.h"
#include "lib/Pipeline/DeviceReport.h"
#include "lib/Pipeline/Diagnostics.h"
#include "lib/Pipeline/Phases.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Pipeline/PrecisionPhase.h"
#include "lib/Pipeline/QuantizePhase.h"
#include "lib/Pipeline/Register.h"
#include "lib/Pipeline/Report.h"
#include "lib/Pipeline/SymbolBounds.h"
#include "lib/Target/Binary.h"
#include "lib/Target/DeviceCode.h"
#include "lib/Target/Machine.h"
#include "lib/Target/Ptxas.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include <mutex>

using namespace mlir;
using namespace cinch;
namespace path = llvm::sys::path;

namespace {

/// One compilation.
class Compilation {
public:
  Compilation(const CompileOptions &options, DiagnosticCallback diagnose)
      : options(options), diagnose(std::move(diagnose)),
        context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.printOpOnDiagnostic(false);
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler(
        [this](Diagnostic &diagnostic) { handle(diagnostic); });
  }
  Status run();

private:
  static DialectRegistry makeRegistry();
  void handle(Diagnostic &diagnostic);
  Status fail(const llvm::Twine &message, Status status = Status::Failed);
  Status fail(llvm::Error error) {
    return fail(llvm::toString(std::move(error)));
  }
  Status load();
  Status loadText();
  using AddPasses = void (*)(OpPassManager &, const PipelineOptions &);
  Status runPhase(AddPasses addPasses);
  Status quantize();
  Status runPasses(PassManager &passes);
  Status convertPrecision();
  Status transform();
  Status writeFile(StringRef file,
                   llvm::function_ref<void(llvm::raw_ostream &)> print);
  Status writeText(llvm::function_ref<void(llvm::raw_ostream &)> print) {
    return writeFile(options.output, print);
  }
  Status writeCompiled(const Machine &machine);
  void enter(StringRef phase, double shareOfPhase = 0);
  Status assemble();
  Status tellFallbacks();
  llvm::Expected<Report> makeReport(const Machine &machine);
  Status writeReports(const Machine &machine);
  Status finish() {
    if (llvm::Error error = files.commit())
      return fail(std::move(error));
    return Status::Done;
  }

  CompileOptions options;
  DiagnosticCallback diagnose;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  OutputFiles files;
  std::vector<PassRecord> records;
  std::optional<PrecisionError> precisionError;
  std::optional<Quantization> quantization;
  std::optional<Cubin> cubin;
  DotProducts dotProducts = DotProducts::None;
  bool hasUnsupported = false;
};

} // namespace

DialectRegistry Compilation::makeRegistry() {
  static std::once_flag passes;
  std::call_once(passes, [] { registerPasses(); });
  DialectRegistry registry;
  registerDialects(registry);
  return registry;
}

void Compilation::handle(Diagnostic &diagnostic) {
  hasUnsupported |= isUnsupported(diagnostic);
  tell(diagnostic, diagnose);
}

Status Compilation::fail(const llvm::Twine &message, Status status) {
  diagnose(Severity::Error, message.str());
  return status;
}

void Compilation::enter(StringRef phase, double shareOfPhase) {
  bool calibrates = !options.quantize.calibrationData.empty();
  if (options.progress)
    options.progress(phase, getShareDone(phase, shareOfPhase, calibrates));
}

Status Compilation::loadText() {
  llvm::SourceMgr sources;
  module =
      parseSourceFile<ModuleOp>(options.input, sources, ParserConfig(&context));
  return module ? Status::Done : Status::Failed;
}

Status Compilation::load() {
  enter("import");
  if (path::extension(options.input) != ".onnx") {
    if (loadText() != Status::Done)
      return Status::Failed;
    for (const DimBound &bound : options.dims)
      if (!boundSymbol(*module, bound))
        return fail("the program has no dimension '" + bound.name + "'");
    return Status::Done;
  }
  ImportOptions import;
  import.dims = options.dims;
  ImportResult result = importOnnx(options.input, context, import);
  if (result.status == ImportStatus::unsupported)
    return Status::Unsupported;
  if (result.status != ImportStatus::success)
    return Status::Failed;
  module = std::move(result.module);
  return Status::Done;
}

Status Compilation::runPasses(PassManager &passes) {
  if (!options.report.empty())
    recordPasses(passes, records);
  if (succeeded(passes.run(*module)))
    return Status::Done;
  return hasUnsupported ? Status::Unsupported : Status::Failed;
}

Status Compilation::runPhase(AddPasses addPasses) {
  PassManager passes(&context, ModuleOp::getOperationName());
  PipelineOptions pipeline;
  pipeline.isReference = options.pipeline == "reference";
  pipeline.budgetBytes = options.budgetBytes;
  pipeline.states = options.states;
  pipeline.reportsCounts = !options.report.empty();
  pipeline.chip = getChip(options.target).str();
  pipeline.precision = *parsePrecision(options.precision);
  pipeline.allowsTF32 = options.allowsTF32;
  pipeline.dotProducts = dotProducts;
  addPasses(passes, pipeline);
  return runPasses(passes);
}

Status Compilation::convertPrecision() {
  auto convert = [this, numRecords = records.size()] {
    records.erase(records.begin() + numRecords, records.end());
    return runPhase(addPrecisionPasses);
  };
  PrecisionPhase phase(options, module, diagnose, convert,
                       [this](StringRef name) { enter(name); });
  Status status = phase.run();
  precisionError = phase.takeResult();
  return status;
}

Status Compilation::quantize() {
  auto run = [this](QuantizePhase::AddPasses addPasses) {
    PassManager passes(&context, ModuleOp::getOperationName());
    addPasses(passes);
    return runPasses(passes);
  };
  QuantizePhase phase(
      options, module, diagnose, run,
      [this](StringRef name, double share) { enter(name, share); });
  Status status = phase.run();
  quantization = phase.takeResult();
  return status;
}

/// Runs the phases that `emit` needs.
Status Compilation::transform() {
  if (options.pipeline != "default" && options.pipeline != "reference") {
    std::string errors;
    llvm::raw_string_ostream os(errors);
    PassManager passes(&context, ModuleOp::getOperationName());
    if (failed(parsePassPipeline(options.pipeline, passes, os)))
      return fail("--pipeline: " + StringRef(errors).trim(),
                  Status::WrongUsage);
    return runPasses(passes);
  }
  if (options.emit == Emit::Mlir)
    return Status::Done;
  enter("simplify");
  Status status = runPhase(addGraphPasses);
  if (status == Status::Done && !options.quantize.recipe.empty())
    status = quantize();
  if (status == Status::Done && options.precision != "f32")
    status = convertPrecision();
  if (status != Status::Done || options.emit == Emit::Onnx)
    return status;
  enter("plan memory");
  status = runPhase(addExecPasses);
  if (status != Status::Done || options.emit == Emit::Exec)
    return status;
  enter("lower");
  return runPhase(addLoweringPasses);
}

Status
Compilation::writeFile(StringRef file,
                       llvm::function_ref<void(llvm::raw_ostream &)> print) {
  llvm::Error error = files.write(file, [&](llvm::raw_ostream &os) {
    print(os);
    return llvm::Error::success();
  });
  return error ? fail(std::move(error)) : Status::Done;
}

/// Makes a cubin if one is asked for, or if reports can tell more with one.
Status Compilation::assemble() {
  StringRef ptx = getPtx(*module);
  bool isNeeded = options.emit == Emit::Cubin || options.embedsCubin;
  bool isUseful = !options.report.empty() || !options.kernelReport.empty();
  if (ptx.empty() || !(isNeeded || isUseful))
    return Status::Done;
  std::string ptxas = findPtxas();
  if (ptxas.empty() && isNeeded)
    return fail("found no ptxas, which makes the cubin; install NVIDIA's CUDA "
                "toolkit or the PyPI package nvidia-cuda-nvcc, or set "
                "CINCH_PTXAS to a ptxas");
  if (ptxas.empty())
    return Status::Done;
  llvm::Expected<Cubin> result =
      assemblePtx(ptxas, ptx, getChip(options.target), options.output, files);
  if (result) {
    cubin = std::move(*result);
    return Status::Done;
  }
  if (isNeeded)
    return fail(result.takeError());
  diagnose(Severity::Remark,
           "registers are not reported: " + llvm::toString(result.takeError()));
  return Status::Done;
}

/// Tells which kernels the GPU has no schedule for.
Status Compilation::tellFallbacks() {
  std::string text = describeFallbacks(
      *module, options.failsOnFallback ? SIZE_MAX : size_t(3));
  if (text.empty())
    return Status::Done;
  if (options.failsOnFallback)
    return fail(text, Status::Unsupported);
  diagnose(Severity::Remark, text);
  return Status::Done;
}

llvm::Expected<Report> Compilation::makeReport(const Machine &machine) {
  ReportInfo info;
  info.model = path::stem(options.input).str();
  info.cpu = machine.cpu;
  info.chip = getChip(options.target).str();
  info.pipeline = options.pipeline;
  info.sizes = options.reportSizes;
  info.passes = records;
  info.precision = precisionError;
  info.quantization = quantization;
  if (cubin)
    info.resources = cubin->functions;
  return Report::collect(*module, std::move(info));
}

Status Compilation::writeReports(const Machine &machine) {
  if (options.report.empty() && options.kernelReport.empty())
    return Status::Done;
  llvm::Expected<Report> report = makeReport(machine);
  if (!report)
    return fail(report.takeError());
  auto write = [&](const std::string &file, auto print) {
    return writeFile(file, [&](llvm::raw_ostream &os) {
      print(*report, path::extension(file), os);
    });
  };
  Status status = options.report.empty() ? Status::Done
                                         : write(options.report, writeReport);
  if (status != Status::Done || options.kernelReport.empty())
    return status;
  if (options.kernelReport != "-")
    return write(options.kernelReport, writeKernelReport);
  writeKernelReport(*report, ".txt", llvm::outs());
  llvm::outs().flush();
  return Status::Done;
}

Status Compilation::writeCompiled(const Machine &machine) {
  BinaryOptions binary;
  binary.form = options.emit == Emit::So    ? BinaryForm::SharedLibrary
                : options.emit == Emit::Obj ? BinaryForm::Object
                                            : BinaryForm::LLVMText;
  binary.output = options.output;
  binary.model = path::stem(options.input).str();
  binary.producer = "cinch " + getVersion().str();
  binary.embedsWeights = options.embedsWeights;
  binary.target = options.target;
  if (options.embedsCubin)
    binary.cubin = cubin->code;
  binary.enterPhase = [this](StringRef phase) { enter(phase); };
  if (llvm::Error error = writeBinary(*module, machine, binary, files))
    return fail(std::move(error));
  return Status::Done;
}

Status Compilation::run() {
  if (std::optional<OptionProblem> problem = checkOptions(options))
    return fail(problem->message, problem->status);
  Status status;
  llvm::Expected<Machine> machine = createMachine(options.cpu);
  if (!machine)
    return fail(llvm::toString(machine.takeError()), Status::WrongUsage);
  dotProducts = getDotProducts(machine->features);
  if ((status = load()) != Status::Done ||
      (status = transform()) != Status::Done ||
      (status = tellFallbacks()) != Status::Done ||
      (status = assemble()) != Status::Done)
    return status;
  switch (options.emit) {
  case Emit::Mlir:
  case Emit::Exec:
    status = writeText([&](llvm::raw_ostream &os) {
      OpPrintingFlags flags;
      // To look at; the packed weights would be most of the file.
      if (options.emit == Emit::Exec)
        flags.elideLargeResourceString();
      module->print(os, flags);
    });
    break;
  case Emit::Ptx:
    status = writeText([&](llvm::raw_ostream &os) { os << getPtx(*module); });
    break;
  case Emit::Cubin:
    status = writeText([&](llvm::raw_ostream &os) { os << cubin->code; });
    break;
  case Emit::Onnx: {
    bool isExported = true;
    status = writeText([&](llvm::raw_ostream &os) {
      isExported = succeeded(exportOnnx(*module, os));
    });
    if (!isExported)
      return hasUnsupported ? Status::Unsupported : Status::Failed;
    break;
  }
  default:
    status = writeCompiled(*machine);
  }
  if (status == Status::Done)
    status = writeReports(*machine);
  return status == Status::Done ? finish() : status;
}

Status cinch::compile(const CompileOptions &options,
                      DiagnosticCallback diagnose) {
  return Compilation(options, std::move(diagnose)).run();
}
