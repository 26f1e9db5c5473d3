//===- DeviceModel.h - a model's code and weights on a device -------------===//
#ifndef CINCH_RUNTIME_CUDA_DEVICEMODEL_H
#define CINCH_RUNTIME_CUDA_DEVICEMODEL_H

#include "runtime/Cuda/Device.h"
#include "runtime/Model.h"

#include <vector>

namespace cinch::rt {

/// The device code and the weights of one model on one device: loaded for the
/// first session there, shared by all, and released with the last. Immutable.
class DeviceModel {
public:
  /// Finds or loads those of `model` on `device`. The image is a cubin for the
  /// device's architecture, or else the newest PTX that it takes; the emulated
  /// device takes PTX only. CINCH_ERROR_DEVICE: there is no such image, the
  /// driver refuses it (the message has its log), or a function cannot run.
  static cinch_status_t get(cinch_model_t &model,
                            const std::shared_ptr<Device> &device,
                            std::shared_ptr<DeviceModel> &out);
  explicit DeviceModel(std::shared_ptr<Device> device)
      : device(std::move(device)) {}
  DeviceModel(const DeviceModel &) = delete;
  DeviceModel &operator=(const DeviceModel &) = delete;
  ~DeviceModel();

  const std::shared_ptr<Device> device;
  DeviceBuffer weights;
  std::vector<CUfunction> functions; ///< in the order of the module's table

private:
  cinch_status_t load(const cinch_model_t &model);
  cinch_status_t loadImage(const cinch_model_t &model,
                           const cinch_device_image_v1 &image);
  cinch_status_t loadFunction(const cinch_model_t &model,
                              const cinch_device_function_v1 &function);

  CUmodule module = nullptr;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_CUDA_DEVICEMODEL_H
