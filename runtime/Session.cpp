//===- Session.cpp - one user of a model ----------------------------------===//
#include "runtime/Session.h"

#include "runtime/Cuda/DeviceSession.h"
#include "runtime/Threads.h"
#include "runtime/Views.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstring>

using namespace cinch::rt;

/// Alignment of the arena and of every staged tensor, bytes.
static constexpr int64_t bufferAlignment = 64;

static int64_t alignUp(int64_t bytes, int64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

cinch_status_t cinch_session_t::Use::check() const {
  if (isFirst)
    return CINCH_OK;
  return fail(CINCH_ERROR_BUSY,
              "the session is in use by another thread: create one per thread");
}

cinch_session_t::cinch_session_t(cinch_model_t &model) : model(model) {
  model.retain();
}

cinch_session_t::~cinch_session_t() {
  device.reset();
  model.release();
}

cinch_status_t
cinch_session_t::initialize(const cinch_session_options_t &options) {
  const Manifest &manifest = model.manifest;
  if (options.threads < 0 || options.threads > 1024)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "expected threads from 0 to 1024, but got %d", options.threads);
  if (options.plan_cache_size < 0)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "expected plan_cache_size >= 0, but got %d",
                options.plan_cache_size);
  constexpr int64_t maxTraceCapacity = 1 << 24;
  if (options.trace_capacity < 0 || options.trace_capacity > maxTraceCapacity)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "expected trace_capacity from 0 to %" PRId64
                ", but got %" PRId64,
                maxTraceCapacity, options.trace_capacity);
  trace.events.resize(options.trace_capacity);
  profile = options.profile != 0;
  CINCH_RETURN_IF_ERROR(openDevice(options));
  threads = device ? 1 : options.threads;
  if (!device)
    prepareThreads(threads);
  if (options.plan_cache_size)
    planCacheSize = options.plan_cache_size;
  if (options.arena) {
    int64_t alignment = std::max(bufferAlignment, manifest.alignment);
    if (options.arena_bytes < 0 ||
        reinterpret_cast<uintptr_t>(options.arena) % alignment != 0)
      return fail(CINCH_ERROR_BUFFER,
                  "expected an arena aligned to %" PRId64 " bytes", alignment);
    hasCallerArena = true;
    arena = static_cast<uint8_t *>(options.arena);
    arenaBytes = options.arena_bytes;
  }
  shapes.resize(manifest.inputs.size());
  boundSymbols.resize(manifest.symbols.size());
  symbols.resize(manifest.symbols.size());
  caller.resize(manifest.inputs.size() + manifest.outputs.size());
  kernels.resize(manifest.kernels.size());
  rows.resize(2 * manifest.states.size());
  plans.reserve(planCacheSize);
  // A plan in the manifest holds for every size: its peak is the guarantee.
  return manifest.plan ? reserveArena(manifest.plan->peak) : CINCH_OK;
}

cinch_status_t
cinch_session_t::openDevice(const cinch_session_options_t &options) {
  bool isForCpu = model.manifest.target == "cpu";
  const char *name = options.device;
  if (!name)
    name = isForCpu ? "cpu" : "cuda:0";
  bool isOnCpu = !strcmp(name, "cpu");
  if (isOnCpu != isForCpu)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "%s: compiled for target '%s', which device '%s' is not: "
                "compile it with --target=%s",
                model.path.c_str(), model.manifest.target.c_str(), name,
                isOnCpu ? "cpu" : "cuda:sm_80, or newer");
  if (isOnCpu)
    return CINCH_OK;
  if (options.arena)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the arena is on device '%s': it cannot be given", name);
  device = std::make_unique<DeviceSession>();
  return device->initialize(model, name, profile);
}

cinch_status_t cinch_session_t::reserve(const SizePlan &plan) {
  CINCH_RETURN_IF_ERROR(reserveArena(plan.peak));
  return device ? device->reserveStaging(plan, ownsStates()) : CINCH_OK;
}

cinch_status_t cinch_session_t::reserveArena(int64_t bytes) {
  if (device) {
    cinch_status_t status = device->reserveArena(bytes);
    arenaBytes = device->arena.size();
    return status;
  }
  if (bytes <= arenaBytes)
    return CINCH_OK;
  if (hasCallerArena)
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "the arena given has %" PRId64 " bytes, but %" PRId64
                " are needed",
                arenaBytes, bytes);
  arenaBytes = 0;
  arena = nullptr;
  CINCH_RETURN_IF_ERROR(ownArena.allocate(bytes, "the arena"));
  arena = ownArena.data();
  arenaBytes = bytes;
  return CINCH_OK;
}

cinch_status_t cinch_session_t::getPlan(const cinch_shape_t *inputs,
                                        int32_t count, SizePlan *&out) {
  if (count && !inputs)
    return fail(CINCH_ERROR_INVALID_ARGUMENT, "inputs is null");
  CINCH_RETURN_IF_ERROR(
      bindSymbols(model.manifest, inputs, count, boundSymbols.data()));
  SizePlan *plan = nullptr;
  for (const auto &candidate : plans)
    if (candidate->symbols == boundSymbols)
      plan = candidate.get();
  if (!plan) {
    auto made = std::make_unique<SizePlan>();
    CINCH_RETURN_IF_ERROR(
        evaluateShapes(model.manifest, boundSymbols.data(), *made));
    CINCH_RETURN_IF_ERROR(planSlots(model.manifest, *made));
    counters.plans_made++;
    plan = made.get();
    if (plans.size() < planCacheSize) {
      plans.push_back(std::move(made));
    } else {
      auto oldest = std::min_element(
          plans.begin(), plans.end(),
          [](const auto &a, const auto &b) { return a->lastUse < b->lastUse; });
      *oldest = std::move(made);
    }
  } else {
    counters.plans_reused++;
  }
  plan->lastUse = ++useCount;
  for (int32_t index = 0; index < count; ++index)
    CINCH_RETURN_IF_ERROR(checkShape(model.manifest.inputs[index],
                                     plan->inputs[index], inputs[index].rank,
                                     inputs[index].dims, "input"));
  out = plan;
  return CINCH_OK;
}

cinch_status_t cinch_session_t::planViews(const cinch_tensor_t *&inputs,
                                          int32_t inputCount,
                                          const cinch_tensor_t *&outputs,
                                          int32_t outputCount, SizePlan *&out) {
  if ((inputCount && !inputs) || (outputCount && !outputs))
    return fail(CINCH_ERROR_INVALID_ARGUMENT, "inputs or outputs is null");
  CINCH_RETURN_IF_ERROR(insertInputs(inputs, inputCount));
  if (inputCount != static_cast<int32_t>(shapes.size()))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the model has %zu inputs, but %d were given", shapes.size(),
                inputCount);
  for (int32_t index = 0; index < inputCount; ++index)
    shapes[index] = {inputs[index].rank, inputs[index].shape};
  CINCH_RETURN_IF_ERROR(getPlan(shapes.data(), inputCount, out));
  CINCH_RETURN_IF_ERROR(insertOutputs(*out, outputs, outputCount));
  return checkViews(model.manifest, *out, inputs, inputCount, outputs,
                    outputCount);
}

cinch_status_t cinch_session_t::stage(const SizePlan &plan,
                                      const cinch_tensor_t *inputs,
                                      const cinch_tensor_t *outputs) {
  const Manifest &manifest = model.manifest;
  size_t inputCount = plan.inputs.size(), count = caller.size();
  auto view = [&](size_t index) -> const cinch_tensor_t & {
    return index < inputCount ? inputs[index] : outputs[index - inputCount];
  };
  auto extent = [&](size_t index) -> const Extent & {
    return index < inputCount ? plan.inputs[index]
                              : plan.outputs[index - inputCount];
  };
  auto value = [&](size_t index) -> const Value & {
    return index < inputCount ? manifest.inputs[index]
                              : manifest.outputs[index - inputCount];
  };
  auto elementBytes = [&](size_t index) {
    return dtypeBytes(value(index).dtype);
  };
  // A state may have room for more rows; a kernel is told how many.
  auto isInPlace = [&](size_t index) {
    bool isPast = index < inputCount;
    int32_t state = value(index).state;
    if (state < 0)
      return isContiguous(view(index), elementBytes(index));
    int32_t axis = manifest.states[state].axis;
    int64_t &own = rows[2 * state + !isPast];
    if (getRows(view(index), elementBytes(index), axis, own))
      return true;
    own = extent(index).dims[axis];
    return false;
  };
  int64_t needed = 0;
  for (size_t index = 0; index < count; ++index) {
    caller[index] = view(index).data;
    if (isInPlace(index))
      continue;
    caller[index] = nullptr; // staged, see below
    if (__builtin_add_overflow(
            needed, alignUp(extent(index).bytes, bufferAlignment), &needed))
      return fail(CINCH_ERROR_OUT_OF_MEMORY, "the staging overflows");
  }
  if (needed > staging.size()) {
    CINCH_RETURN_IF_ERROR(staging.allocate(needed, "the staging"));
  }
  uint8_t *next = staging.data();
  for (size_t index = 0; index < count; ++index) {
    if (caller[index] || extent(index).elements == 0)
      continue;
    caller[index] = next;
    next += alignUp(extent(index).bytes, bufferAlignment);
    if (index < inputCount) {
      gather(view(index), elementBytes(index),
             static_cast<uint8_t *>(caller[index]));
      counters.copied_bytes += extent(index).bytes;
    }
  }
  return CINCH_OK;
}

void cinch_session_t::unstage(const SizePlan &plan,
                              const cinch_tensor_t *outputs) {
  for (size_t index = 0; index < plan.outputs.size(); ++index) {
    void *data = caller[plan.inputs.size() + index];
    if (data == outputs[index].data || plan.outputs[index].elements == 0)
      continue;
    scatter(outputs[index], dtypeBytes(model.manifest.outputs[index].dtype),
            static_cast<const uint8_t *>(data));
    counters.copied_bytes += plan.outputs[index].bytes;
  }
}

cinch_status_t cinch_session_t::run(const cinch_tensor_t *inputs,
                                    int32_t inputCount,
                                    const cinch_tensor_t *outputs,
                                    int32_t outputCount) {
  auto start = std::chrono::steady_clock::now();
  SizePlan *plan;
  CINCH_RETURN_IF_ERROR(
      planViews(inputs, inputCount, outputs, outputCount, plan));
  CINCH_RETURN_IF_ERROR(reserve(*plan));
  counters.copied_bytes = 0;
  if (!device)
    CINCH_RETURN_IF_ERROR(stage(*plan, inputs, outputs));
  Team team(threads);

  RunState state{team};
  state.profile = profile;
  state.trace = trace.events.empty() ? nullptr : &trace;
  state.run = counters.runs + counters.failed_runs;
  state.kernels = &kernels;
  RunMemory memory{arena, model.weights.base(), caller.data(), rows.data()};
  cinch_status_t status =
      device ? device->run(*plan, inputs, outputs, symbols.data(), state)
             : execute(model, *plan, memory, symbols.data(), state);
  hasRun = true;
  counters.threads = team.size();
  counters.kernel_calls = state.kernelCalls;
  counters.parallel_calls = state.parallelCalls;
  counters.copied_bytes += state.copiedBytes;
  if (status != CINCH_OK) {
    counters.failed_runs++;
    return status;
  }
  if (!device)
    unstage(*plan, outputs);
  advanceStates();
  counters.runs++;
  counters.last_run_us = std::chrono::duration_cast<std::chrono::microseconds>(
                             std::chrono::steady_clock::now() - start)
                             .count();
  return CINCH_OK;
}
