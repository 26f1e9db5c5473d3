//===- DeviceModel.cpp - a model's code and weights on a device -----------===//
#include "runtime/Cuda/DeviceModel.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace cinch::rt {

cinch_status_t DeviceModel::get(cinch_model_t &model,
                                const std::shared_ptr<Device> &device,
                                std::shared_ptr<DeviceModel> &out) {
  std::lock_guard<std::mutex> lock(model.deviceMutex);
  std::weak_ptr<DeviceModel> *place = nullptr;
  for (std::weak_ptr<DeviceModel> &entry : model.onDevices) {
    std::shared_ptr<DeviceModel> found = entry.lock();
    if (found && found->device == device) {
      out = std::move(found);
      return CINCH_OK;
    }
    if (!found)
      place = &entry;
  }
  if (!place)
    place = &model.onDevices.emplace_back();
  auto made = std::make_shared<DeviceModel>(device);
  CINCH_RETURN_IF_ERROR(made->load(model));
  *place = made;
  out = std::move(made);
  return CINCH_OK;
}

DeviceModel::~DeviceModel() {
  if (!module)
    return;
  Device::Scope scope(*device);
  device->driver.cuModuleUnload(module);
}

/// The image that `device` runs best; null: none.
static const cinch_device_image_v1 *findImage(const cinch_module_t &module,
                                              const Device &device) {
  const cinch_device_image_v1 *best = nullptr;
  for (int64_t index = 0; index < module.device_image_count; ++index) {
    const cinch_device_image_v1 &image = module.device_images[index];
    bool fits = image.architecture <= device.architecture;
    if (image.is_cubin)
      fits &= image.architecture / 10 == device.architecture / 10 &&
              !device.driver.isEmulated();
    if (!fits)
      continue;
    if (!best || image.is_cubin > best->is_cubin ||
        (image.is_cubin == best->is_cubin &&
         image.architecture > best->architecture))
      best = &image;
  }
  return best;
}

cinch_status_t DeviceModel::load(const cinch_model_t &model) {
  const cinch_device_image_v1 *image = findImage(*model.module, *device);
  if (!image)
    return fail(CINCH_ERROR_DEVICE,
                "%s: compiled for '%s', but device '%s' (%s) is sm_%d",
                model.path.c_str(), model.manifest.target.c_str(),
                device->name.c_str(), device->product.c_str(),
                device->architecture);
  Device::Scope scope(*device);
  CINCH_RETURN_IF_ERROR(loadImage(model, *image));
  const cinch_module_t &table = *model.module;
  for (int64_t index = 0; index < table.device_function_count; ++index)
    CINCH_RETURN_IF_ERROR(loadFunction(model, table.device_functions[index]));
  CINCH_RETURN_IF_ERROR(
      weights.allocate(*device, model.weights.bytes(), "the weights"));
  if (weights.size() == 0)
    return CINCH_OK;
  return device->send(weights.address(), model.weights.base(), weights.size(),
                      "copying the weights");
}

cinch_status_t DeviceModel::loadImage(const cinch_model_t &model,
                                      const cinch_device_image_v1 &image) {
  // CU_JIT_ERROR_LOG_BUFFER and its size.
  char log[600] = {};
  CUjit_option options[] = {5, 6};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  CUmodule loaded = nullptr;
  CUresult result = device->driver.cuModuleLoadDataEx(&loaded, image.data, 2,
                                                      options, values);
  if (result == cudaOutOfMemory)
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "device '%s' has no memory for the code of %s",
                device->name.c_str(), model.path.c_str());
  if (result != cudaOk && log[0] && !device->driver.isEmulated())
    return fail(CINCH_ERROR_DEVICE,
                "device '%s': %s: the %s for sm_%d is refused (error %d): %s",
                device->name.c_str(), model.path.c_str(),
                image.is_cubin ? "cubin" : "PTX", image.architecture, result,
                log);
  char what[256];
  snprintf(what, sizeof(what), "%.180s: the %s for sm_%d is refused",
           model.path.c_str(), image.is_cubin ? "cubin" : "PTX",
           image.architecture);
  CINCH_RETURN_IF_ERROR(device->check(result, what));
  module = loaded;
  return CINCH_OK;
}

cinch_status_t
DeviceModel::loadFunction(const cinch_model_t &model,
                          const cinch_device_function_v1 &function) {
  CUfunction found = nullptr;
  char what[256];
  snprintf(what, sizeof(what), "%.120s: function '%.80s' cannot be used",
           model.path.c_str(), function.name);
  CINCH_RETURN_IF_ERROR(device->check(
      device->driver.cuModuleGetFunction(&found, module, function.name), what));
  if (function.shared_bytes > device->sharedBytesLimit)
    return fail(CINCH_ERROR_DEVICE,
                "%s: function '%s' needs %d bytes of shared memory, but a "
                "block of device '%s' (sm_%d) has %d",
                model.path.c_str(), function.name, function.shared_bytes,
                device->name.c_str(), device->architecture,
                device->sharedBytesLimit);
  constexpr int32_t withoutOptIn = 48 << 10;
  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
  if (function.shared_bytes > withoutOptIn)
    CINCH_RETURN_IF_ERROR(device->check(
        device->driver.cuFuncSetAttribute(found, 8, function.shared_bytes),
        what));
  functions.push_back(found);
  return CINCH_OK;
}

} // namespace cinch::rt
