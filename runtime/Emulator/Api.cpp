//===- Api.cpp - include/cinch/cuda_emulator.h ----------------------------===//
#include "include/cinch/cuda_emulator.h"
#include "runtime/Emulator/DriverState.h"
#include <algorithm>
#include <cstring>

using namespace cinch::emulator;

/// Writes `text` as snprintf would.
static size_t writeText(const std::string &text, char *buffer,
                        size_t capacity) {
  if (buffer && capacity) {
    size_t count = std::min(text.size(), capacity - 1);
    std::memcpy(buffer, text.data(), count);
    buffer[count] = 0;
  }
  return text.size();
}

/// Writes what `make(driver)` returns; nothing if the host is out of memory.
template <typename Make>
static size_t writeMade(char *buffer, size_t capacity, Make &&make) {
  size_t bytes = 0;
  callAnyTime([&](Driver &driver) {
    bytes = writeText(make(driver), buffer, capacity);
    return kSuccess;
  });
  return bytes;
}

int32_t cinch_cuda_emulator_abi_version(void) {
  return CINCH_CUDA_EMULATOR_ABI_VERSION;
}

const char *cinch_cuda_emulator_version(void) { return CINCH_VERSION; }

void cinch_cuda_emulator_reset_counters(void) {
  callAnyTime([](Driver &driver) {
    // Launches that wait refer to nothing in here.
    driver.counters.clear();
    driver.toDevice = driver.toHost = driver.onDevice = {};
    driver.peakBytes = driver.getUsedBytes();
    return kSuccess;
  });
}

static std::string toJson(const char *name, const Copies &copies) {
  return std::string("\"") + name +
         "\": {\"count\": " + std::to_string(copies.count) +
         ", \"bytes\": " + std::to_string(copies.bytes) + "}";
}

size_t cinch_cuda_emulator_counters(char *buffer, size_t capacity) {
  return writeMade(buffer, capacity, [](Driver &driver) {
    std::string json = "{\"kernels\": {";
    const char *separator = "";
    for (const auto &[name, counters] : driver.counters) {
      // Names of PTX have no character that JSON would escape.
      json += std::string(separator) + "\"" + name + "\": " + counters.toJson();
      separator = ", ";
    }
    json += "}, \"copies\": {" + toJson("host_to_device", driver.toDevice);
    json += ", " + toJson("device_to_host", driver.toHost);
    json += ", " + toJson("device_to_device", driver.onDevice);
    return json + "}, \"memory\": {\"peak_bytes\": " +
           std::to_string(driver.peakBytes) +
           ", \"used_bytes\": " + std::to_string(driver.getUsedBytes()) + "}}";
  });
}

size_t cinch_cuda_emulator_last_report(char *buffer, size_t capacity) {
  return writeMade(buffer, capacity,
                   [](Driver &driver) { return driver.lastReport; });
}
