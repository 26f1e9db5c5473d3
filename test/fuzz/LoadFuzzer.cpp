//===- LoadFuzzer.cpp - fuzzes what the runtime reads from files ----------===//
//
// The first byte says what the others are: a manifest, a note, a library with a
// note, or weights.
//
//===----------------------------------------------------------------------===//
#include "runtime/ElfNote.h"
#include "runtime/Manifest.h"
#include "runtime/SizePlan.h"
#include "runtime/Weights.h"

#include <cstdlib>
#include <cstring>

using namespace cinch::rt;

static void readManifest(std::string_view text) {
  Manifest manifest;
  if (manifest.parse("fuzz", text) != CINCH_OK)
    return;
  std::vector<int64_t> symbols;
  for (const Symbol &symbol : manifest.symbols)
    symbols.push_back(std::max<int64_t>(symbol.min, 3));
  SizePlan plan;
  if (evaluateShapes(manifest, symbols.data(), plan) == CINCH_OK)
    (void)planSlots(manifest, plan);
}

static void readWeights(std::string_view bytes) {
  // At an address that is a multiple of 64, as a mapped file is.
  size_t room = (bytes.size() + 64) / 64 * 64;
  auto *file = static_cast<uint8_t *>(aligned_alloc(64, room));
  memcpy(file, bytes.data(), bytes.size());
  Manifest manifest;
  manifest.weightsBytes = 128;
  Weights weights;
  (void)weights.use("fuzz", file, bytes.size(), manifest, true);
  free(file);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size)
    return 0;
  std::string_view rest(reinterpret_cast<const char *>(data) + 1, size - 1);
  Note note;
  std::string_view descriptor;
  switch (data[0] % 4) {
  case 0:
    readManifest(rest);
    break;
  case 1:
    if (parseNote("fuzz", rest, note) == CINCH_OK)
      (void)checkMachine("fuzz", note);
    break;
  case 2:
    if (findNote("fuzz", data + 1, size - 1, descriptor) == CINCH_OK)
      (void)parseNote("fuzz", descriptor, note);
    break;
  default:
    readWeights(rest);
  }
  return 0;
}
