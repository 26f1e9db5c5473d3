//===- Compiler.cpp - cinch._compiler: libcinch for Python ----------------===//
//
// A module of its own: importing it needs libMLIR and libLLVM, which running
// models does not.
//
//===----------------------------------------------------------------------===//
#include "cinch/compiler.h"
#include "python/src/Text.h"
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace nb = nanobind;
using cinch::python::toC;

namespace {

/// What the callbacks of one compilation collect.
struct Run {
  std::vector<std::pair<cinch_severity_t, std::string>> diagnostics;
  nb::object progress;
  std::optional<nb::python_error> failure; ///< of `progress`
};

using Dim = std::tuple<std::string, int64_t, int64_t>;
using Result = std::pair<int, std::vector<std::pair<int, nb::str>>>;

} // namespace

static void collect(void *user, cinch_severity_t severity,
                    const char *message) {
  static_cast<Run *>(user)->diagnostics.emplace_back(severity, message);
}

/// Calls the Python function; after it raised, no more.
static void tellProgress(void *user, const char *phase, double share) {
  Run &run = *static_cast<Run *>(user);
  nb::gil_scoped_acquire gil;
  if (run.failure)
    return;
  try {
    run.progress(phase, share);
  } catch (nb::python_error &error) {
    run.failure.emplace(std::move(error));
  }
}

/// Names in a model need not be UTF-8.
static nb::str decode(const std::string &text) {
  PyObject *result = PyUnicode_DecodeUTF8(
      text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (!result)
    throw nb::python_error();
  return nb::steal<nb::str>(result);
}

/// Holds the names of `dims`, which must live as long.
static std::vector<cinch_dim_bound_t> toBounds(const std::vector<Dim> &dims) {
  std::vector<cinch_dim_bound_t> bounds;
  bounds.reserve(dims.size());
  for (const auto &[name, min, max] : dims)
    bounds.push_back({toC(name), min, max});
  return bounds;
}

static Result compile(
    const nb::bytes &input, const nb::bytes &output, const std::string &target,
    const std::string &cpu, const std::string &pipeline,
    const std::optional<nb::bytes> &report, const std::vector<Dim> &dims,
    int64_t budgetBytes, int emit, bool embedsWeights,
    const std::vector<std::string> &states, const std::string &precision,
    int precisionSamples, const std::optional<nb::bytes> &precisionFiles,
    double precisionGoal, const std::optional<nb::bytes> &kernelReport,
    const std::vector<Dim> &reportDims, bool embedsCubin, bool failsOnFallback,
    bool allowsTF32, const std::optional<std::string> &quantize,
    const std::optional<nb::bytes> &calibrationData,
    const std::optional<nb::bytes> &calibration,
    const std::optional<nb::bytes> &readPlan,
    const std::optional<nb::bytes> &writePlan, double accuracyGoal,
    const nb::object &progress) {
  Run run;
  run.progress = progress;
  std::vector<cinch_dim_bound_t> bounds = toBounds(dims),
                                 sizes = toBounds(reportDims);
  std::vector<const char *> pairs;
  pairs.reserve(states.size());
  for (const std::string &state : states)
    pairs.push_back(toC(state));
  cinch_compile_options_t options = CINCH_COMPILE_OPTIONS_INIT;
  options.target = toC(target);
  options.cpu = toC(cpu);
  options.pipeline = toC(pipeline);
  options.report = report ? toC(*report) : nullptr;
  options.dims = bounds.data();
  options.dim_count = bounds.size();
  options.memory_budget_bytes = budgetBytes;
  options.emit = static_cast<cinch_emit_t>(emit);
  options.embed_weights = embedsWeights;
  options.states = pairs.data();
  options.state_count = pairs.size();
  options.precision = toC(precision);
  options.precision_samples = precisionSamples > 0 ? precisionSamples : -1;
  options.precision_sample_files =
      precisionFiles ? toC(*precisionFiles) : nullptr;
  options.precision_goal = precisionGoal;
  options.quantize = quantize ? toC(*quantize) : nullptr;
  options.calibration_data = calibrationData ? toC(*calibrationData) : nullptr;
  options.calibration = calibration ? toC(*calibration) : nullptr;
  options.quantization_plan = readPlan ? toC(*readPlan) : nullptr;
  options.write_quantization_plan = writePlan ? toC(*writePlan) : nullptr;
  options.accuracy_goal = accuracyGoal;
  options.kernel_report = kernelReport ? toC(*kernelReport) : nullptr;
  options.report_dims = sizes.data();
  options.report_dim_count = sizes.size();
  options.embed_cubin = embedsCubin;
  options.fail_on_fallback = failsOnFallback;
  options.allow_tf32 = allowsTF32;
  options.diagnose = collect;
  options.progress = progress.is_none() ? nullptr : tellProgress;
  options.user = &run;
  const char *inputPath = toC(input), *outputPath = toC(output);
  cinch_compile_status_t status;
  {
    nb::gil_scoped_release free;
    status = cinch_compile(inputPath, outputPath, &options);
  }
  if (run.failure)
    throw std::move(*run.failure);
  Result result;
  result.first = status;
  for (const auto &[severity, message] : run.diagnostics)
    result.second.emplace_back(severity, decode(message));
  return result;
}

NB_MODULE(_compiler, m) {
  m.doc() = "Binding of cinch/compiler.h.";
  m.def("compile", &compile, nb::arg("input"), nb::arg("output"), nb::kw_only(),
        nb::arg("target"), nb::arg("cpu"), nb::arg("pipeline"),
        nb::arg("report").none(), nb::arg("dims"), nb::arg("budget_bytes"),
        nb::arg("emit"), nb::arg("embeds_weights"), nb::arg("states"),
        nb::arg("precision"), nb::arg("precision_samples"),
        nb::arg("precision_sample_files").none(), nb::arg("precision_goal"),
        nb::arg("kernel_report").none(), nb::arg("report_dims"),
        nb::arg("embeds_cubin"), nb::arg("fails_on_fallback"),
        nb::arg("allows_tf32"), nb::arg("quantize").none(),
        nb::arg("calibration_data").none(), nb::arg("calibration").none(),
        nb::arg("read_plan").none(), nb::arg("write_plan").none(),
        nb::arg("accuracy_goal"), nb::arg("progress").none(),
        nb::sig("def compile(input: bytes, output: bytes, *, target: str, "
                "cpu: str, pipeline: str, report: bytes | None, "
                "dims: collections.abc.Sequence[tuple[str, int, int]], "
                "budget_bytes: int, emit: int, embeds_weights: bool, "
                "states: collections.abc.Sequence[str], precision: str, "
                "precision_samples: int, "
                "precision_sample_files: bytes | None, "
                "precision_goal: float, kernel_report: bytes | None, "
                "report_dims: collections.abc.Sequence[tuple[str, int, int]], "
                "embeds_cubin: bool, fails_on_fallback: bool, "
                "allows_tf32: bool, quantize: str | None, "
                "calibration_data: bytes | None, calibration: bytes | None, "
                "read_plan: bytes | None, write_plan: bytes | None, "
                "accuracy_goal: float, "
                "progress: collections.abc.Callable[[str, float], object] | "
                "None) -> tuple[int, list[tuple[int, str]]]"),
        "Compiles a file without holding the interpreter lock; returns the "
        "status and the diagnostics (severity, message).");
  m.def("version", &cinch_compiler_version);
}
