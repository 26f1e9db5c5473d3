//===- Api.cpp - the C interface ------------------------------------------===//
#include "runtime/Cuda/DeviceSession.h"
#include "runtime/Session.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <exception>
#include <memory>

using namespace cinch::rt;

/// Copies `given`, which may come from a program built with fewer members, into
/// the zeroed `out`.
template <typename T>
static cinch_status_t readOptions(const T *given, T &out) {
  out = {};
  if (!given)
    return CINCH_OK;
  if (given->struct_size < sizeof(size_t) || given->struct_size > sizeof(T))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "options: struct_size is %zu, but this runtime knows %zu",
                given->struct_size, sizeof(T));
  memcpy(&out, given, given->struct_size);
  return CINCH_OK;
}

/// Copies as much of `value` to `out` as its struct_size says.
template <typename T> static cinch_status_t writeInfo(T value, T *out) {
  if (!out)
    return fail(CINCH_ERROR_INVALID_ARGUMENT, "the out argument is null");
  if (out->struct_size < sizeof(size_t) || out->struct_size > sizeof(T))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "struct_size is %zu, but this runtime knows %zu",
                out->struct_size, sizeof(T));
  value.struct_size = out->struct_size;
  memcpy(out, &value, out->struct_size);
  return CINCH_OK;
}

static cinch_status_t nullArgument(const char *name) {
  return fail(CINCH_ERROR_INVALID_ARGUMENT, "%s is null", name);
}

/// Fails if `index` is that of no element of `list`, the `kind` of the model.
template <typename T>
static cinch_status_t checkIndex(const std::vector<T> &list, int32_t index,
                                 const char *kind) {
  if (index >= 0 && static_cast<size_t>(index) < list.size())
    return CINCH_OK;
  return fail(CINCH_ERROR_INVALID_ARGUMENT,
              "the model has %zu %s, so there is no number %d", list.size(),
              kind, index);
}

/// Returns the status of `body`. No exception leaves the interface: the tables
/// of the runtime throw if there is no memory for them.
template <typename Body>
static cinch_status_t guard(const char *what, Body body) {
  try {
    return body();
  } catch (const std::exception &) {
    return fail(CINCH_ERROR_OUT_OF_MEMORY, "no memory for %s", what);
  }
}

/// Makes a model of `source`, a path or a linked module.
template <typename T>
static cinch_status_t loadModel(const T &source,
                                const cinch_model_options_t *options,
                                cinch_model_t **out_model) {
  cinch_model_options_t known;
  CINCH_RETURN_IF_ERROR(readOptions(options, known));
  return guard("a model", [&]() -> cinch_status_t {
    auto release = [](cinch_model_t *model) { model->release(); };
    std::unique_ptr<cinch_model_t, decltype(release)> model(new cinch_model_t(),
                                                            release);
    CINCH_RETURN_IF_ERROR(model->load(source, known));
    *out_model = model.release();
    return CINCH_OK;
  });
}

cinch_status_t cinch_model_load(const char *path,
                                const cinch_model_options_t *options,
                                cinch_model_t **out_model) {
  if (!path || !out_model)
    return nullArgument(path ? "out_model" : "path");
  return loadModel(path, options, out_model);
}

cinch_status_t cinch_model_from_module(const cinch_module_t *module,
                                       const cinch_model_options_t *options,
                                       cinch_model_t **out_model) {
  if (!module || !out_model)
    return nullArgument(module ? "out_model" : "module");
  return loadModel(*module, options, out_model);
}

void cinch_model_release(cinch_model_t *model) {
  if (model)
    model->release();
}

cinch_status_t cinch_model_get_info(const cinch_model_t *model,
                                    cinch_model_info_t *out_info) {
  if (!model)
    return nullArgument("model");
  const Manifest &manifest = model->manifest;
  cinch_model_info_t info = {};
  info.name = manifest.model.c_str();
  info.target = manifest.target.c_str();
  info.cpu = manifest.cpu.c_str();
  info.producer = manifest.producer.c_str();
  info.input_count = static_cast<int32_t>(manifest.inputs.size());
  info.output_count = static_cast<int32_t>(manifest.outputs.size());
  info.symbol_count = static_cast<int32_t>(manifest.symbols.size());
  info.kernel_count = static_cast<int32_t>(manifest.kernels.size());
  info.state_count = static_cast<int32_t>(manifest.states.size());
  info.weights_bytes = model->weights.bytes();
  info.guaranteed_peak_bytes = manifest.plan ? manifest.plan->peak : -1;
  info.load_us = model->loadMicroseconds;
  return writeInfo(info, out_info);
}

static cinch_status_t getValue(const std::vector<Value> &values, int32_t index,
                               const char *kind, cinch_value_info_t *out_info) {
  CINCH_RETURN_IF_ERROR(checkIndex(values, index, kind));
  const Value &value = values[index];
  cinch_value_info_t info = {};
  info.name = value.name.c_str();
  info.dtype = value.dtype;
  info.rank = static_cast<int32_t>(value.dims.size());
  info.dims = value.dimInfos.data();
  return writeInfo(info, out_info);
}

cinch_status_t cinch_model_get_input(const cinch_model_t *model, int32_t index,
                                     cinch_value_info_t *out_info) {
  if (!model)
    return nullArgument("model");
  return getValue(model->manifest.inputs, index, "inputs", out_info);
}

cinch_status_t cinch_model_get_output(const cinch_model_t *model, int32_t index,
                                      cinch_value_info_t *out_info) {
  if (!model)
    return nullArgument("model");
  return getValue(model->manifest.outputs, index, "outputs", out_info);
}

cinch_status_t cinch_model_get_symbol(const cinch_model_t *model, int32_t index,
                                      cinch_symbol_info_t *out_info) {
  if (!model)
    return nullArgument("model");
  const std::vector<Symbol> &symbols = model->manifest.symbols;
  CINCH_RETURN_IF_ERROR(checkIndex(symbols, index, "symbols"));
  const Symbol &symbol = symbols[index];
  cinch_symbol_info_t info = {};
  info.name = symbol.name.c_str();
  info.min = symbol.min;
  info.max = symbol.max;
  info.input = symbol.input;
  info.axis = symbol.axis;
  return writeInfo(info, out_info);
}

cinch_status_t cinch_model_get_state(const cinch_model_t *model, int32_t index,
                                     cinch_state_info_t *out_info) {
  if (!model)
    return nullArgument("model");
  const std::vector<State> &states = model->manifest.states;
  CINCH_RETURN_IF_ERROR(checkIndex(states, index, "states"));
  cinch_state_info_t info = {};
  info.input = states[index].input;
  info.output = states[index].output;
  info.axis = states[index].axis;
  return writeInfo(info, out_info);
}

cinch_status_t cinch_model_output_shape(const cinch_model_t *model,
                                        const cinch_shape_t *inputs,
                                        int32_t input_count, int32_t output,
                                        int64_t *out_dims) {
  if (!model || !out_dims || (input_count && !inputs))
    return nullArgument(!model ? "model" : !out_dims ? "out_dims" : "inputs");
  const Manifest &manifest = model->manifest;
  return guard("the sizes", [&]() -> cinch_status_t {
    CINCH_RETURN_IF_ERROR(checkIndex(manifest.outputs, output, "outputs"));
    std::vector<int64_t> symbols(manifest.symbols.size());
    CINCH_RETURN_IF_ERROR(
        bindSymbols(manifest, inputs, input_count, symbols.data()));
    SizePlan plan;
    CINCH_RETURN_IF_ERROR(evaluateShapes(manifest, symbols.data(), plan));
    for (int32_t index = 0; index < input_count; ++index)
      CINCH_RETURN_IF_ERROR(checkShape(manifest.inputs[index],
                                       plan.inputs[index], inputs[index].rank,
                                       inputs[index].dims, "input"));
    const std::vector<int64_t> &dims = plan.outputs[output].dims;
    std::copy(dims.begin(), dims.end(), out_dims);
    return CINCH_OK;
  });
}

cinch_status_t cinch_session_create(cinch_model_t *model,
                                    const cinch_session_options_t *options,
                                    cinch_session_t **out_session) {
  if (!model || !out_session)
    return nullArgument(model ? "out_session" : "model");
  cinch_session_options_t known;
  CINCH_RETURN_IF_ERROR(readOptions(options, known));
  return guard("a session", [&]() -> cinch_status_t {
    auto session = std::make_unique<cinch_session_t>(*model);
    CINCH_RETURN_IF_ERROR(session->initialize(known));
    *out_session = session.release();
    return CINCH_OK;
  });
}

void cinch_session_release(cinch_session_t *session) { delete session; }

cinch_status_t cinch_session_prepare(cinch_session_t *session,
                                     const cinch_shape_t *inputs,
                                     int32_t input_count) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  return guard("the plan", [&]() -> cinch_status_t {
    SizePlan *plan;
    CINCH_RETURN_IF_ERROR(session->insertShapes(inputs, input_count));
    CINCH_RETURN_IF_ERROR(session->getPlan(inputs, input_count, plan));
    CINCH_RETURN_IF_ERROR(session->checkCapacity(*plan));
    return session->reserve(*plan);
  });
}

cinch_status_t cinch_session_reserve_states(cinch_session_t *session,
                                            const cinch_shape_t *shapes,
                                            int32_t shape_count) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  return guard("the states",
               [&] { return session->reserveStates(shapes, shape_count); });
}

cinch_status_t cinch_session_reset_states(cinch_session_t *session) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  return session->resetStates();
}

cinch_status_t cinch_session_get_state(const cinch_session_t *session,
                                       int32_t index,
                                       cinch_tensor_t *out_state) {
  if (!session || !out_state)
    return nullArgument(session ? "out_state" : "session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  return session->getState(index, *out_state);
}

cinch_status_t cinch_session_run(cinch_session_t *session,
                                 const cinch_tensor_t *inputs,
                                 int32_t input_count,
                                 const cinch_tensor_t *outputs,
                                 int32_t output_count) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  return guard("a run", [&] {
    return session->run(inputs, input_count, outputs, output_count);
  });
}

cinch_status_t cinch_session_get_memory(cinch_session_t *session,
                                        const cinch_shape_t *inputs,
                                        int32_t input_count,
                                        cinch_memory_info_t *out_info) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  SizePlan *plan = nullptr;
  CINCH_RETURN_IF_ERROR(guard("the plan", [&]() -> cinch_status_t {
    CINCH_RETURN_IF_ERROR(session->insertShapes(inputs, input_count));
    CINCH_RETURN_IF_ERROR(session->getPlan(inputs, input_count, plan));
    return session->reserve(*plan);
  }));
  cinch_memory_info_t info = {};
  info.predicted_peak_bytes = plan->peak;
  info.lower_bound_bytes = plan->lowerBound;
  info.arena_bytes = session->arenaBytes;
  info.staging_bytes = session->staging.size();
  info.weights_bytes = session->model.weights.bytes();
  info.state_bytes = session->stateBytes;
  if (const DeviceSession *device = session->device.get()) {
    info.staging_bytes = device->staging.onHost.size();
    info.device_staging_bytes = device->staging.onDevice.size();
    info.device_bytes = device->getDeviceBytes();
  }
  const Manifest &manifest = session->model.manifest;
  auto isOwned = [&](const Value &value) {
    return value.state >= 0 && session->ownsStates();
  };
  for (size_t index = 0; index < plan->inputs.size(); ++index)
    if (!isOwned(manifest.inputs[index]))
      info.inputs_bytes += plan->inputs[index].bytes;
  for (size_t index = 0; index < plan->outputs.size(); ++index)
    if (!isOwned(manifest.outputs[index]))
      info.outputs_bytes += plan->outputs[index].bytes;
  strncpy(info.method, plan->method.c_str(), sizeof(info.method) - 1);
  return writeInfo(info, out_info);
}

cinch_status_t cinch_session_get_counters(const cinch_session_t *session,
                                          cinch_counters_t *out_counters) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  return writeInfo(session->counters, out_counters);
}

cinch_status_t cinch_session_get_trace(const cinch_session_t *session,
                                       const cinch_trace_event_t **out_events,
                                       int64_t *out_count,
                                       int64_t *out_dropped) {
  if (!session)
    return nullArgument("session");
  if (!out_events)
    return nullArgument("out_events");
  if (!out_count)
    return nullArgument("out_count");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  *out_events = session->trace.events.data();
  *out_count = static_cast<int64_t>(session->trace.count);
  if (out_dropped)
    *out_dropped = session->trace.dropped;
  return CINCH_OK;
}

cinch_status_t cinch_session_get_kernel(const cinch_session_t *session,
                                        int32_t index,
                                        cinch_kernel_info_t *out_info) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  const Manifest &manifest = session->model.manifest;
  CINCH_RETURN_IF_ERROR(checkIndex(manifest.kernels, index, "kernels"));
  const Kernel &kernel = manifest.kernels[index];
  auto evaluate = [&](const cinch::plan::Expr &expression) -> int64_t {
    if (!session->hasRun)
      return -1;
    return manifest.evaluate(expression, session->symbols.data()).value_or(-1);
  };
  cinch_kernel_info_t info = {};
  info.name = kernel.name.c_str();
  info.op = kernel.op.c_str();
  info.kind = kernel.kind.c_str();
  info.calls = session->kernels[index].calls;
  info.time_ns = session->kernels[index].nanoseconds;
  info.flops = evaluate(kernel.flops);
  info.bytes = evaluate(kernel.bytes);
  return writeInfo(info, out_info);
}

cinch_status_t cinch_session_measure_memory(
    cinch_session_t *session, const cinch_tensor_t *inputs, int32_t input_count,
    const cinch_tensor_t *outputs, int32_t output_count,
    cinch_measurement_t *out_measurement) {
  if (!session)
    return nullArgument("session");
  cinch_session_t::Use use(*session);
  CINCH_RETURN_IF_ERROR(use.check());
  cinch_measurement_t measurement = {};
  CINCH_RETURN_IF_ERROR(guard("a measurement", [&] {
    return session->measure(inputs, input_count, outputs, output_count,
                            measurement);
  }));
  return writeInfo(measurement, out_measurement);
}
