//===- DeviceCounters.h - what the emulated device counted ----------------===//
#ifndef CINCH_TOOLS_CINCHRUN_DEVICECOUNTERS_H
#define CINCH_TOOLS_CINCHRUN_DEVICECOUNTERS_H

#include <string>

namespace cinch::run {

/// The counters of the emulated device that this process has opened; null where
/// there is none (include/cinch/cuda_emulator.h).
struct DeviceCounters {
  DeviceCounters();
  bool exist() const { return reset && write; }
  /// Forgets what was counted so far.
  void (*reset)() = nullptr;
  /// Writes them as JSON to a buffer; see cinch_cuda_emulator_counters.
  size_t (*write)(char *, size_t) = nullptr;
};

/// Writes `counters`, which exist, to the file `path`; false sets `error`.
bool writeDeviceCounters(const std::string &path,
                         const DeviceCounters &counters, std::string &error);

} // namespace cinch::run

#endif // CINCH_TOOLS_CINCHRUN_DEVICECOUNTERS_H
