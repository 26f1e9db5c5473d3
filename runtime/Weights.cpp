//===- Weights.cpp - the .safetensors file of a model ---------------------===//
#include "runtime/Weights.h"

#include "runtime/Checksum.h"
#include "runtime/Json.h"

#include <algorithm>
#include <cinttypes>

namespace cinch::rt {

namespace {
struct Range {
  uint64_t begin, end;
};
} // namespace

/// Largest header that the format allows.
static constexpr uint64_t maxHeaderBytes = 100'000'000;

/// Bits of one element of a safetensors `dtype`; 0: unknown.
static uint64_t elementBits(const std::string &dtype) {
  static constexpr struct {
    const char *name;
    uint64_t bits;
  } types[] = {{"BOOL", 8},    {"U8", 8},      {"I8", 8},     {"F8_E5M2", 8},
               {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"I16", 16},   {"U16", 16},
               {"F16", 16},    {"BF16", 16},   {"I32", 32},   {"U32", 32},
               {"F32", 32},    {"F64", 64},    {"I64", 64},   {"U64", 64},
               {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}};
  for (const auto &type : types)
    if (dtype == type.name)
      return type.bits;
  return 0;
}

static cinch_status_t damaged(const std::string &path,
                              const std::string &what) {
  return fail(CINCH_ERROR_WEIGHTS, "%s: not a valid safetensors file: %s",
              path.c_str(), what.c_str());
}

/// Checks one entry of the header and appends its range.
static cinch_status_t checkTensor(const std::string &path, const char *name,
                                  const JsonValue &value, uint64_t dataBytes,
                                  std::vector<Range> &ranges) {
  JsonObject object(value, std::string("tensor '") + name + "'");
  std::string dtype;
  const JsonValue *shape, *offsets;
  if (!object.getString("dtype", dtype) ||
      !(shape = object.getArray("shape")) ||
      !(offsets = object.getArray("data_offsets")))
    return damaged(path, object.error());
  uint64_t bits = elementBits(dtype);
  if (!bits)
    return damaged(path, std::string("tensor '") + name +
                             "' has unknown dtype '" + dtype + "'");
  for (const JsonValue &dim : shape->GetArray())
    if (!dim.IsUint64() || __builtin_mul_overflow(bits, dim.GetUint64(), &bits))
      return damaged(path,
                     std::string("tensor '") + name + "' has a bad shape");
  if (offsets->Size() != 2 || !(*offsets)[0].IsUint64() ||
      !(*offsets)[1].IsUint64())
    return damaged(path, std::string("tensor '") + name + "' has bad offsets");
  Range range{(*offsets)[0].GetUint64(), (*offsets)[1].GetUint64()};
  if (range.begin > range.end || range.end > dataBytes)
    return damaged(path, std::string("tensor '") + name +
                             "' lies outside of the data");
  if (bits % 8 != 0 || range.end - range.begin != bits / 8)
    return damaged(path, std::string("tensor '") + name +
                             "' has offsets that do not match its shape");
  ranges.push_back(range);
  return CINCH_OK;
}

/// The text form of the checksum that the header records, or "".
static std::string recordedChecksum(const JsonValue &header) {
  auto metadata = header.FindMember("__metadata__");
  if (metadata == header.MemberEnd() || !metadata->value.IsObject())
    return "";
  auto entry = metadata->value.FindMember("cinch_checksum");
  if (entry == metadata->value.MemberEnd() || !entry->value.IsString())
    return "";
  return {entry->value.GetString(), entry->value.GetStringLength()};
}

cinch_status_t Weights::load(const std::string &path, const Manifest &manifest,
                             bool verify) {
  CINCH_RETURN_IF_ERROR(file.open(path));
  return use(path, file.data(), file.size(), manifest, verify);
}

cinch_status_t Weights::use(const std::string &path, const uint8_t *bytes,
                            uint64_t fileBytes, const Manifest &manifest,
                            bool verify) {
  uint64_t headerBytes = 0;
  if (fileBytes < sizeof(headerBytes))
    return damaged(path, "no header");
  memcpy(&headerBytes, bytes, sizeof(headerBytes));
  if (headerBytes > maxHeaderBytes ||
      headerBytes > fileBytes - sizeof(headerBytes))
    return damaged(path, "the header runs past the end");
  uint64_t start = sizeof(headerBytes) + headerBytes;
  uint64_t size = fileBytes - start;

  JsonDocument header;
  std::string error;
  std::string_view text(
      reinterpret_cast<const char *>(bytes) + sizeof(headerBytes), headerBytes);
  if (!parseJson(text, header, error))
    return damaged(path, "header is not JSON: " + error);
  if (!header.IsObject())
    return damaged(path, "header is not an object");
  std::vector<Range> ranges;
  for (const auto &member : header.GetObject()) {
    std::string_view name(member.name.GetString(),
                          member.name.GetStringLength());
    if (name != "__metadata__")
      CINCH_RETURN_IF_ERROR(checkTensor(path, member.name.GetString(),
                                        member.value, size, ranges));
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t covered = 0;
  for (const Range &range : ranges) {
    if (range.begin != covered)
      return damaged(path, range.begin < covered ? "tensors overlap"
                                                 : "a hole between tensors");
    covered = range.end;
  }
  if (covered != size)
    return damaged(path, "bytes after the last tensor");

  if (reinterpret_cast<uintptr_t>(bytes + start) % 64 != 0)
    return fail(CINCH_ERROR_WEIGHTS,
                "%s: the data section is not aligned to 64 bytes",
                path.c_str());
  if (size != static_cast<uint64_t>(manifest.weightsBytes))
    return fail(CINCH_ERROR_WEIGHTS,
                "%s: has %" PRIu64 " bytes of data, but the model was compiled "
                "with %" PRId64,
                path.c_str(), size, manifest.weightsBytes);
  std::string recorded = recordedChecksum(header);
  if (recorded != manifest.weightsChecksum)
    return fail(CINCH_ERROR_WEIGHTS,
                "%s: belongs to another model (checksum '%s', expected '%s')",
                path.c_str(), recorded.c_str(),
                manifest.weightsChecksum.c_str());
  if (verify) {
    Checksum checksum;
    checksum.update(bytes + start, size);
    if (checksum.str() != recorded)
      return fail(CINCH_ERROR_WEIGHTS,
                  "%s: damaged data (checksum '%s', expected '%s')",
                  path.c_str(), checksum.str().c_str(), recorded.c_str());
  }
  data = bytes + start;
  dataBytes = static_cast<int64_t>(size);
  return CINCH_OK;
}

} // namespace cinch::rt
