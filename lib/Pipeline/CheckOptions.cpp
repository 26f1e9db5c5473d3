//===- CheckOptions.cpp - what a compilation may be asked for -------------===//
#include "lib/Pipeline/CheckOptions.h"
#include "lib/Pipeline/Pipelines.h"
#include "lib/Pipeline/QuantizeRecipes.h"
#include "lib/Target/DeviceCode.h"
#include "lib/Target/Files.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"

using namespace cinch;
using llvm::StringRef;
namespace path = llvm::sys::path;

/// Whether the program is lowered to what is written.
static bool isLowered(const CompileOptions &options) {
  return options.emit != Emit::Mlir && options.emit != Emit::Onnx &&
         options.emit != Emit::Exec;
}

static bool isBinary(Emit emit) {
  return emit == Emit::So || emit == Emit::Obj;
}

static std::string checkTarget(const CompileOptions &options) {
  bool isForCpu = options.target == "cpu";
  if (!isForCpu && !isDeviceTarget(options.target))
    return "unknown target '" + options.target +
           "'; there are: cpu, cuda:sm_80, cuda:sm_86, cuda:sm_89, "
           "cuda:sm_90 and cuda:sm_120";
  if (options.pipeline == "reference" && !isForCpu)
    return "the reference pipeline is for the CPU";
  if (isForCpu && options.emit == Emit::Ptx)
    return "there is PTX for a target such as cuda:sm_80 only";
  if (isForCpu && (options.emit == Emit::Cubin || options.embedsCubin))
    return "there is a cubin for a target such as cuda:sm_80 only";
  if (options.embedsCubin && !isBinary(options.emit))
    return "a cubin can be embedded in a shared library or an object only";
  if (options.failsOnFallback && (isForCpu || !isLowered(options)))
    return "only code for a target such as cuda:sm_80 has fallbacks to fail on";
  if (options.allowsTF32 && isForCpu)
    return "there is TF32 on a target such as cuda:sm_80 only";
  if (!options.kernelReport.empty() && !isLowered(options))
    return "a kernel report needs compiled kernels, which exec, mlir and onnx "
           "do not have";
  return "";
}

static std::string checkPrecision(const CompileOptions &options) {
  std::optional<Precision> precision = parsePrecision(options.precision);
  if (!precision)
    return "unknown precision '" + options.precision +
           "'; there are: f32, f16, bf16";
  bool hasPhases =
      options.pipeline == "default" || options.pipeline == "reference";
  if (*precision != Precision::F32 &&
      (!hasPhases || options.emit == Emit::Mlir))
    return "a precision is for the default and the reference pipeline, "
           "and not for the imported graph";
  double goal = options.precisionGoal;
  if (!(goal >= 0 && goal < 1))
    return "expected an error goal above 0 and below 1";
  if (goal == 0)
    return "";
  if (*precision == Precision::F32)
    return "an error goal is for a precision such as f16";
  if (options.precisionSamples == 0 && options.precisionSampleFiles.empty())
    return "an error goal needs samples to measure the error on";
  return "";
}

/// The recipes, as a list.
static std::string listRecipes() {
  std::string text;
  for (const QuantizeRecipe &recipe : getQuantizeRecipes())
    text += recipe.name.str() + ", ";
  return text + "auto";
}

static std::string checkQuantize(const CompileOptions &options) {
  const QuantizeOptions &quantize = options.quantize;
  if (quantize.recipe.empty()) {
    for (const std::string *file :
         {&quantize.calibrationData, &quantize.calibration, &quantize.readPlan,
          &quantize.writePlan})
      if (!file->empty())
        return "'" + *file + "' is for a quantization, but there is none: " +
               "expected a recipe: " + listRecipes();
    return quantize.accuracyGoal == 0
               ? ""
               : "an accuracy goal is for a quantization: expected a recipe: " +
                     listRecipes();
  }
  bool isAuto = quantize.recipe == "auto";
  const QuantizeRecipe *recipe = findQuantizeRecipe(quantize.recipe);
  if (!recipe && !isAuto)
    return "unknown quantization '" + quantize.recipe +
           "'; there are: " + listRecipes();
  if (options.pipeline != "default" && options.pipeline != "reference")
    return "a quantization is for the default and the reference pipeline; a "
           "textual one names its passes";
  if (options.emit == Emit::Mlir)
    return "the imported graph is not quantized; --emit=onnx writes the "
           "quantized model";
  if (recipe && recipe->isStatic && quantize.calibrationData.empty() &&
      quantize.calibration.empty())
    return "the scales of " + quantize.recipe +
           " come from samples: expected --calibration-data=SAMPLES, or "
           "--calibration=FILE of an earlier one; w8a8-dynamic needs neither";
  if (isAuto && quantize.accuracyGoal == 0)
    return "auto needs an accuracy goal, which the recipe must hold";
  if (isAuto && !(quantize.readPlan.empty() && quantize.writePlan.empty()))
    return "auto makes several plans; write or read that of one recipe";
  if (!(quantize.accuracyGoal >= 0 && quantize.accuracyGoal < 1))
    return "expected an accuracy goal above 0 and below 1";
  return "";
}

static std::string checkFileNames(const CompileOptions &options) {
  StringRef input = path::extension(options.input);
  if (input != ".onnx" && input != ".mlir" && input != ".mlirbc")
    return "expected a .onnx, .mlir or .mlirbc file, but got '" +
           options.input + "'";
  StringRef report = path::extension(options.report);
  if (!options.report.empty() && report != ".txt" && report != ".json" &&
      report != ".html")
    return "expected a .txt, .json or .html report, but got '" +
           options.report + "'";
  StringRef kernels = path::extension(options.kernelReport);
  if (!options.kernelReport.empty() && options.kernelReport != "-" &&
      kernels != ".txt" && kernels != ".json")
    return "expected a .txt or .json kernel report, but got '" +
           options.kernelReport + "'";
  return "";
}

static std::string checkOthers(const CompileOptions &options) {
  llvm::StringSet<> names;
  for (const DimBound &bound : options.dims)
    if (!names.insert(bound.name).second)
      return "dimension '" + bound.name + "' is given twice";
  if (options.embedsWeights && !isBinary(options.emit))
    return "weights can be embedded in a shared library or an object only";
  return "";
}

/// Names the output after the input.
static std::string nameOutput(CompileOptions &options) {
  if (!options.output.empty())
    return "";
  static constexpr StringRef extensions[] = {
      ".so", ".o", ".ll", ".mlir", ".mlir", ".onnx", ".ptx", ".cubin"};
  options.output =
      (path::stem(options.input) + extensions[static_cast<int>(options.emit)])
          .str();
  return options.output == path::filename(options.input)
             ? "the output would replace the input; name another with -o"
             : "";
}

std::optional<OptionProblem> cinch::checkOptions(CompileOptions &options) {
  for (auto check : {checkTarget, checkPrecision, checkQuantize, checkFileNames,
                     checkOthers})
    if (std::string problem = check(options); !problem.empty())
      return OptionProblem{Status::WrongUsage, problem};
  if (std::string problem = nameOutput(options); !problem.empty())
    return OptionProblem{Status::WrongUsage, problem};
  StringRef kernels = options.kernelReport;
  bool writesStatistics = !options.quantize.calibrationData.empty();
  for (StringRef file :
       {StringRef(options.output), StringRef(options.report),
        kernels == "-" ? StringRef() : kernels,
        StringRef(options.quantize.writePlan),
        writesStatistics ? StringRef(options.quantize.calibration)
                         : StringRef()})
    if (llvm::Error error = checkPlace(file))
      return OptionProblem{Status::Failed, llvm::toString(std::move(error))};
  return std::nullopt;
}
