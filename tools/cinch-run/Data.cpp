//===- Data.cpp - inputs and outputs of a run -----------------------------===//
#include "tools/cinch-run/Data.h"
#include "runtime/RandomInput.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace cinch::run {

static bool isFolder(const std::string &path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

static bool endsWith(const std::string &text, const char *suffix) {
  size_t size = strlen(suffix);
  return text.size() >= size &&
         text.compare(text.size() - size, size, suffix) == 0;
}

static std::string protoPath(const std::string &folder, const char *prefix,
                             size_t index) {
  return folder + "/" + prefix + "_" + std::to_string(index) + ".pb";
}

static bool makeRandomInputs(const cinch_model_t *model, const Options &options,
                             std::vector<NamedTensor> &out,
                             std::string &error) {
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  cinch_model_get_info(model, &info);
  std::map<std::string, int64_t> sizes;
  for (int32_t index = 0; index < info.symbol_count; ++index) {
    cinch_symbol_info_t symbol = {};
    symbol.struct_size = sizeof(symbol);
    cinch_model_get_symbol(model, index, &symbol);
    sizes[symbol.name] = std::max<int64_t>(symbol.min, 1);
    if (symbol.max >= 0)
      sizes[symbol.name] = std::min(sizes[symbol.name], symbol.max);
  }
  for (const auto &[name, size] : options.dims) {
    if (!sizes.count(name)) {
      error = "--dim: the model has no symbol '" + name + "'";
      for (const auto &known : sizes)
        error += (known.first == sizes.begin()->first ? "; it has " : ", ") +
                 known.first;
      return false;
    }
    sizes[name] = size;
  }
  for (int32_t index = 0; index < info.input_count; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    cinch_model_get_input(model, index, &value);
    NamedTensor input{value.name, {}};
    input.tensor.dtype = value.dtype;
    for (int32_t axis = 0; axis < value.rank; ++axis) {
      const cinch_dim_t &dim = value.dims[axis];
      if (!dim.symbol && dim.min != dim.max) {
        error = "no random input '" + input.name + "': its dimension " +
                std::to_string(axis) + " is " + dim.expression +
                ", so give inputs";
        return false;
      }
      input.tensor.shape.push_back(dim.symbol ? sizes[dim.symbol] : dim.min);
    }
    int64_t bytes;
    if (!getBytes(value.dtype, input.tensor.shape, bytes) ||
        bytes > (1LL << 40)) {
      error = "input '" + input.name + "' would be too large";
      return false;
    }
    input.tensor.data.resize(bytes);
    fillRandom(input.tensor.dtype, input.tensor.data.data(),
               input.tensor.elements(), options.seed, index);
    out.push_back(std::move(input));
  }
  return true;
}

bool makeInputs(const cinch_model_t *model, const Options &options,
                std::vector<NamedTensor> &out, std::string &error) {
  if (options.inputs.empty() && options.inputFiles.empty())
    return makeRandomInputs(model, options, out, error);
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  cinch_model_get_info(model, &info);
  std::map<std::string, Tensor> files;
  for (const auto &[name, path] : options.inputFiles) {
    std::string file;
    if (!readFile(path, file, error))
      return false;
    if (!parseNpy(file, files[name], error)) {
      error = path + ": " + error;
      return false;
    }
  }
  std::vector<std::string> names, others;
  std::vector<cinch_dtype_t> dtypes;
  for (int32_t index = 0; index < info.input_count; ++index) {
    cinch_value_info_t value = {};
    value.struct_size = sizeof(value);
    cinch_model_get_input(model, index, &value);
    names.push_back(value.name);
    dtypes.push_back(value.dtype);
    out.push_back({value.name, {}});
  }
  for (const auto &file : files)
    if (std::find(names.begin(), names.end(), file.first) == names.end()) {
      error = "--input: the model has no input '" + file.first + "'";
      return false;
    }
  std::vector<Tensor> tensors;
  if (!options.inputs.empty() &&
      !readTensors(options.inputs, "input", names, tensors, error))
    return false;
  for (size_t index = 0; index < names.size(); ++index) {
    auto file = files.find(names[index]);
    if (file != files.end()) {
      out[index].tensor = std::move(file->second);
    } else if (!tensors.empty()) {
      out[index].tensor = std::move(tensors[index]);
    } else {
      error = "input '" + names[index] + "' is not given";
      return false;
    }
    convertBytes(dtypes[index], out[index].tensor);
  }
  return true;
}

bool writeOutputs(const std::string &path,
                  const std::vector<NamedTensor> &outputs, std::string &error) {
  if (endsWith(path, ".npz")) {
    std::vector<std::pair<std::string, const Tensor *>> tensors;
    tensors.reserve(outputs.size());
    for (const NamedTensor &output : outputs)
      tensors.push_back({output.name, &output.tensor});
    return writeNpz(path, tensors, error);
  }
  bool isNew = !isFolder(path);
  if (isNew && mkdir(path.c_str(), 0777)) {
    error = path + ": " + strerror(errno);
    return false;
  }
  for (size_t index = 0; index < outputs.size(); ++index) {
    const Tensor &tensor = outputs[index].tensor;
    std::string header = makeTensorProtoHeader(tensor, outputs[index].name);
    Bytes data(reinterpret_cast<const char *>(tensor.data.data()),
               tensor.data.size());
    if (writeFile(protoPath(path, "output", index), {header, data}, error))
      continue;
    // All or nothing.
    while (index-- > 0)
      unlink(protoPath(path, "output", index).c_str());
    if (isNew)
      rmdir(path.c_str());
    return false;
  }
  return true;
}

} // namespace cinch::run
