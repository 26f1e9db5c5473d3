//===- Runtime.cpp - cinch._runtime: libcinch_rt for Python ---------------===//
//
// One class per handle of cinch/runtime.h; structures become dictionaries with
// the names of their members. What a user sees is in cinch/session.py.
//
//===----------------------------------------------------------------------===//
#include "python/src/Tensor.h"
#include "python/src/Text.h"
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <optional>

namespace nb = nanobind;
using namespace nb::literals;
using namespace cinch::python;

namespace {

using Shapes = std::vector<std::vector<int64_t>>;
using Tensors = std::vector<const Tensor *>;

template <typename Info> Info makeInfo() {
  Info info = {};
  info.struct_size = sizeof(info);
  return info;
}

std::vector<cinch_shape_t> toShapes(const Shapes &shapes) {
  std::vector<cinch_shape_t> result;
  result.reserve(shapes.size());
  for (const std::vector<int64_t> &dims : shapes)
    result.push_back({static_cast<int32_t>(dims.size()), dims.data()});
  return result;
}

std::vector<cinch_tensor_t> toTensors(const Tensors &tensors) {
  std::vector<cinch_tensor_t> result;
  result.reserve(tensors.size());
  for (const Tensor *tensor : tensors)
    result.push_back(tensor->get());
  return result;
}

int32_t count(const std::vector<cinch_tensor_t> &list) {
  return static_cast<int32_t>(list.size());
}

/// A loaded model; sessions keep it loaded.
class Model {
public:
  Model(const nb::bytes &path, const std::optional<nb::bytes> &weights,
        bool verifiesWeights) {
    auto options = makeInfo<cinch_model_options_t>();
    options.weights_path = weights ? toC(*weights) : nullptr;
    const char *file = toC(path);
    options.verify_weights = verifiesWeights;
    cinch_status_t status;
    {
      nb::gil_scoped_release free;
      status = cinch_model_load(file, &options, &model);
    }
    check(status);
  }
  Model(const Model &) = delete;
  ~Model() { cinch_model_release(model); }

  cinch_model_t *get() const { return model; }
  cinch_model_info_t getInfo() const {
    auto info = makeInfo<cinch_model_info_t>();
    check(cinch_model_get_info(model, &info));
    return info;
  }

private:
  cinch_model_t *model = nullptr;
};

class Session {
public:
  Session(const Model &model, int32_t threads, bool profiles,
          int32_t planCacheSize, const std::optional<std::string> &device) {
    auto options = makeInfo<cinch_session_options_t>();
    options.threads = threads;
    options.profile = profiles;
    options.plan_cache_size = planCacheSize;
    options.device = device ? device->c_str() : nullptr;
    checkUnlocked([&] { // the first on a device copies the weights there
      return cinch_session_create(model.get(), &options, &session);
    });
  }
  Session(const Session &) = delete;
  ~Session() { cinch_session_release(session); }

  void run(const Tensors &inputs, const Tensors &outputs) {
    std::vector<cinch_tensor_t> in = toTensors(inputs),
                                out = toTensors(outputs);
    checkUnlocked([&] {
      return cinch_session_run(session, in.data(), count(in), out.data(),
                               count(out));
    });
  }
  nb::dict measure(const Tensors &inputs, const Tensors &outputs) {
    std::vector<cinch_tensor_t> in = toTensors(inputs),
                                out = toTensors(outputs);
    auto info = makeInfo<cinch_measurement_t>();
    checkUnlocked([&] {
      return cinch_session_measure_memory(session, in.data(), count(in),
                                          out.data(), count(out), &info);
    });
    nb::dict result;
    result["measured_peak_bytes"] = info.measured_peak_bytes;
    result["touched_bytes"] = info.touched_bytes;
    return result;
  }
  void prepare(const Shapes &inputs) {
    std::vector<cinch_shape_t> shapes = toShapes(inputs);
    checkUnlocked([&] {
      return cinch_session_prepare(session, shapes.data(),
                                   static_cast<int32_t>(shapes.size()));
    });
  }
  void reserveStates(const Shapes &buffers) {
    std::vector<cinch_shape_t> shapes = toShapes(buffers);
    checkUnlocked([&] {
      return cinch_session_reserve_states(session, shapes.data(),
                                          static_cast<int32_t>(shapes.size()));
    });
  }
  void resetStates() { check(cinch_session_reset_states(session)); }
  bool ownsStates() const {
    cinch_tensor_t state;
    return cinch_session_get_state(session, 0, &state) == CINCH_OK;
  }
  std::vector<int64_t> getStateShape(int32_t index) const {
    cinch_tensor_t state;
    check(cinch_session_get_state(session, index, &state));
    return {state.shape, state.shape + state.rank};
  }
  nb::bytes copyState(int32_t index) const;
  nb::dict getMemory(const Shapes &inputs) const;
  nb::dict getCounters() const;
  nb::list getKernels(int32_t kernels) const;

private:
  /// Calls `function`, which returns a status, without the interpreter lock.
  template <typename Function> static void checkUnlocked(Function function) {
    cinch_status_t status;
    {
      nb::gil_scoped_release free;
      status = function();
    }
    check(status); // on the same thread, which holds the message
  }

  cinch_session_t *session = nullptr;
};

} // namespace

#define SET(member) result[#member] = info.member

static nb::dict describeModel(const Model &model) {
  cinch_model_info_t info = model.getInfo();
  nb::dict result;
  SET(name);
  SET(target);
  SET(cpu);
  SET(producer);
  SET(weights_bytes);
  SET(guaranteed_peak_bytes);
  SET(load_us);
  SET(kernel_count);
  return result;
}

/// A list of (name, dtype, [(expression, symbol or None, min, max)]).
static nb::list describeValues(const Model &model, bool isInput) {
  cinch_model_info_t info = model.getInfo();
  nb::list result;
  for (int32_t i = 0, e = isInput ? info.input_count : info.output_count; i < e;
       ++i) {
    auto value = makeInfo<cinch_value_info_t>();
    check((isInput ? cinch_model_get_input
                   : cinch_model_get_output)(model.get(), i, &value));
    nb::list dims;
    for (int32_t axis = 0; axis < value.rank; ++axis) {
      const cinch_dim_t &dim = value.dims[axis];
      dims.append(nb::make_tuple(dim.expression, dim.symbol, dim.min, dim.max));
    }
    result.append(
        nb::make_tuple(value.name, cinch_dtype_name(value.dtype), dims));
  }
  return result;
}

/// A list of (input, output, axis).
static nb::list describeStates(const Model &model) {
  nb::list result;
  for (int32_t i = 0, e = model.getInfo().state_count; i < e; ++i) {
    auto state = makeInfo<cinch_state_info_t>();
    check(cinch_model_get_state(model.get(), i, &state));
    result.append(nb::make_tuple(state.input, state.output, state.axis));
  }
  return result;
}

static std::vector<std::vector<int64_t>> getOutputShapes(const Model &model,
                                                         const Shapes &inputs) {
  std::vector<cinch_shape_t> shapes = toShapes(inputs);
  std::vector<std::vector<int64_t>> result;
  for (int32_t i = 0, e = model.getInfo().output_count; i < e; ++i) {
    auto value = makeInfo<cinch_value_info_t>();
    int64_t dims[CINCH_MAX_RANK];
    check(cinch_model_get_output(model.get(), i, &value));
    check(cinch_model_output_shape(model.get(), shapes.data(),
                                   static_cast<int32_t>(shapes.size()), i,
                                   dims));
    result.emplace_back(dims, dims + value.rank);
  }
  return result;
}

nb::dict Session::getMemory(const Shapes &inputs) const {
  std::vector<cinch_shape_t> shapes = toShapes(inputs);
  auto info = makeInfo<cinch_memory_info_t>();
  checkUnlocked([&] {
    return cinch_session_get_memory(session, shapes.data(),
                                    static_cast<int32_t>(shapes.size()), &info);
  });
  nb::dict result;
  SET(predicted_peak_bytes);
  SET(lower_bound_bytes);
  SET(arena_bytes);
  SET(staging_bytes);
  SET(weights_bytes);
  SET(state_bytes);
  SET(device_staging_bytes);
  SET(device_bytes);
  SET(inputs_bytes);
  SET(outputs_bytes);
  result["method"] = static_cast<const char *>(info.method);
  return result;
}

/// The elements of a state, row-major.
nb::bytes Session::copyState(int32_t index) const {
  cinch_tensor_t state;
  check(cinch_session_get_state(session, index, &state));
  int64_t size = cinch_dtype_bytes(state.dtype);
  std::string bytes;
  std::vector<int64_t> position(state.rank);
  int64_t elements = 1;
  for (int32_t axis = 0; axis < state.rank; ++axis)
    elements *= state.shape[axis];
  bytes.reserve(elements * size);
  for (int64_t element = 0; element < elements; ++element) {
    int64_t offset = 0;
    for (int32_t axis = 0; axis < state.rank; ++axis)
      offset += position[axis] * state.strides[axis];
    bytes.append(static_cast<const char *>(state.data) + offset, size);
    for (int32_t axis = state.rank; axis-- > 0;) {
      if (++position[axis] < state.shape[axis])
        break;
      position[axis] = 0;
    }
  }
  return nb::bytes(bytes.data(), bytes.size());
}

nb::dict Session::getCounters() const {
  auto info = makeInfo<cinch_counters_t>();
  check(cinch_session_get_counters(session, &info));
  nb::dict result;
  SET(runs);
  SET(failed_runs);
  SET(last_run_us);
  SET(plans_made);
  SET(plans_reused);
  SET(kernel_calls);
  SET(parallel_calls);
  SET(copied_bytes);
  SET(threads);
  return result;
}

nb::list Session::getKernels(int32_t kernels) const {
  nb::list list;
  for (int32_t i = 0; i < kernels; ++i) {
    auto info = makeInfo<cinch_kernel_info_t>();
    check(cinch_session_get_kernel(session, i, &info));
    nb::dict result;
    SET(name);
    SET(op);
    SET(kind);
    SET(calls);
    SET(time_ns);
    SET(flops);
    SET(bytes);
    list.append(result);
  }
  return list;
}

NB_MODULE(_runtime, m) {
  m.doc() = "Binding of cinch/runtime.h.";
  m.def("version", &cinch_runtime_version);
  m.def("get_threads", &cinch_get_threads);
  m.def(
      "set_threads", [](int32_t threads) { check(cinch_set_threads(threads)); },
      "threads"_a);
  nb::class_<Tensor>(m, "Tensor")
      .def(nb::init<nb::handle, bool, const std::string &,
                    std::optional<std::vector<int64_t>>>(),
           "object"_a, "writes"_a, "dtype"_a = "", "shape"_a = nb::none())
      .def_prop_ro("shape", &Tensor::getShape);
  nb::class_<Model>(m, "Model")
      .def(nb::init<nb::bytes, std::optional<nb::bytes>, bool>(), "path"_a,
           "weights"_a.none(), "verifies_weights"_a)
      .def_prop_ro("info", &describeModel,
                   nb::sig("def info(self) -> dict[str, typing.Any]"))
      .def("values", &describeValues, "is_input"_a,
           nb::sig("def values(self, is_input: bool) -> list[tuple[str, str, "
                   "list[tuple[str, str | None, int, int]]]]"))
      .def("states", &describeStates,
           nb::sig("def states(self) -> list[tuple[int, int, int]]"))
      .def("output_shapes", &getOutputShapes, "inputs"_a);
  nb::class_<Session>(m, "Session")
      .def(nb::init<const Model &, int32_t, bool, int32_t,
                    std::optional<std::string>>(),
           "model"_a, "threads"_a, "profiles"_a, "plan_cache_size"_a,
           "device"_a.none())
      .def("run", &Session::run, "inputs"_a, "outputs"_a)
      .def("measure", &Session::measure, "inputs"_a, "outputs"_a,
           nb::sig("def measure(self, inputs: collections.abc.Sequence[Tensor],"
                   " outputs: collections.abc.Sequence[Tensor]) -> dict[str, "
                   "int]"))
      .def("prepare", &Session::prepare, "inputs"_a)
      .def("reserve_states", &Session::reserveStates, "buffers"_a)
      .def("reset_states", &Session::resetStates)
      .def("owns_states", &Session::ownsStates)
      .def("state_shape", &Session::getStateShape, "index"_a)
      .def("copy_state", &Session::copyState, "index"_a)
      .def("memory", &Session::getMemory, "inputs"_a,
           nb::sig("def memory(self, inputs: collections.abc.Sequence["
                   "collections.abc.Sequence[int]]) -> dict[str, typing.Any]"))
      .def("counters", &Session::getCounters,
           nb::sig("def counters(self) -> dict[str, int]"))
      .def("kernels", &Session::getKernels, "kernels"_a,
           nb::sig("def kernels(self, kernels: int) -> list[dict[str, "
                   "typing.Any]]"));
}
