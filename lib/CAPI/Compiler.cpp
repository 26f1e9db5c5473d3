//===- Compiler.cpp - the compiler as a C library -------------------------===//
#include "cinch/compiler.h"
#include "lib/Pipeline/Compile.h"
#include "lib/Pipeline/Register.h"
#include <algorithm>
#include <cstddef>
#include <cstring>

using namespace cinch;

int32_t cinch_compiler_abi_version(void) { return CINCH_COMPILER_ABI_VERSION; }

const char *cinch_compiler_version(void) {
  static const std::string version = getVersion().str();
  return version.c_str();
}

/// Bytes of the options in the first release, which every program has.
static constexpr size_t firstOptionsBytes =
    offsetof(cinch_compile_options_t, embed_weights);

template <Emit emit, cinch_emit_t value>
static constexpr bool isSame =
    static_cast<int>(emit) == static_cast<int>(value);
static_assert(isSame<Emit::So, CINCH_EMIT_SO> &&
              isSame<Emit::Obj, CINCH_EMIT_OBJ> &&
              isSame<Emit::Llvm, CINCH_EMIT_LLVM> &&
              isSame<Emit::Exec, CINCH_EMIT_EXEC> &&
              isSame<Emit::Mlir, CINCH_EMIT_MLIR> &&
              isSame<Emit::Onnx, CINCH_EMIT_ONNX> &&
              isSame<Emit::Ptx, CINCH_EMIT_PTX> &&
              isSame<Emit::Cubin, CINCH_EMIT_CUBIN>);

/// Checks what C callers can get wrong; returns what is wrong, or "".
static std::string check(const char *input, const char *output,
                         const cinch_compile_options_t &options) {
  if (!input || !output)
    return "cinch_compile: input and output must not be null";
  if (options.struct_size < firstOptionsBytes ||
      options.struct_size > sizeof(cinch_compile_options_t))
    return "cinch_compile: options.struct_size is not that of this version";
  if (options.dim_count && !options.dims)
    return "cinch_compile: options.dims is null";
  if (options.memory_budget_bytes < 0)
    return "cinch_compile: expected memory_budget_bytes >= 0";
  if (options.emit < CINCH_EMIT_SO || options.emit > CINCH_EMIT_CUBIN)
    return "cinch_compile: unknown value of options.emit";
  for (size_t i = 0; i < options.dim_count; ++i) {
    const cinch_dim_bound_t &dim = options.dims[i];
    if (!dim.name || dim.min < 0 || (dim.max >= 0 && dim.max < dim.min))
      return "cinch_compile: expected dims with a name and 0 <= min <= max";
  }
  if (options.report_dim_count && !options.report_dims)
    return "cinch_compile: options.report_dims is null";
  for (size_t i = 0; i < options.report_dim_count; ++i) {
    const cinch_dim_bound_t &dim = options.report_dims[i];
    if (!dim.name || dim.min < 0 || dim.max != dim.min)
      return "cinch_compile: expected report_dims with a name and 0 <= min == "
             "max";
  }
  if (options.state_count && !options.states)
    return "cinch_compile: options.states is null";
  for (size_t i = 0; i < options.state_count; ++i)
    if (!options.states[i] || !strchr(options.states[i], '='))
      return "cinch_compile: expected states as past=present";
  return "";
}

static QuantizeOptions convertQuantize(const cinch_compile_options_t &options) {
  auto text = [](const char *given) { return std::string(given ? given : ""); };
  return {text(options.quantize),
          text(options.calibration_data),
          text(options.calibration),
          text(options.quantization_plan),
          text(options.write_quantization_plan),
          options.accuracy_goal};
}

static CompileOptions convert(const char *input, const char *output,
                              const cinch_compile_options_t &options) {
  CompileOptions result;
  result.input = input;
  result.output = output;
  if (options.target)
    result.target = options.target;
  if (options.cpu)
    result.cpu = options.cpu;
  if (options.pipeline)
    result.pipeline = options.pipeline;
  if (options.report)
    result.report = options.report;
  if (options.kernel_report)
    result.kernelReport = options.kernel_report;
  if (options.precision)
    result.precision = options.precision;
  if (options.precision_samples != 0)
    result.precisionSamples = std::max(options.precision_samples, 0);
  if (options.precision_sample_files)
    result.precisionSampleFiles = options.precision_sample_files;
  result.precisionGoal = options.precision_goal;
  result.quantize = convertQuantize(options);
  result.budgetBytes = options.memory_budget_bytes;
  result.emit = static_cast<Emit>(options.emit);
  result.embedsWeights = options.embed_weights != 0;
  result.embedsCubin = options.embed_cubin != 0;
  result.failsOnFallback = options.fail_on_fallback != 0;
  result.allowsTF32 = options.allow_tf32 != 0;
  for (size_t i = 0; i < options.report_dim_count; ++i)
    result.reportSizes.push_back(
        {options.report_dims[i].name, options.report_dims[i].min});
  for (size_t i = 0; i < options.dim_count; ++i) {
    const cinch_dim_bound_t &dim = options.dims[i];
    DimBound bound;
    bound.name = dim.name;
    bound.min = dim.min;
    if (dim.max >= 0)
      bound.max = dim.max;
    result.dims.push_back(std::move(bound));
  }
  result.states.assign(options.states, options.states + options.state_count);
  if (options.progress)
    result.progress = [&options](llvm::StringRef phase, double share) {
      options.progress(options.user, phase.str().c_str(), share);
    };
  return result;
}

cinch_compile_status_t cinch_compile(const char *input, const char *output,
                                     const cinch_compile_options_t *given) {
  cinch_compile_options_t options = CINCH_COMPILE_OPTIONS_INIT;
  if (given) // a program may have been built with fewer members, or more
    memcpy(&options, given,
           std::clamp(given->struct_size, firstOptionsBytes, sizeof(options)));
  auto diagnose = [&](Severity severity, llvm::StringRef message) {
    if (options.diagnose)
      options.diagnose(options.user, static_cast<cinch_severity_t>(severity),
                       message.str().c_str());
  };
  std::string problem = check(input, output, options);
  if (!problem.empty()) {
    diagnose(Severity::Error, problem);
    return CINCH_COMPILE_WRONG_USAGE;
  }
  return static_cast<cinch_compile_status_t>(
      compile(convert(input, output, options), diagnose));
}
