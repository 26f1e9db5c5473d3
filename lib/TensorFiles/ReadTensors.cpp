//===- ReadTensors.cpp - the inputs or outputs of a run from files --------===//
#include "lib/TensorFiles/Tensor.h"

#include <sys/stat.h>
#include <unistd.h>

namespace cinch {

static bool isFolder(const std::string &path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

static std::string protoPath(const std::string &folder, const char *prefix,
                             size_t index) {
  return folder + "/" + prefix + "_" + std::to_string(index) + ".pb";
}

static bool readFolder(const std::string &path, const char *prefix,
                       const std::vector<std::string> &names,
                       std::vector<Tensor> &out, std::string &error) {
  for (size_t index = 0; index < names.size(); ++index) {
    std::string file, name = protoPath(path, prefix, index);
    Tensor tensor;
    if (!readFile(name, file, error))
      return false;
    if (!parseTensorProto(file, tensor, error)) {
      error = name + ": " + error;
      return false;
    }
    out.push_back(std::move(tensor));
  }
  std::string extra = protoPath(path, prefix, names.size());
  if (access(extra.c_str(), F_OK) == 0) {
    error = extra + ": the model has only " + std::to_string(names.size()) +
            " " + prefix + "s";
    return false;
  }
  return true;
}

bool readTensors(const std::string &path, const char *prefix,
                 const std::vector<std::string> &names,
                 std::vector<Tensor> &out, std::string &error) {
  if (isFolder(path))
    return readFolder(path, prefix, names, out, error);
  std::map<std::string, Tensor> tensors;
  if (!readNpz(path, tensors, error))
    return false;
  for (const std::string &name : names) {
    auto found = tensors.find(name);
    if (found == tensors.end()) {
      error = path + ": has no " + prefix + " '" + name + "'";
      return false;
    }
    out.push_back(std::move(found->second));
    tensors.erase(found);
  }
  if (tensors.empty())
    return true;
  error = path + ": the model has no " + prefix + " '" +
          tensors.begin()->first + "'";
  return false;
}

} // namespace cinch
