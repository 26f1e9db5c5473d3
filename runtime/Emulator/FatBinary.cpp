//===- FatBinary.cpp - finds the PTX of a fat binary ----------------------===//
//
// A fat binary is a header and entries, each with a header of its own; nvcc
// and fatbinary write them. What is read here was checked against their output
// (CUDA 11 .. 13); all numbers are little-endian.
//
//===----------------------------------------------------------------------===//
#include "runtime/Emulator/FatBinary.h"
#include <cstddef>
#include <cstdint>
#include <cstring>

using namespace cinch::emulator;

namespace {
struct Wrapper {
  static constexpr uint32_t kMagic = 0x466243b1;
  uint32_t magic, version;
  const void *data;
  const void *fileName;
};

struct FileHeader {
  static constexpr uint32_t kMagic = 0xba55ed50;
  uint32_t magic;
  uint16_t version, headerBytes;
  /// Of the entries.
  uint64_t bytes;
};

struct EntryHeader {
  static constexpr uint16_t kPtx = 1;
  static constexpr uint64_t kCompressed = 0x2000, kCompressedZstd = 0x8000;
  uint16_t kind, version;
  uint32_t headerBytes;
  uint64_t bytes;
  uint32_t compressedBytes, unknown0;
  uint16_t minorVersion, majorVersion;
  uint32_t target;
  uint32_t nameOffset, nameBytes;
  uint64_t flags;
};
} // namespace

static constexpr char kElfMagic[] = {0x7f, 'E', 'L', 'F'};

static uint32_t readMagic(const void *image) {
  // Text may be shorter than a magic number.
  unsigned char bytes[4] = {};
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<const unsigned char *>(image)[i];
    if (!bytes[i])
      break;
  }
  uint32_t magic;
  std::memcpy(&magic, bytes, sizeof(magic));
  return magic;
}

bool cinch::emulator::isBinary(const void *image) {
  uint32_t magic = readMagic(image);
  return magic == Wrapper::kMagic || magic == FileHeader::kMagic ||
         !std::memcmp(&magic, kElfMagic, sizeof(magic));
}

bool cinch::emulator::isFile(const char *image, size_t bytes) {
  uint32_t magic = readMagic(image);
  if (magic != FileHeader::kMagic)
    return magic != Wrapper::kMagic;
  FileHeader file;
  if (bytes < sizeof(file))
    return false;
  std::memcpy(&file, image, sizeof(file));
  return file.headerBytes <= bytes && file.bytes <= bytes - file.headerBytes;
}

static Error findEntry(const char *fat, unsigned sm, std::string_view &outPtx) {
  FileHeader file;
  std::memcpy(&file, fat, sizeof(file));
  if (file.headerBytes != sizeof(file) || file.bytes > uint64_t(1) << 32)
    return {Code::InvalidImage, "the header of the fat binary is damaged"};
  const char *entries = fat + file.headerBytes;
  uint32_t best = 0, ptxCount = 0;
  bool isCompressed = false;
  for (uint64_t offset = 0; offset + sizeof(EntryHeader) <= file.bytes;) {
    EntryHeader entry;
    std::memcpy(&entry, entries + offset, sizeof(entry));
    if (entry.headerBytes < sizeof(entry) ||
        entry.headerBytes > file.bytes - offset ||
        entry.bytes > file.bytes - offset - entry.headerBytes)
      return {Code::InvalidImage, "an entry of the fat binary leaves it"};
    const char *payload = entries + offset + entry.headerBytes;
    offset += entry.headerBytes + entry.bytes;
    if (entry.kind != EntryHeader::kPtx)
      continue;
    ++ptxCount;
    if (entry.target > sm || entry.target < best)
      continue;
    best = entry.target;
    isCompressed =
        entry.flags & (EntryHeader::kCompressed | EntryHeader::kCompressedZstd);
    outPtx = {payload, strnlen(payload, entry.bytes)};
  }
  if (!best)
    return {Code::NoBinaryForGpu,
            ptxCount ? "no PTX of the fat binary is for sm_" +
                           std::to_string(sm) + " or below"
                     : "the fat binary has no PTX, only machine code; add it "
                       "with -gencode arch=compute_" +
                           std::to_string(sm) + ",code=compute_" +
                           std::to_string(sm)};
  if (isCompressed)
    return {Code::NoBinaryForGpu, "the PTX of the fat binary is compressed; "
                                  "build it with -Xfatbin -compress=false"};
  return {};
}

Error cinch::emulator::findPtx(const void *image, unsigned sm,
                               std::string_view &outPtx) {
  uint32_t magic = readMagic(image);
  if (!std::memcmp(&magic, kElfMagic, sizeof(magic)))
    return {
        Code::NoBinaryForGpu,
        "the image is machine code (a cubin); the emulated device runs PTX"};
  if (magic == FileHeader::kMagic)
    return findEntry(static_cast<const char *>(image), sm, outPtx);
  if (magic != Wrapper::kMagic) {
    outPtx = static_cast<const char *>(image);
    return {};
  }
  Wrapper wrapper;
  std::memcpy(&wrapper, image, sizeof(wrapper));
  if (!wrapper.data || readMagic(wrapper.data) != FileHeader::kMagic)
    return {Code::InvalidImage, "the image points to no fat binary"};
  return findEntry(static_cast<const char *>(wrapper.data), sm, outPtx);
}
