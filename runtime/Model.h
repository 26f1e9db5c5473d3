//===- Model.h - a loaded model -------------------------------------------===//
#ifndef CINCH_RUNTIME_MODEL_H
#define CINCH_RUNTIME_MODEL_H

#include "runtime/ElfNote.h"
#include "runtime/Manifest.h"
#include "runtime/Microkernels.h"
#include "runtime/ModuleAbi.h"
#include "runtime/Weights.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cinch::rt {
class DeviceModel;
}

/// Immutable after loading, but for what it lists on devices. Counted: the
/// caller of `cinch_model_load` and every session hold it.
struct cinch_model_t {
  ~cinch_model_t();
  void retain() { holders.fetch_add(1, std::memory_order_relaxed); }
  void release();

  cinch_status_t load(const std::string &modelPath,
                      const cinch_model_options_t &options);
  /// `linked` outlives the model.
  cinch_status_t load(const cinch_module_t &linked,
                      const cinch_model_options_t &options);

  std::string path; ///< resolved; of a linked module, what messages call it
  cinch::rt::Manifest manifest;
  cinch::rt::Weights weights;
  cinch::rt::Microkernels microkernels;
  const cinch_module_t *module = nullptr;
  int64_t loadMicroseconds = 0;
  /// What sessions share on each device, and the guard of this list.
  std::vector<std::weak_ptr<cinch::rt::DeviceModel>> onDevices;
  std::mutex deviceMutex;

private:
  cinch_status_t openLibrary(const cinch::rt::MappedFile &file);
  cinch_status_t checkModule() const;
  cinch_status_t checkDeviceCode() const;
  cinch_status_t loadContents(const cinch::rt::Note &note,
                              const cinch_model_options_t &options);
  cinch_status_t loadWeights(const cinch_model_options_t &options);

  void *library = nullptr;
  bool isRegistered = false; ///< in the table of open libraries
  std::atomic<int32_t> holders{1};
};

#endif // CINCH_RUNTIME_MODEL_H
