//===- Compile.cpp - the compiler, as a function --------------------------===//
#include "lib/Pipeline/Compile.h"
#include "dialects/Graph/Graph.h"
#include "lib/Export/Export.h"
#include "lib/Pipeline/Phases.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Pipeline/Register.h"
#include "lib/Pipeline/Report.h"
#include "lib/Pipeline/SymbolBounds.h"
#include "lib/Target/Binary.h"
#include "lib/Target/DeviceCode.h"
#include "lib/Target/Machine.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringSet.h"
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
  Status checkOptions();
  Status load();
  Status loadText();
  using AddPasses = void (*)(OpPassManager &, const PipelineOptions &);
  Status runPhase(AddPasses addPasses);
  Status runPasses(PassManager &passes);
  Status convertPrecision();
  Status transform();
  Status writeText(llvm::function_ref<void(llvm::raw_ostream &)> print);
  Status writeCompiled(const Machine &machine);
  void enter(StringRef phase);
  Status writeReport(const Machine *machine);
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

/// Where a diagnostic points: file and line, or the names of the values.
static std::string describe(Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  loc->walk([&](Location part) {
    if (auto file = dyn_cast<FileLineColLoc>(part))
      os << file.getFilename().getValue() << ":" << file.getLine() << ":"
         << file.getColumn() << ": ";
    else if (auto name = dyn_cast<NameLoc>(part))
      os << "'" << name.getName().getValue() << "': ";
    else
      return WalkResult::advance();
    return WalkResult::interrupt();
  });
  return text;
}

void Compilation::handle(Diagnostic &diagnostic) {
  auto tell = [&](Diagnostic &part) {
    Severity severity = Severity::Error;
    if (part.getSeverity() == DiagnosticSeverity::Warning)
      severity = Severity::Warning;
    else if (part.getSeverity() == DiagnosticSeverity::Remark)
      severity = Severity::Remark;
    else if (part.getSeverity() == DiagnosticSeverity::Note)
      severity = Severity::Note;
    std::string text = part.str();
    diagnose(severity, describe(part.getLocation()) + text);
  };
  hasUnsupported |= isUnsupported(diagnostic);
  tell(diagnostic);
  for (Diagnostic &note : diagnostic.getNotes())
    tell(note);
}

Status Compilation::fail(const llvm::Twine &message, Status status) {
  diagnose(Severity::Error, message.str());
  return status;
}

Status Compilation::checkOptions() {
  if (options.target != "cpu" && !isDeviceTarget(options.target))
    return fail("unknown target '" + options.target +
                    "'; there are: cpu, cuda:sm_80, cuda:sm_86, cuda:sm_89, "
                    "cuda:sm_90 and cuda:sm_120",
                Status::WrongUsage);
  bool isReference = options.pipeline == "reference";
  if (isReference && options.target != "cpu")
    return fail("the reference pipeline is for the CPU", Status::WrongUsage);
  if (options.emit == Emit::Ptx && options.target == "cpu")
    return fail("there is PTX for a target such as cuda:sm_80 only",
                Status::WrongUsage);
  std::optional<Precision> precision = parsePrecision(options.precision);
  if (!precision)
    return fail("unknown precision '" + options.precision +
                    "'; there are: f32, f16, bf16",
                Status::WrongUsage);
  if (*precision != Precision::F32 &&
      ((options.pipeline != "default" && !isReference) ||
       options.emit == Emit::Mlir))
    return fail("a precision is for the default and the reference pipeline, "
                "and not for the imported graph",
                Status::WrongUsage);
  StringRef extension = path::extension(options.input);
  if (extension != ".onnx" && extension != ".mlir" && extension != ".mlirbc")
    return fail("expected a .onnx, .mlir or .mlirbc file, but got '" +
                    options.input + "'",
                Status::WrongUsage);
  StringRef report = path::extension(options.report);
  if (!options.report.empty() && report != ".txt" && report != ".json" &&
      report != ".html")
    return fail("expected a .txt, .json or .html report, but got '" +
                    options.report + "'",
                Status::WrongUsage);
  llvm::StringSet<> names;
  for (const DimBound &bound : options.dims)
    if (!names.insert(bound.name).second)
      return fail("dimension '" + bound.name + "' is given twice",
                  Status::WrongUsage);
  if (options.embedsWeights && options.emit != Emit::So &&
      options.emit != Emit::Obj)
    return fail("weights can be embedded in a shared library or an object only",
                Status::WrongUsage);
  if (options.output.empty()) {
    static constexpr StringRef extensions[] = {".so",   ".o",    ".ll", ".mlir",
                                               ".mlir", ".onnx", ".ptx"};
    options.output =
        (path::stem(options.input) + extensions[static_cast<int>(options.emit)])
            .str();
    if (options.output == path::filename(options.input))
      return fail("the output would replace the input; name another with -o",
                  Status::WrongUsage);
  }
  for (const std::string &file : {options.output, options.report})
    if (llvm::Error error = checkPlace(file)) // before the long work
      return fail(std::move(error));
  return Status::Done;
}

void Compilation::enter(StringRef phase) {
  if (options.progress)
    options.progress(phase, getShareBefore(phase));
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
  addPasses(passes, pipeline);
  return runPasses(passes);
}

/// Changes the precision: the values of f32 on samples decide where f16 has the
/// range, and a report says what it costs.
Status Compilation::convertPrecision() {
  bool observes = options.precision == "f16",
       compares = !options.report.empty();
  PrecisionSamples samples(options.precisionSamples, options.reportSizes);
  auto skip = [&](StringRef what, llvm::Error error) {
    diagnose(Severity::Warning, (options.precision + ": " + what + ": " +
                                 llvm::toString(std::move(error)))
                                    .str());
  };
  bool runs = options.precisionSamples > 0 && (observes || compares);
  if (runs) {
    enter("observe values");
    llvm::Error error = samples.load(*module, observes);
    if (!error && observes)
      error = samples.observe(*module);
    if (error) {
      runs = false;
      skip("no ranges of values are known, as the model cannot be run on "
           "random inputs (--report-dim gives sizes)",
           std::move(error));
    }
  }
  Status status = runPhase(addPrecisionPasses);
  precisionError.emplace();
  precisionError->precision = options.precision;
  precisionError->kept = takeKeptValues(*module);
  if (status != Status::Done || !runs || !compares)
    return status;
  if (llvm::Error error = samples.compare(*module, *precisionError))
    skip("is not compared with f32", std::move(error));
  for (const OutputError &output : precisionError->outputs)
    diagnose(Severity::Remark, describe(*precisionError, output));
  return Status::Done;
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
Compilation::writeText(llvm::function_ref<void(llvm::raw_ostream &)> print) {
  llvm::Error error = files.write(options.output, [&](llvm::raw_ostream &os) {
    print(os);
    return llvm::Error::success();
  });
  return error ? fail(std::move(error)) : Status::Done;
}

Status Compilation::writeReport(const Machine *machine) {
  if (options.report.empty())
    return Status::Done;
  ReportInfo info;
  info.model = path::stem(options.input).str();
  info.cpu = machine ? machine->cpu : options.cpu;
  info.pipeline = options.pipeline;
  info.sizes = options.reportSizes;
  info.passes = records;
  info.precision = precisionError;
  llvm::Expected<Report> report = Report::collect(*module, std::move(info));
  if (!report)
    return fail(report.takeError());
  StringRef extension = path::extension(options.report);
  llvm::Error error = files.write(options.report, [&](llvm::raw_ostream &os) {
    if (extension == ".json")
      writeJsonReport(*report, os);
    else if (extension == ".html")
      writeHtmlReport(*report, os);
    else
      writeTextReport(*report, os);
    return llvm::Error::success();
  });
  return error ? fail(std::move(error)) : Status::Done;
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
  binary.enterPhase = [this](StringRef phase) { enter(phase); };
  if (llvm::Error error = writeBinary(*module, machine, binary, files))
    return fail(std::move(error));
  return Status::Done;
}

Status Compilation::run() {
  Status status = checkOptions();
  if (status != Status::Done)
    return status;
  llvm::Expected<Machine> machine = createMachine(options.cpu);
  if (!machine)
    return fail(llvm::toString(machine.takeError()), Status::WrongUsage);
  if ((status = load()) != Status::Done ||
      (status = transform()) != Status::Done)
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
    status = writeReport(&*machine);
  return status == Status::Done ? finish() : status;
}

Status cinch::compile(const CompileOptions &options,
                      DiagnosticCallback diagnose) {
  return Compilation(options, std::move(diagnose)).run();
}
