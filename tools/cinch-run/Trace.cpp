//===- Trace.cpp - the calls of a session's kernels as a Chrome trace -----===//
//
// The JSON object format of "Trace Event Format" (2016), complete events ("X")
// and the names of threads ("M"); chrome://tracing and Perfetto show it.
//
//===----------------------------------------------------------------------===//
#include "tools/cinch-run/Report.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace cinch::run {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

static void putString(Writer &writer, const char *key, const char *value) {
  writer.Key(key);
  writer.String(value);
}

/// Begins an event of `phase` on `thread`.
static void beginEvent(Writer &writer, const char *phase, int32_t thread) {
  writer.StartObject();
  putString(writer, "ph", phase);
  writer.Key("pid");
  writer.Int(0);
  writer.Key("tid");
  writer.Int(thread);
}

static void putThreadName(Writer &writer, int32_t thread) {
  beginEvent(writer, "M", thread);
  putString(writer, "name", "thread_name");
  writer.Key("args");
  writer.StartObject();
  std::string name = "thread " + std::to_string(thread);
  putString(writer, "name", name.c_str());
  writer.EndObject();
  writer.EndObject();
}

static void putCall(Writer &writer, const cinch_trace_event_t &event,
                    const cinch_kernel_info_t &kernel, int64_t origin) {
  beginEvent(writer, "X", event.thread);
  putString(writer, "name", kernel.name);
  putString(writer, "cat", kernel.kind);
  writer.Key("ts");
  writer.Double(static_cast<double>(event.start_ns - origin) / 1000);
  writer.Key("dur");
  writer.Double(static_cast<double>(event.end_ns - event.start_ns) / 1000);
  writer.Key("args");
  writer.StartObject();
  putString(writer, "operators", kernel.op);
  writer.Key("kernel");
  writer.Int(event.kernel);
  writer.Key("run");
  writer.Int64(event.run);
  writer.Key("flops");
  writer.Int64(kernel.flops);
  writer.Key("bytes");
  writer.Int64(kernel.bytes);
  writer.EndObject();
  writer.EndObject();
}

bool writeTrace(const std::string &path, const cinch_session_t *session,
                int32_t kernelCount, std::string &error) {
  const cinch_trace_event_t *events;
  int64_t count, dropped;
  if (cinch_session_get_trace(session, &events, &count, &dropped)) {
    error = cinch_last_error();
    return false;
  }
  std::vector<cinch_kernel_info_t> kernels(kernelCount);
  for (int32_t index = 0; index < kernelCount; ++index) {
    kernels[index] = {};
    kernels[index].struct_size = sizeof(cinch_kernel_info_t);
    cinch_session_get_kernel(session, index, &kernels[index]);
  }
  int64_t origin = INT64_MAX;
  int32_t threads = 0;
  for (int64_t index = 0; index < count; ++index) {
    origin = std::min(origin, events[index].start_ns);
    threads = std::max(threads, events[index].thread + 1);
  }
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  putString(writer, "displayTimeUnit", "ns");
  writer.Key("otherData");
  writer.StartObject();
  writer.Key("dropped_events");
  writer.Int64(dropped);
  writer.EndObject();
  writer.Key("traceEvents");
  writer.StartArray();
  for (int32_t thread = 0; thread < threads; ++thread)
    putThreadName(writer, thread);
  for (int64_t index = 0; index < count; ++index)
    if (events[index].kernel >= 0 && events[index].kernel < kernelCount)
      putCall(writer, events[index], kernels[events[index].kernel], origin);
  writer.EndArray();
  writer.EndObject();
  if (dropped)
    fprintf(stderr,
            "cinch-run: the trace has the first %" PRId64 " events; %" PRId64
            " had no room\n",
            count, dropped);
  return writeFile(
      path, {Bytes(buffer.GetString(), buffer.GetSize()), Bytes("\n")}, error);
}

} // namespace cinch::run
