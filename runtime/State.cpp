//===- State.cpp - buffers that a session keeps between its runs ----------===//
//
// A session that owns its states passes them to the run as a caller would: the
// past is a view of the rows so far, the present a view of the same buffer with
// the new rows. So there is one path for both, and one set of checks.
//
//===----------------------------------------------------------------------===//
#include "runtime/Cuda/DeviceSession.h"

#include <cinttypes>

using namespace cinch::rt;

/// Alignment of every state, bytes.
static constexpr int64_t stateAlignment = 64;

/// Computes the strides in bytes of a buffer of `dims`, and its bytes, rounded
/// up to the alignment; false if they overflow.
static bool layOut(const std::vector<int64_t> &dims, int64_t elementBytes,
                   std::vector<int64_t> &outStrides, int64_t &outBytes) {
  outStrides.resize(dims.size());
  int64_t stride = elementBytes;
  for (size_t axis = dims.size(); axis-- > 0;) {
    outStrides[axis] = stride;
    if (__builtin_mul_overflow(stride, dims[axis], &stride))
      return false;
  }
  if (__builtin_add_overflow(stride, stateAlignment - 1, &outBytes))
    return false;
  outBytes -= outBytes % stateAlignment;
  return true;
}

/// Checks the shape of a buffer for `state`: its axis holds the capacity.
static cinch_status_t checkBuffer(const Manifest &manifest, const State &state,
                                  const cinch_shape_t &shape) {
  const Value &value = manifest.inputs[state.input];
  int32_t rank = static_cast<int32_t>(value.dims.size());
  if (shape.rank != rank || !shape.dims)
    return fail(CINCH_ERROR_SHAPE,
                "state '%s' has rank %d, but a shape of rank %d was given",
                value.name.c_str(), rank, shape.rank);
  for (int32_t axis = 0; axis < rank; ++axis) {
    const cinch_dim_t &dim = value.dimInfos[axis];
    bool isRows = axis == state.axis;
    if (shape.dims[axis] < (isRows ? 0 : dim.min) ||
        (!isRows && dim.max >= 0 && shape.dims[axis] > dim.max))
      return fail(CINCH_ERROR_SHAPE,
                  "dimension %d of state '%s' is %s, but %" PRId64 " was given",
                  axis, value.name.c_str(), dim.expression, shape.dims[axis]);
  }
  return CINCH_OK;
}

cinch_status_t cinch_session_t::reserveStates(const cinch_shape_t *newShapes,
                                              int32_t count) {
  const Manifest &manifest = model.manifest;
  if (count && !newShapes)
    return fail(CINCH_ERROR_INVALID_ARGUMENT, "shapes is null");
  if (count != 0 && count != static_cast<int32_t>(manifest.states.size()))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the model has %zu states, but %d shapes were given",
                manifest.states.size(), count);
  std::vector<OwnedState> made(count);
  std::vector<int64_t> offsets(count);
  int64_t total = 0;
  for (int32_t index = 0; index < count; ++index) {
    const State &state = manifest.states[index];
    const Value &value = manifest.inputs[state.input];
    CINCH_RETURN_IF_ERROR(checkBuffer(manifest, state, newShapes[index]));
    OwnedState &own = made[index];
    own.dims.assign(newShapes[index].dims,
                    newShapes[index].dims + newShapes[index].rank);
    own.past = own.present = own.dims;
    own.past[state.axis] = 0;
    int64_t bytes;
    offsets[index] = total;
    if (!layOut(own.dims, dtypeBytes(value.dtype), own.strides, bytes) ||
        __builtin_add_overflow(total, bytes, &total))
      return fail(CINCH_ERROR_OUT_OF_MEMORY, "the state '%s' is too large",
                  value.name.c_str());
  }
  allInputs.resize(manifest.inputs.size());
  allOutputs.resize(manifest.outputs.size());
  allShapes.resize(manifest.inputs.size());
  // From here on the old states are gone, whatever happens.
  states.clear();
  stateBytes = 0;
  stateMemory.release();
  if (device)
    CINCH_RETURN_IF_ERROR(device->reserveStates(total));
  else if (total)
    CINCH_RETURN_IF_ERROR(stateMemory.allocate(total, "the states"));
  uint8_t *base = device ? device->states.data() : stateMemory.data();
  for (int32_t index = 0; index < count; ++index)
    made[index].data = total ? base + offsets[index] : nullptr;
  states = std::move(made);
  stateBytes = total;
  return CINCH_OK;
}

cinch_status_t cinch_session_t::resetStates() {
  if (!ownsStates())
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the session owns no states: reserve them first");
  for (size_t index = 0; index < states.size(); ++index)
    states[index].past[model.manifest.states[index].axis] = 0;
  return CINCH_OK;
}

cinch_tensor_t
cinch_session_t::viewState(int32_t index,
                           const std::vector<int64_t> &shape) const {
  const State &state = model.manifest.states[index];
  return {states[index].data, model.manifest.inputs[state.input].dtype,
          static_cast<int32_t>(shape.size()), shape.data(),
          states[index].strides.data()};
}

cinch_status_t cinch_session_t::getState(int32_t index,
                                         cinch_tensor_t &out) const {
  if (index < 0 || static_cast<size_t>(index) >= states.size())
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the session owns %zu states, so there is no number %d",
                states.size(), index);
  const OwnedState &state = states[index];
  cinch_tensor_t view = viewState(index, state.past);
  if (device) {
    int64_t bytes = dtypeBytes(view.dtype);
    for (int64_t dim : state.dims)
      bytes *= dim;
    uint8_t *copied;
    CINCH_RETURN_IF_ERROR(
        device->fetchStates(state.data - device->states.data(), bytes, copied));
    view.data = copied;
  }
  out = view;
  return CINCH_OK;
}

/// Lists `values`, inputs or outputs of the model, in `all`: what `makeView`
/// returns for those of its `numStates` states, and the `count` others from
/// `given`, which afterwards point to the whole list.
template <typename T, typename MakeView>
static cinch_status_t insertStates(const std::vector<Value> &values,
                                   size_t numStates, const char *kind,
                                   MakeView makeView, std::vector<T> &all,
                                   const T *&given, int32_t &count) {
  if (numStates == 0)
    return CINCH_OK;
  if (count + numStates != values.size())
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the model has %zu %ss besides the states of the session, but "
                "%d were given",
                values.size() - numStates, kind, count);
  for (size_t index = 0; index < values.size(); ++index) {
    int32_t state = values[index].state;
    all[index] = state < 0 ? *given++ : makeView(state);
  }
  given = all.data();
  count = static_cast<int32_t>(all.size());
  return CINCH_OK;
}

cinch_status_t cinch_session_t::insertShapes(const cinch_shape_t *&inputs,
                                             int32_t &count) {
  if (ownsStates() && count && !inputs)
    return fail(CINCH_ERROR_INVALID_ARGUMENT, "inputs is null");
  auto getPast = [&](int32_t state) -> cinch_shape_t {
    const std::vector<int64_t> &past = states[state].past;
    return {static_cast<int32_t>(past.size()), past.data()};
  };
  return insertStates(model.manifest.inputs, states.size(), "input", getPast,
                      allShapes, inputs, count);
}

cinch_status_t cinch_session_t::insertInputs(const cinch_tensor_t *&inputs,
                                             int32_t &count) {
  auto viewPast = [&](int32_t state) {
    return viewState(state, states[state].past);
  };
  return insertStates(model.manifest.inputs, states.size(), "input", viewPast,
                      allInputs, inputs, count);
}

cinch_status_t cinch_session_t::insertOutputs(const SizePlan &plan,
                                              const cinch_tensor_t *&outputs,
                                              int32_t &count) {
  auto viewPresent = [&](int32_t state) {
    int32_t output = model.manifest.states[state].output;
    states[state].present = plan.outputs[output].dims;
    return viewState(state, states[state].present);
  };
  CINCH_RETURN_IF_ERROR(insertStates(model.manifest.outputs, states.size(),
                                     "output", viewPresent, allOutputs, outputs,
                                     count));
  return checkCapacity(plan);
}

cinch_status_t cinch_session_t::checkCapacity(const SizePlan &plan) const {
  for (size_t index = 0; index < states.size(); ++index) {
    const State &state = model.manifest.states[index];
    int64_t length = plan.outputs[state.output].dims[state.axis];
    int64_t capacity = states[index].dims[state.axis];
    if (length > capacity)
      return fail(CINCH_ERROR_SHAPE,
                  "state '%s' has %" PRId64 " rows and would have %" PRId64
                  ", but its capacity is %" PRId64,
                  model.manifest.inputs[state.input].name.c_str(),
                  states[index].past[state.axis], length, capacity);
  }
  return CINCH_OK;
}

void cinch_session_t::advanceStates() {
  for (size_t index = 0; index < states.size(); ++index) {
    int32_t axis = model.manifest.states[index].axis;
    states[index].past[axis] = states[index].present[axis];
  }
}
