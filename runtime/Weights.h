//===- Weights.h - the .safetensors file of a model -----------------------===//
#ifndef CINCH_RUNTIME_WEIGHTS_H
#define CINCH_RUNTIME_WEIGHTS_H

#include "runtime/Manifest.h"
#include "runtime/MappedFile.h"

namespace cinch::rt {

/// The weights of a model, read-only and shared between processes: a mapped
/// file, or a section of the mapped model.
class Weights {
public:
  /// Maps `path` and checks its header (sizes, offsets, overlaps, holes) and
  /// that size and recorded checksum are those in `manifest`. `verify`: also
  /// reads all bytes and compares their checksum (runtime/Checksum.h).
  cinch_status_t load(const std::string &path, const Manifest &manifest,
                      bool verify);
  /// The same for a file that lies in memory, `bytes[fileBytes]`, which
  /// outlives this object. `path` is for messages.
  cinch_status_t use(const std::string &path, const uint8_t *bytes,
                     uint64_t fileBytes, const Manifest &manifest, bool verify);
  /// Start of the data section, aligned to 64 bytes; null without weights.
  const uint8_t *base() const { return data; }
  int64_t bytes() const { return dataBytes; }

private:
  MappedFile file;
  const uint8_t *data = nullptr;
  int64_t dataBytes = 0;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_WEIGHTS_H
