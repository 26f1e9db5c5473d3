//===- cinch-run.cpp - runs a compiled model ------------------------------===//
#include "tools/Common/Progress.h"
#include "tools/cinch-run/DeviceCounters.h"
#include "tools/cinch-run/Report.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

using namespace cinch::run;
using cinch::getBytes;
using cinch::readTensors;
using cinch::Tensor;

namespace {

/// Releases the session before the model.
struct Handles {
  ~Handles() {
    cinch_session_release(session);
    cinch_model_release(model);
  }
  cinch_model_t *model = nullptr;
  cinch_session_t *session = nullptr;
};

/// The tensors of a run and the runtime's views of them.
struct Buffers {
  std::vector<NamedTensor> inputs, outputs;
  std::vector<cinch_shape_t> inputShapes;
  std::vector<cinch_tensor_t> inputViews, outputViews;
};

} // namespace

static int reportError(const std::string &message) {
  fprintf(stderr, "cinch-run: %s\n", message.c_str());
  return 1;
}

static cinch_tensor_t makeView(Tensor &tensor) {
  cinch_tensor_t view = {};
  view.data = tensor.data.data();
  view.dtype = tensor.dtype;
  view.rank = static_cast<int32_t>(tensor.shape.size());
  view.shape = tensor.shape.data();
  return view;
}

/// Allocates the outputs for the inputs at hand and makes all views.
static bool makeBuffers(const cinch_model_t *model, int32_t outputCount,
                        Buffers &buffers, std::string &error) {
  for (NamedTensor &input : buffers.inputs) {
    buffers.inputViews.push_back(makeView(input.tensor));
    buffers.inputShapes.push_back(
        {buffers.inputViews.back().rank, input.tensor.shape.data()});
  }
  for (int32_t index = 0; index < outputCount; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    int64_t dims[CINCH_MAX_RANK];
    if (cinch_model_get_output(model, index, &value) ||
        cinch_model_output_shape(
            model, buffers.inputShapes.data(),
            static_cast<int32_t>(buffers.inputShapes.size()), index, dims)) {
      error = cinch_last_error();
      return false;
    }
    NamedTensor output{value.name, {}};
    output.tensor.dtype = value.dtype;
    output.tensor.shape.assign(dims, dims + value.rank);
    int64_t bytes = 0;
    if (!getBytes(value.dtype, output.tensor.shape, bytes) ||
        bytes > (1LL << 40)) {
      error = "output '" + output.name + "' is too large";
      return false;
    }
    output.tensor.data.resize(bytes);
    buffers.outputs.push_back(std::move(output));
  }
  for (NamedTensor &output : buffers.outputs)
    buffers.outputViews.push_back(makeView(output.tensor));
  return true;
}

/// Runs once; returns milliseconds, or a negative number on failure.
static double runOnce(cinch_session_t *session, const Buffers &buffers) {
  auto start = std::chrono::steady_clock::now();
  cinch_status_t status =
      cinch_session_run(session, buffers.inputViews.data(),
                        static_cast<int32_t>(buffers.inputViews.size()),
                        buffers.outputViews.data(),
                        static_cast<int32_t>(buffers.outputViews.size()));
  std::chrono::duration<double, std::milli> time =
      std::chrono::steady_clock::now() - start;
  return status == CINCH_OK ? time.count() : -1;
}

/// Loads the model and creates the session.
static bool open(const Options &options, Handles &handles) {
  cinch_model_options_t modelOptions = {};
  modelOptions.struct_size = sizeof(modelOptions);
  modelOptions.weights_path =
      options.weights.empty() ? nullptr : options.weights.c_str();
  modelOptions.verify_weights = options.verifyWeights;
  cinch_session_options_t sessionOptions = {};
  sessionOptions.struct_size = sizeof(sessionOptions);
  sessionOptions.profile = options.profile;
  sessionOptions.device =
      options.device.empty() ? nullptr : options.device.c_str();
  constexpr int64_t traceCapacity = 1 << 18; // 8 MiB
  sessionOptions.trace_capacity = options.trace.empty() ? 0 : traceCapacity;
  return (!options.threads || cinch_set_threads(static_cast<int32_t>(
                                  options.threads)) == CINCH_OK) &&
         cinch_model_load(options.model.c_str(), &modelOptions,
                          &handles.model) == CINCH_OK &&
         cinch_session_create(handles.model, &sessionOptions,
                              &handles.session) == CINCH_OK;
}

/// Reads --expect and compares; returns false if the files cannot be read.
static bool compareOutputs(const Options &options, const Buffers &buffers,
                           Statistics &statistics, std::string &error) {
  std::vector<std::string> names;
  names.reserve(buffers.outputs.size());
  for (const NamedTensor &output : buffers.outputs)
    names.push_back(output.name);
  std::vector<Tensor> expected;
  if (!readTensors(options.expect, "output", names, expected, error))
    return false;
  for (size_t index = 0; index < expected.size(); ++index) {
    const Tensor &actual = buffers.outputs[index].tensor;
    convertBytes(actual.dtype, expected[index]);
    statistics.comparisons.push_back(
        compare(actual, expected[index], options.rtol, options.atol));
  }
  return true;
}

/// Tells how many runs are over. A measurement counts as the three runs that it
/// takes about as long as.
class RunProgress {
public:
  explicit RunProgress(const Options &options)
      : total(1 + options.benchmarkRuns + (options.measureMemory ? 3 : 0)) {
    if (!options.quiet)
      line.emplace("running " +
                   options.model.substr(options.model.rfind('/') + 1));
  }
  void begin(int64_t runsOver, const std::string &phase) {
    if (line)
      line->update(static_cast<double>(runsOver) / total, phase);
  }

private:
  int64_t total;
  std::optional<cinch::tools::Progress> line;
};

/// Loads the model and makes all runs; on failure sets `error`.
static bool runAll(const Options &options, Handles &handles, Buffers &buffers,
                   Statistics &statistics, std::string &error) {
  RunProgress progress(options);
  auto failed = [&] {
    error = cinch_last_error();
    return false;
  };
  progress.begin(0, "load");
  if (!open(options, handles))
    return failed();
  statistics.model.struct_size = sizeof(statistics.model);
  cinch_model_get_info(handles.model, &statistics.model);
  if (!makeInputs(handles.model, options, buffers.inputs, error) ||
      !makeBuffers(handles.model, statistics.model.output_count, buffers,
                   error))
    return false;

  progress.begin(0, "first run");
  DeviceCounters device;
  if (!options.counters.empty()) {
    if (!device.exist()) {
      error = "--counters is for models that run with --device=emulated";
      return false;
    }
    device.reset();
  }
  statistics.firstRunMs = runOnce(handles.session, buffers);
  if (statistics.firstRunMs < 0)
    return failed();
  if (!options.counters.empty() &&
      !writeDeviceCounters(options.counters, device, error))
    return false;
  std::vector<double> &times = statistics.timing.runs;
  times.reserve(options.benchmarkRuns);
  for (int64_t index = 0; index < options.benchmarkRuns; ++index) {
    progress.begin(1 + index, "run " + std::to_string(index + 1) + " of " +
                                  std::to_string(options.benchmarkRuns));
    times.push_back(runOnce(handles.session, buffers));
    if (times.back() < 0)
      return failed();
  }
  std::sort(times.begin(), times.end());
  statistics.counters.struct_size = sizeof(statistics.counters);
  statistics.memory.struct_size = sizeof(statistics.memory);
  int32_t inputCount = static_cast<int32_t>(buffers.inputs.size());
  if (cinch_session_get_counters(handles.session, &statistics.counters) ||
      cinch_session_get_memory(handles.session, buffers.inputShapes.data(),
                               inputCount, &statistics.memory))
    return failed();
  if (!options.measureMemory)
    return true;
  progress.begin(1 + options.benchmarkRuns, "measure memory");
  cinch_measurement_t measurement = {};
  measurement.struct_size = sizeof(measurement);
  if (cinch_session_measure_memory(handles.session, buffers.inputViews.data(),
                                   inputCount, buffers.outputViews.data(),
                                   statistics.model.output_count, &measurement))
    return failed();
  statistics.measurement = measurement;
  return true;
}

static int run(const Options &options) {
  Handles handles;
  Buffers buffers;
  Statistics statistics;
  std::string error;
  if (!runAll(options, handles, buffers, statistics, error))
    return reportError(error);
  if (!options.expect.empty() &&
      !compareOutputs(options, buffers, statistics, error))
    return reportError(error);
  if (!options.outputs.empty() &&
      !writeOutputs(options.outputs, buffers.outputs, error))
    return reportError(error);
  if (!options.json.empty() &&
      !writeJson(options.json, statistics, buffers.outputs, error))
    return reportError(error);
  if (!options.quiet)
    printReport(statistics, buffers.outputs);
  if (options.profile && !options.quiet)
    printProfile(handles.session, statistics.model.kernel_count);
  if (!options.trace.empty() &&
      !writeTrace(options.trace, handles.session, statistics.model.kernel_count,
                  error))
    return reportError(error);
  int result = 0;
  for (size_t index = 0; index < statistics.comparisons.size(); ++index) {
    const Comparison &comparison = statistics.comparisons[index];
    if (comparison.isEqual)
      continue;
    result = reportError(
        "output '" + buffers.outputs[index].name + "': " + comparison.message +
        " (" + std::to_string(comparison.mismatches) + " elements differ)");
  }
  return result;
}

int main(int argc, char **argv) {
  Options options;
  std::string error;
  if (!parseOptions(argc, argv, options, error)) {
    fprintf(stderr, "cinch-run: %s\nTry cinch-run --help.\n", error.c_str());
    return 2;
  }
  if (options.help || options.version) {
    if (options.help)
      fputs(usage, stdout);
    else
      printf("cinch-run %s\n", cinch_runtime_version());
    return 0;
  }
  int result = run(options);
  if (fflush(stdout))
    return reportError("cannot write to the standard output");
  return result;
}
