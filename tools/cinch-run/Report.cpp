//===- Report.cpp - what cinch-run says about a run -----------------------===//
#include "tools/cinch-run/Report.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

namespace cinch::run {

double Timing::quantile(double share) const {
  if (runs.empty())
    return 0;
  size_t index = static_cast<size_t>(std::ceil(share * runs.size()));
  return runs[std::min(std::max<size_t>(index, 1), runs.size()) - 1];
}

void printReport(const Statistics &statistics,
                 const std::vector<NamedTensor> &outputs) {
  const cinch_memory_info_t &memory = statistics.memory;
  bool isOnCpu = !strcmp(statistics.model.target, "cpu");
  printf("model      %s (%s, %s)\n", statistics.model.name,
         isOnCpu ? statistics.model.cpu : statistics.model.target,
         statistics.model.producer);
  for (const NamedTensor &output : outputs)
    printf("output     %s: %s\n", output.name.c_str(),
           output.tensor.str().c_str());
  printf("arena      %" PRId64 " bytes predicted, lower bound %" PRId64
         " (%s)\n",
         memory.predicted_peak_bytes, memory.lower_bound_bytes, memory.method);
  if (statistics.measurement)
    printf("measured   %" PRId64 " bytes%s\n",
           statistics.measurement->measured_peak_bytes,
           statistics.measurement->measured_peak_bytes ==
                   memory.predicted_peak_bytes
               ? ", as predicted"
               : ", which is NOT as predicted");
  printf("weights    %" PRId64 " bytes\n", memory.weights_bytes);
  if (memory.staging_bytes)
    printf("staging    %" PRId64 " bytes\n", memory.staging_bytes);
  if (memory.device_bytes)
    printf("device     %" PRId64 " bytes in all, %" PRId64 " of staging\n",
           memory.device_bytes, memory.device_staging_bytes);
  printf("caller     %" PRId64 " bytes in, %" PRId64 " bytes out\n",
         memory.inputs_bytes, memory.outputs_bytes);
  printf("time       load %.2f ms, first run %.3f ms, %d threads\n",
         statistics.model.load_us / 1000.0, statistics.firstRunMs,
         statistics.counters.threads);
  if (!statistics.timing.runs.empty())
    printf("benchmark  %zu runs: median %.3f ms, p99 %.3f ms, min %.3f ms\n",
           statistics.timing.runs.size(), statistics.timing.quantile(0.5),
           statistics.timing.quantile(0.99), statistics.timing.runs.front());
  for (size_t index = 0; index < statistics.comparisons.size(); ++index) {
    const Comparison &comparison = statistics.comparisons[index];
    printf("compare    %s: %s, max error %.3g (largest value %.3g)\n",
           outputs[index].name.c_str(), comparison.isEqual ? "ok" : "DIFFERS",
           comparison.maxError, comparison.maxValue);
  }
}

void printProfile(const cinch_session_t *session, int32_t kernelCount) {
  std::vector<cinch_kernel_info_t> kernels(kernelCount);
  for (int32_t index = 0; index < kernelCount; ++index) {
    kernels[index] = {};
    kernels[index].struct_size = sizeof(cinch_kernel_info_t);
    cinch_session_get_kernel(session, index, &kernels[index]);
  }
  std::stable_sort(
      kernels.begin(), kernels.end(),
      [](const cinch_kernel_info_t &a, const cinch_kernel_info_t &b) {
        return a.time_ns > b.time_ns;
      });
  printf("%10s %8s %10s %8s  kernel\n", "us/call", "calls", "GFLOP/s", "GB/s");
  for (const cinch_kernel_info_t &kernel : kernels) {
    if (kernel.calls == 0)
      continue;
    double nanoseconds = static_cast<double>(kernel.time_ns) / kernel.calls;
    printf("%10.2f %8" PRId64 " %10.2f %8.2f  %s (%s, %s)\n",
           nanoseconds / 1000, kernel.calls, kernel.flops / nanoseconds,
           kernel.bytes / nanoseconds, kernel.name, kernel.op, kernel.kind);
  }
}

/// Writes a number that JSON can hold, else null.
template <typename Writer> static void putDouble(Writer &writer, double value) {
  if (std::isfinite(value))
    writer.Double(value);
  else
    writer.Null();
}

template <typename Writer>
static void putOutputs(Writer &writer, const Statistics &statistics,
                       const std::vector<NamedTensor> &outputs) {
  writer.Key("outputs");
  writer.StartArray();
  for (size_t index = 0; index < outputs.size(); ++index) {
    const Tensor &tensor = outputs[index].tensor;
    writer.StartObject();
    writer.Key("name");
    writer.String(outputs[index].name.c_str());
    writer.Key("dtype");
    writer.String(cinch_dtype_name(tensor.dtype));
    writer.Key("shape");
    writer.StartArray();
    for (int64_t dim : tensor.shape)
      writer.Int64(dim);
    writer.EndArray();
    if (index < statistics.comparisons.size()) {
      const Comparison &comparison = statistics.comparisons[index];
      writer.Key("matches");
      writer.Bool(comparison.isEqual);
      writer.Key("max_error");
      putDouble(writer, comparison.maxError);
      writer.Key("max_value");
      putDouble(writer, comparison.maxValue);
    }
    writer.EndObject();
  }
  writer.EndArray();
}

bool writeJson(const std::string &path, const Statistics &statistics,
               const std::vector<NamedTensor> &outputs, std::string &error) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  auto putInt = [&](const char *name, int64_t value) {
    writer.Key(name);
    writer.Int64(value);
  };
  auto putMs = [&](const char *name, double value, bool isKnown = true) {
    writer.Key(name);
    if (isKnown)
      putDouble(writer, value);
    else
      writer.Null();
  };
  const cinch_memory_info_t &memory = statistics.memory;
  const Timing &timing = statistics.timing;
  bool isTimed = !timing.runs.empty();
  writer.StartObject();
  writer.Key("model");
  writer.String(statistics.model.name);
  writer.Key("target");
  writer.String(statistics.model.target);
  writer.Key("cpu");
  writer.String(statistics.model.cpu);
  writer.Key("plan_method");
  writer.String(memory.method);
  putInt("predicted_peak_bytes", memory.predicted_peak_bytes);
  writer.Key("measured_peak_bytes");
  if (statistics.measurement)
    writer.Int64(statistics.measurement->measured_peak_bytes);
  else
    writer.Null();
  putInt("lower_bound_bytes", memory.lower_bound_bytes);
  putInt("guaranteed_peak_bytes", statistics.model.guaranteed_peak_bytes);
  putInt("arena_bytes", memory.arena_bytes);
  putInt("staging_bytes", memory.staging_bytes);
  putInt("state_bytes", memory.state_bytes);
  putInt("device_staging_bytes", memory.device_staging_bytes);
  putInt("device_bytes", memory.device_bytes);
  putInt("weights_bytes", memory.weights_bytes);
  putInt("inputs_bytes", memory.inputs_bytes);
  putInt("outputs_bytes", memory.outputs_bytes);
  putInt("threads", statistics.counters.threads);
  putInt("kernel_calls", statistics.counters.kernel_calls);
  putMs("load_ms", statistics.model.load_us / 1000.0);
  putMs("first_run_ms", statistics.firstRunMs);
  putInt("benchmark_runs", static_cast<int64_t>(timing.runs.size()));
  putMs("median_ms", timing.quantile(0.5), isTimed);
  putMs("p99_ms", timing.quantile(0.99), isTimed);
  putMs("min_ms", isTimed ? timing.runs.front() : 0, isTimed);
  putOutputs(writer, statistics, outputs);
  writer.EndObject();
  return writeFile(
      path, {Bytes(buffer.GetString(), buffer.GetSize()), Bytes("\n")}, error);
}

} // namespace cinch::run
