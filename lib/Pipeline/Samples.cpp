//===- Samples.cpp - inputs of a model from files -------------------------===//
#include "lib/Pipeline/Samples.h"
#include "lib/TensorFiles/Tensor.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace cinch;
using llvm::ArrayRef;
using llvm::StringRef;

namespace {

/// The signature of one input.
struct InputInfo {
  std::string name;
  cinch_value_info_t value;
};

} // namespace

static llvm::Expected<std::vector<InputInfo>>
getInputs(const cinch_model_t *model) {
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  if (llvm::Error error = checkStatus(cinch_model_get_info(model, &info)))
    return error;
  std::vector<InputInfo> inputs(info.input_count);
  for (auto [index, input] : llvm::enumerate(inputs)) {
    input.value.struct_size = sizeof(input.value);
    if (llvm::Error error =
            checkStatus(cinch_model_get_input(model, index, &input.value)))
      return error;
    input.name = input.value.name;
  }
  return inputs;
}

/// "f32 [n, 3]".
static std::string describe(const cinch_value_info_t &value) {
  std::string text = std::string(cinch_dtype_name(value.dtype)) + " [";
  for (const cinch_dim_t &dim : ArrayRef(value.dims, value.rank)) {
    text += &dim == value.dims ? "" : ", ";
    text += dim.min == dim.max ? std::to_string(dim.min)
            : dim.symbol       ? std::string(dim.symbol)
                               : std::string(dim.expression);
  }
  return text + "]";
}

/// Index of the first element that is NaN or infinite; -1 if none is.
static int64_t findNonFinite(cinch_dtype_t dtype, ArrayRef<uint8_t> bytes) {
  auto find = [&](auto isFinite, size_t size) -> int64_t {
    for (size_t at = 0; at < bytes.size(); at += size)
      if (!isFinite(&bytes[at]))
        return at / size;
    return -1;
  };
  auto hasExponentBelow = [](uint16_t mask) {
    return [mask](const uint8_t *at) {
      uint16_t bits;
      memcpy(&bits, at, sizeof(bits));
      return (bits & mask) != mask;
    };
  };
  auto isFinite = [](auto number) {
    return [number](const uint8_t *at) mutable {
      memcpy(&number, at, sizeof(number));
      return std::isfinite(number);
    };
  };
  switch (dtype) {
  case CINCH_DTYPE_F64:
    return find(isFinite(double()), 8);
  case CINCH_DTYPE_F32:
    return find(isFinite(float()), 4);
  case CINCH_DTYPE_F16:
    return find(hasExponentBelow(0x7c00), 2);
  case CINCH_DTYPE_BF16:
    return find(hasExponentBelow(0x7f80), 2);
  default:
    return -1;
  }
}

/// The number of sets in `tensors`, one per input: their leading axis if they
/// have one more than the inputs, else -1, one set. An error if they do not
/// fit.
static llvm::Expected<int64_t> countSets(ArrayRef<InputInfo> inputs,
                                         ArrayRef<Tensor> tensors,
                                         StringRef path, bool mayStack) {
  std::optional<int64_t> stacked; // sets along a leading axis
  for (auto [input, tensor] : llvm::zip_equal(inputs, tensors)) {
    const cinch_value_info_t &value = input.value;
    int64_t extra = tensor.shape.size() - value.rank;
    bool fits =
        tensor.dtype == value.dtype && (extra == 0 || (extra == 1 && mayStack));
    for (int32_t axis = 0; fits && axis < value.rank; ++axis) {
      const cinch_dim_t &dim = value.dims[axis];
      int64_t size = tensor.shape[extra + axis];
      fits = size >= dim.min && (dim.max < 0 || size <= dim.max);
    }
    if (!fits)
      return llvm::createStringError(
          path + ": expected input '" + input.name + "' to be " +
          describe(value) +
          (mayStack ? ", or one axis more for several sets" : "") +
          ", but got " + tensor.str());
    int64_t count = extra == 1 ? tensor.shape[0] : -1;
    if (stacked && *stacked != count)
      return llvm::createStringError(
          path + ": expected the leading axis of all inputs to count the " +
          "sets, but that of '" + input.name + "' does not: " + tensor.str());
    stacked = count;
    if (int64_t at = findNonFinite(tensor.dtype, tensor.data); at >= 0)
      return llvm::createStringError(path + ": input '" + input.name +
                                     "' has NaN or infinity at element " +
                                     std::to_string(at));
  }
  return stacked.value_or(-1);
}

/// Set number `set` of `tensors`; -1: they are one set.
static llvm::Expected<Sample> makeSample(ArrayRef<InputInfo> inputs,
                                         ArrayRef<Tensor> tensors, int64_t set,
                                         StringRef path) {
  Sample sample;
  for (auto [input, tensor] : llvm::zip_equal(inputs, tensors)) {
    SampleTensor made;
    made.name = input.name;
    made.dtype = tensor.dtype;
    made.shape.assign(tensor.shape.begin() + (set < 0 ? 0 : 1),
                      tensor.shape.end());
    if (llvm::Error error = made.allocate())
      return error;
    int64_t bits = made.count * cinch_dtype_bits(made.dtype);
    if (set >= 0 && tensor.shape[0] > 1 && bits % 8 != 0)
      return llvm::createStringError(
          path + ": input '" + input.name + "' has " + std::to_string(bits) +
          " bits in a set, which are no whole bytes; give each set a file");
    size_t bytes = llvm::divideCeil(bits, 8);
    if (bytes != 0)
      memcpy(made.bytes->begin(),
             tensor.data.data() + std::max<int64_t>(set, 0) * bytes, bytes);
    sample.push_back(std::move(made));
  }
  return sample;
}

/// The files with sets at `path`, in order.
static llvm::Expected<std::vector<std::string>>
findFiles(const std::string &path) {
  std::vector<std::string> files;
  if (!llvm::sys::fs::is_directory(path))
    return std::vector<std::string>{path};
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(path, code), end;
       it != end && !code; it.increment(code)) {
    StringRef file = it->path(), name = llvm::sys::path::filename(file);
    if (name.ends_with(".npz") || (name.starts_with("test_data_set_") &&
                                   llvm::sys::fs::is_directory(file)))
      files.push_back(it->path());
  }
  if (code)
    return llvm::createStringError(path + ": " + code.message());
  llvm::sort(files);
  if (files.empty())
    return llvm::createStringError(
        path + ": has no .npz file and no folder test_data_set_N");
  return files;
}

llvm::Error cinch::forEachSample(
    const SampleProgram &program, const std::string &path,
    llvm::function_ref<llvm::Error(Sample &sample, double share)> use) {
  llvm::Expected<std::vector<InputInfo>> inputs = getInputs(program.getModel());
  if (!inputs)
    return inputs.takeError();
  llvm::Expected<std::vector<std::string>> files = findFiles(path);
  if (!files)
    return files.takeError();
  std::vector<std::string> names;
  for (const InputInfo &input : *inputs)
    names.push_back(input.name);
  bool isEmpty = true;
  for (auto [number, file] : llvm::enumerate(*files)) {
    std::vector<Tensor> tensors;
    std::string problem;
    if (!readTensors(file, "input", names, tensors, problem))
      return llvm::createStringError(problem);
    bool mayStack = !llvm::sys::fs::is_directory(file);
    llvm::Expected<int64_t> count = countSets(*inputs, tensors, file, mayStack);
    if (!count)
      return count.takeError();
    int64_t numSets = *count < 0 ? 1 : *count;
    for (int64_t set = 0; set < numSets; ++set) {
      llvm::Expected<Sample> sample =
          makeSample(*inputs, tensors, *count < 0 ? -1 : set, file);
      if (!sample)
        return sample.takeError();
      isEmpty = false;
      double done = number + double(set) / numSets;
      if (llvm::Error error = use(*sample, done / files->size()))
        return error;
    }
  }
  return isEmpty ? llvm::createStringError(path + ": has no set of inputs")
                 : llvm::Error::success();
}

llvm::Expected<std::vector<Sample>>
cinch::readSamples(const SampleProgram &program, const SampleSource &source) {
  std::vector<Sample> samples;
  if (source.path.empty()) {
    for (int64_t seed = 0; seed < source.count; ++seed) {
      llvm::Expected<Sample> inputs = program.makeInputs(seed, source.sizes);
      if (!inputs)
        return inputs.takeError();
      samples.push_back(std::move(*inputs));
    }
    return samples;
  }
  llvm::Error error =
      forEachSample(program, source.path, [&](Sample &sample, double) {
        if (static_cast<int64_t>(samples.size()) < source.maxSets)
          samples.push_back(std::move(sample));
        return llvm::Error::success();
      });
  if (error)
    return error;
  return samples;
}
