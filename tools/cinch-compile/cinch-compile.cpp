//===- cinch-compile.cpp - model in, binary out ---------------------------===//
#include "lib/Pipeline/Compile.h"
#include "lib/Pipeline/Register.h"
#include "tools/Common/Progress.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace cinch;
namespace cl = llvm::cl;

static constexpr char overview[] =
    R"(Compiles a model to native code with a memory plan.

examples:
  cinch-compile model.onnx                    model.so and model.safetensors
  cinch-compile model.onnx -o m.so --dim batch=1 --dim seq=1..512
                                              one batch, up to 512 tokens
  cinch-compile model.onnx --memory-budget=64MiB --report=report.txt
                                              fail if it needs more; say why
  cinch-compile model.onnx --quantize=w8a8 --calibration-data=samples/
                                              8-bit weights and products
  cinch-compile model.onnx --embed-weights    one file
  cinch-compile model.onnx --emit=obj -o m.o  m.o, m.h, m.safetensors to link in

While it works, files are called NAME.XXXXXXXX.tmp; they get their names when
all of them are complete, and are removed on failure and on a signal.

exit status: 0 done, 1 failed (model, budget, files), 2 wrong usage, 77 the
model is valid but something in it is not supported
)";

static cl::OptionCategory category("cinch-compile options");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("<model.onnx | program.mlir>"),
                                  cl::cat(category));
static cl::opt<std::string>
    output("o", cl::value_desc("file"),
           cl::desc("Output file (default: named after the input)"),
           cl::cat(category));
static cl::opt<std::string>
    target("target", cl::init("cpu"), cl::value_desc("name"),
           cl::desc("cpu, or cuda:sm_80, sm_86, sm_89, sm_90, sm_120"),
           cl::cat(category));
static cl::opt<std::string>
    cpu("cpu", cl::init("native"), cl::value_desc("name"),
        cl::desc("CPU to compile for: native, x86-64-v3, ..."),
        cl::cat(category));
static cl::list<std::string> dims(
    "dim", cl::value_desc("name=value|lo..hi"),
    cl::desc(
        "Pin a dimension, or bound it (the memory plan holds up to the bound)"),
    cl::cat(category));
static cl::list<std::string> states(
    "state", cl::CommaSeparated, cl::value_desc("past=present,..."),
    cl::desc("Inputs and the outputs that continue them, to be written in "
             "place (default: all that are found)"),
    cl::cat(category));
static cl::opt<std::string>
    budget("memory-budget", cl::value_desc("size"),
           cl::desc("Fail unless arena and weights fit, e.g. 512MiB"),
           cl::cat(category));
static cl::opt<std::string> precision(
    "precision", cl::init("f32"), cl::value_desc("f32|f16|bf16"),
    cl::desc("Store f32 weights and values in 16 bits; sums stay f32"),
    cl::cat(category));
static cl::opt<bool> allowTF32(
    "allow-tf32",
    cl::desc("Let the GPU multiply f32 with 10 bits of mantissa, on its tensor "
             "cores"),
    cl::cat(category));
static cl::opt<std::string> precisionSamples(
    "precision-samples", cl::init("1"), cl::value_desc("n|file.npz|folder"),
    cl::desc(
        "With --precision: inputs that show which values f16 does not hold, "
        "and on which the outputs are compared with those of f32: a number of "
        "random sets (default: 1; 0: none), or files"),
    cl::cat(category));
static cl::opt<double> precisionGoal(
    "precision-goal", cl::init(0), cl::value_desc("error"),
    cl::desc("With --precision: keep products in f32 until the largest error "
             "of each output on the samples, over its largest value, is at "
             "most this (default: 0, any)"),
    cl::cat(category));
static cl::opt<std::string>
    quantize("quantize", cl::value_desc("recipe"),
             cl::desc("Store weights and what products read in few bits: w8a8, "
                      "w8a8-dynamic, w8a16, w4a16, w4a8, w4a4, w3a16, nf4, "
                      "fp8, mxfp8, mxfp4, or auto: the "
                      "cheapest that holds --accuracy-goal"),
             cl::cat(category));
static cl::opt<std::string> calibrationData(
    "calibration-data", cl::value_desc("file.npz|folder"),
    cl::desc("With --quantize: samples of inputs that ranges are taken from"),
    cl::cat(category));
static cl::opt<std::string> calibration(
    "calibration", cl::value_desc("file.safetensors"),
    cl::desc("With --quantize: where the statistics of --calibration-data are "
             "kept (and gone on from), or, without it, read"),
    cl::cat(category));
static cl::opt<std::string> readPlan(
    "quantization-plan", cl::value_desc("file.json"),
    cl::desc("With --quantize: the values to quantize, and how, instead of "
             "choosing"),
    cl::cat(category));
static cl::opt<std::string>
    writePlan("write-quantization-plan", cl::value_desc("file.json"),
              cl::desc("With --quantize: write that, to look at and edit"),
              cl::cat(category));
static cl::opt<double> accuracyGoal(
    "accuracy-goal", cl::init(0), cl::value_desc("error"),
    cl::desc("With --quantize: fail unless the norm of the error of each "
             "output, over its norm in f32, is at most this on the samples "
             "(default: 0, any)"),
    cl::cat(category));
static cl::opt<std::string> pipeline(
    "pipeline", cl::init("default"), cl::value_desc("name|passes"),
    cl::desc("default, reference (the scalar oracle), or a textual pipeline"),
    cl::cat(category));
static cl::opt<Emit>
    emit("emit", cl::init(Emit::So), cl::desc("What to write:"),
         cl::values(
             clEnumValN(Emit::So, "so", "shared library and weights (default)"),
             clEnumValN(Emit::Obj, "obj", "object, weights and C header"),
             clEnumValN(Emit::Llvm, "llvm", "LLVM IR of the host"),
             clEnumValN(Emit::Ptx, "ptx", "the code for the GPU"),
             clEnumValN(Emit::Cubin, "cubin",
                        "machine code for the GPU; needs NVIDIA's ptxas"),
             clEnumValN(Emit::Exec, "exec", "the program with its memory plan"),
             clEnumValN(Emit::Mlir, "mlir", "the imported graph"),
             clEnumValN(Emit::Onnx, "onnx", "the simplified graph as ONNX")),
         cl::cat(category));
static cl::opt<std::string>
    report("report", cl::value_desc("file.html|.txt|.json"),
           cl::desc("Write kernels, memory timeline and what the passes did"),
           cl::cat(category));
static cl::list<std::string> reportDims(
    "report-dim", cl::value_desc("name=value"),
    cl::desc("Size at which the report shows a dimension that has no bound "
             "(default: 128, or its smallest size if that is larger)"),
    cl::cat(category));
static cl::opt<bool>
    embedWeights("embed-weights",
                 cl::desc("Put the weights into the .so or .o itself"),
                 cl::cat(category));
static cl::opt<bool>
    embedCubin("embed-cubin",
               cl::desc("Put machine code for the GPU into the .so or .o, "
                        "beside the PTX; needs NVIDIA's ptxas"),
               cl::cat(category));
static cl::opt<std::string> kernelReport(
    "kernel-report", cl::ValueOptional, cl::value_desc("file.txt|.json"),
    cl::desc("Say how each kernel is computed (default: as text to the "
             "standard output)"),
    cl::cat(category));
static cl::opt<bool>
    failOnFallback("fail-on-fallback",
                   cl::desc("Fail if the GPU has no schedule for a kernel"),
                   cl::cat(category));
static cl::opt<bool> quiet("quiet",
                           cl::desc("Print errors only, and no progress"),
                           cl::cat(category));

static int usageError(const llvm::Twine &message) {
  llvm::errs() << "cinch-compile: " << message << "\n";
  return static_cast<int>(Status::WrongUsage);
}

/// Parses `4096`, `64K`, `512MiB`, `2GB`; nullopt if it is none of these.
static std::optional<int64_t> parseSize(llvm::StringRef text) {
  int64_t number;
  if (text.consumeInteger(10, number) || number <= 0)
    return std::nullopt;
  static constexpr struct {
    llvm::StringLiteral suffix;
    int64_t unit;
  } units[] = {{"", 1},          {"B", 1},          {"K", 1024},
               {"KiB", 1024},    {"KB", 1000},      {"M", 1 << 20},
               {"MiB", 1 << 20}, {"MB", 1000000},   {"G", 1 << 30},
               {"GiB", 1 << 30}, {"GB", 1000000000}};
  for (const auto &unit : units)
    if (text == unit.suffix && number <= INT64_MAX / unit.unit)
      return number * unit.unit;
  return std::nullopt;
}

/// Parses `name=value` or `name=lo..hi`.
static std::optional<DimBound> parseDim(llvm::StringRef text) {
  DimBound bound;
  auto [name, range] = text.split('=');
  auto [low, high] = range.split("..");
  bound.name = name.str();
  int64_t max;
  if (name.empty() || low.getAsInteger(10, bound.min) || bound.min < 0)
    return std::nullopt;
  bool isRange = range.contains("..");
  if (isRange && (high.getAsInteger(10, max) || max < bound.min))
    return std::nullopt;
  bound.max = isRange ? max : bound.min;
  return bound;
}

static std::optional<tools::Progress> progress;

static void print(Severity severity, llvm::StringRef message) {
  static constexpr llvm::StringLiteral names[] = {"error", "warning", "remark",
                                                  "note"};
  if (quiet && severity != Severity::Error && severity != Severity::Note)
    return;
  if (progress)
    progress->clear();
  llvm::errs() << "cinch-compile: " << names[static_cast<int>(severity)] << ": "
               << message << "\n";
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "cinch-compile " << getVersion() << "\n";
  });
  cl::HideUnrelatedOptions(category);
  if (!cl::ParseCommandLineOptions(argc, argv, overview, &llvm::errs()))
    return static_cast<int>(Status::WrongUsage);
  CompileOptions options;
  options.input = input;
  options.output = output;
  options.target = target;
  options.cpu = cpu;
  options.pipeline = pipeline;
  options.precision = precision;
  if (llvm::StringRef(precisionSamples)
          .getAsInteger(10, options.precisionSamples))
    options.precisionSampleFiles = precisionSamples;
  options.precisionGoal = precisionGoal;
  options.quantize = {quantize, calibrationData, calibration,
                      readPlan, writePlan,       accuracyGoal};
  options.report = report;
  options.emit = emit;
  options.embedsWeights = embedWeights;
  options.embedsCubin = embedCubin;
  options.allowsTF32 = allowTF32;
  options.failsOnFallback = failOnFallback;
  if (kernelReport.getNumOccurrences())
    options.kernelReport = kernelReport.empty() ? "-" : kernelReport.getValue();
  for (const cl::opt<std::string> *option :
       {&output, &report, &pipeline, &cpu, &quantize, &calibrationData,
        &calibration, &readPlan, &writePlan})
    if (option->getNumOccurrences() && option->empty())
      return usageError("-" + option->ArgStr + ": expected a value");
  for (const std::string &text : dims) {
    std::optional<DimBound> bound = parseDim(text);
    if (!bound)
      return usageError("--dim: expected name=value or name=lo..hi, but got '" +
                        text + "'");
    options.dims.push_back(*bound);
  }
  for (const std::string &text : states) {
    if (text.find('=') == std::string::npos)
      return usageError("--state: expected past=present, but got '" + text +
                        "'");
    options.states.push_back(text);
  }
  for (const std::string &text : reportDims) {
    std::optional<DimBound> size = parseDim(text);
    if (!size || size->min != size->max)
      return usageError("--report-dim: expected name=value, but got '" + text +
                        "'");
    options.reportSizes.push_back({size->name, size->min});
  }
  if (budget.getNumOccurrences()) {
    std::optional<int64_t> size = parseSize(budget);
    if (!size)
      return usageError(
          "--memory-budget: expected a size such as 512MiB, but got '" +
          budget + "'");
    options.budgetBytes = *size;
  }
  if (!quiet)
    progress.emplace("compiling " +
                     llvm::sys::path::filename(options.input).str());
  options.progress = [](llvm::StringRef phase, double share) {
    if (progress)
      progress->update(share, phase.str());
  };
  Status status = compile(options, print);
  progress.reset();
  return static_cast<int>(status);
}
