//===- Npz.cpp - zip archives of NumPy's array files ----------------------===//
//
// Format: PKWARE's APPNOTE.TXT 6.3.10. Read: stored and deflated entries,
// zip64. Every offset and size is checked; entries are found through the
// central directory only.
//
//===----------------------------------------------------------------------===//
#include "lib/TensorFiles/Tensor.h"

#include <climits>
#include <cstring>
#include <zlib.h>

namespace cinch {

namespace {

/// Bounds-checked little-endian reads.
struct Archive {
  Bytes bytes;

  template <typename T> bool read(uint64_t offset, T &out) const {
    if (offset > bytes.size() || sizeof(T) > bytes.size() - offset)
      return false;
    memcpy(&out, bytes.data() + offset, sizeof(T));
    return true;
  }
  bool slice(uint64_t offset, uint64_t size, Bytes &out) const {
    if (offset > bytes.size() || size > bytes.size() - offset)
      return false;
    out = bytes.substr(offset, size);
    return true;
  }
};

struct Entry {
  std::string name;
  uint16_t method = 0, flags = 0;
  uint32_t crc = 0;
  uint64_t packedBytes = 0, bytes = 0, headerAt = 0;
};

/// Appends little-endian numbers.
struct Writer {
  std::string text;
  Writer &u16(uint64_t value) { return append(value, 2); }
  Writer &u32(uint64_t value) { return append(value, 4); }
  Writer &append(uint64_t value, int count) {
    for (int index = 0; index < count; ++index)
      text += static_cast<char>(value >> (8 * index));
    return *this;
  }
};

} // namespace

static constexpr uint32_t localSignature = 0x04034b50,
                          centralSignature = 0x02014b50,
                          endSignature = 0x06054b50,
                          end64Signature = 0x06064b50,
                          locator64Signature = 0x07064b50;
static constexpr uint64_t endBytes = 22, locator64Bytes = 20;

/// Finds the central directory.
static bool findDirectory(const Archive &archive, uint64_t &at,
                          uint64_t &count) {
  uint64_t size = archive.bytes.size();
  uint32_t signature = 0;
  for (uint64_t back = endBytes; back <= size && back <= endBytes + 0xffff;
       ++back) {
    uint64_t end = size - back;
    uint16_t commentBytes;
    archive.read(end, signature);
    if (signature != endSignature || !archive.read(end + 20, commentBytes) ||
        commentBytes != back - endBytes)
      continue;
    uint16_t shortCount = 0;
    uint32_t shortAt = 0;
    archive.read(end + 10, shortCount);
    archive.read(end + 16, shortAt);
    at = shortAt;
    count = shortCount;
    uint64_t end64;
    if (end >= locator64Bytes &&
        archive.read(end - locator64Bytes, signature) &&
        signature == locator64Signature &&
        archive.read(end - locator64Bytes + 8, end64))
      return archive.read(end64, signature) && signature == end64Signature &&
             archive.read(end64 + 32, count) && archive.read(end64 + 48, at);
    return true;
  }
  return false;
}

/// Takes the 64-bit values of the zip64 extra field for members that are full.
static bool applyZip64(Bytes extra, Entry &entry) {
  Archive fields{extra};
  uint64_t *members[] = {&entry.bytes, &entry.packedBytes, &entry.headerAt};
  for (uint64_t at = 0; at + 4 <= extra.size();) {
    uint16_t id = 0, size = 0;
    fields.read(at, id);
    fields.read(at + 2, size);
    if (size > extra.size() - at - 4)
      return false;
    uint64_t next = at + 4, end = next + size;
    for (uint64_t *member : members)
      if (id == 1 && *member == UINT32_MAX) {
        if (end - next < 8 || !fields.read(next, *member))
          return false;
        next += 8;
      }
    at = end;
  }
  return true;
}

/// Reads the entry of the central directory at `at` and moves `at` past it.
static bool readEntry(const Archive &archive, uint64_t &at, Entry &entry) {
  uint32_t signature, packedBytes, bytes, headerAt;
  uint16_t nameBytes, extraBytes, commentBytes;
  Bytes name, extra;
  if (!archive.read(at, signature) || signature != centralSignature ||
      !archive.read(at + 8, entry.flags) ||
      !archive.read(at + 10, entry.method) ||
      !archive.read(at + 16, entry.crc) ||
      !archive.read(at + 20, packedBytes) || !archive.read(at + 24, bytes) ||
      !archive.read(at + 28, nameBytes) || !archive.read(at + 30, extraBytes) ||
      !archive.read(at + 32, commentBytes) ||
      !archive.read(at + 42, headerAt) ||
      !archive.slice(at + 46, nameBytes, name) ||
      !archive.slice(at + 46 + nameBytes, extraBytes, extra))
    return false;
  entry.name = name;
  entry.packedBytes = packedBytes;
  entry.bytes = bytes;
  entry.headerAt = headerAt;
  at += 46 + uint64_t(nameBytes) + extraBytes + commentBytes;
  return applyZip64(extra, entry);
}

/// Inflates raw deflate data to exactly `bytes` bytes.
static bool inflateTo(Bytes packed, uint64_t bytes, std::string &out) {
  // Deflate cannot do better than 1032 : 1.
  if (bytes > packed.size() * 1032 + 64)
    return false;
  out.resize(bytes);
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(packed.data()));
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  uint64_t inLeft = packed.size(), outLeft = bytes;
  int status = Z_OK;
  while (status == Z_OK) {
    // zlib counts in 32 bits.
    uInt in = static_cast<uInt>(inLeft < INT_MAX ? inLeft : INT_MAX);
    uInt room = static_cast<uInt>(outLeft < INT_MAX ? outLeft : INT_MAX);
    stream.avail_in = in;
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    inLeft -= in - stream.avail_in;
    outLeft -= room - stream.avail_out;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && outLeft == 0;
}

/// Extracts the bytes of `entry`; `storage` holds them if they were packed.
static bool extract(const Archive &archive, const Entry &entry,
                    std::string &storage, Bytes &out, std::string &error) {
  uint32_t signature;
  uint16_t nameBytes, extraBytes;
  Bytes packed;
  if (!archive.read(entry.headerAt, signature) || signature != localSignature ||
      !archive.read(entry.headerAt + 26, nameBytes) ||
      !archive.read(entry.headerAt + 28, extraBytes) ||
      !archive.slice(entry.headerAt + 30 + nameBytes + extraBytes,
                     entry.packedBytes, packed)) {
    error = "an entry runs past the end";
    return false;
  }
  if ((entry.flags & 1) || (entry.method != 0 && entry.method != 8)) {
    error = "'" + entry.name + "' is encrypted or packed in an unknown way";
    return false;
  }
  if (entry.method == 8) {
    if (!inflateTo(packed, entry.bytes, storage)) {
      error = "'" + entry.name + "' cannot be unpacked";
      return false;
    }
    packed = storage;
  }
  uLong crc =
      crc32_z(0, reinterpret_cast<const Bytef *>(packed.data()), packed.size());
  if (packed.size() != entry.bytes || crc != entry.crc) {
    error = "'" + entry.name + "' is damaged (checksum)";
    return false;
  }
  out = packed;
  return true;
}

bool readNpz(const std::string &path, std::map<std::string, Tensor> &out,
             std::string &error) {
  std::string file;
  if (!readFile(path, file, error))
    return false;
  Archive archive{file};
  uint64_t at, count;
  if (!findDirectory(archive, at, count)) {
    error = path + ": not a .npz file";
    return false;
  }
  for (uint64_t index = 0; index < count; ++index) {
    Entry entry;
    if (!readEntry(archive, at, entry)) {
      error = path + ": damaged directory";
      return false;
    }
    std::string_view name = entry.name;
    constexpr std::string_view suffix = ".npy";
    if (name.size() < suffix.size() ||
        name.substr(name.size() - suffix.size()) != suffix) {
      error = path + ": '" + entry.name + "' is not a .npy file";
      return false;
    }
    name.remove_suffix(suffix.size());
    std::string storage;
    Bytes bytes;
    Tensor tensor;
    if (!extract(archive, entry, storage, bytes, error) ||
        !parseNpy(bytes, tensor, error)) {
      error = path + ": '" + entry.name + "': " + error;
      return false;
    }
    if (!out.emplace(std::string(name), std::move(tensor)).second) {
      error = path + ": '" + entry.name + "' occurs twice";
      return false;
    }
  }
  return true;
}

bool writeNpz(
    const std::string &path,
    const std::vector<std::pair<std::string, const Tensor *>> &tensors,
    std::string &error) {
  std::vector<std::string> headers, unpacked(tensors.size());
  std::vector<Bytes> pieces;
  Writer directory;
  uint64_t offset = 0;
  headers.reserve(2 * tensors.size()); // pieces refer to them
  for (const auto &[name, tensor] : tensors) {
    std::string fileName = name + ".npy", npy = makeNpyHeader(*tensor);
    Bytes data = getNpyData(*tensor, unpacked[headers.size()]);
    uint64_t bytes = npy.size() + data.size();
    uLong crc =
        crc32_z(0, reinterpret_cast<const Bytef *>(npy.data()), npy.size());
    if (!data.empty()) // a null pointer would start over
      crc = crc32_z(crc, reinterpret_cast<const Bytef *>(data.data()),
                    data.size());
    if (offset + bytes + fileName.size() + 30 >= UINT32_MAX ||
        fileName.size() > UINT16_MAX || tensors.size() >= UINT16_MAX) {
      error = path + ": above 4 GiB; write to a folder instead";
      return false;
    }
    // Version 2.0, names in UTF-8, stored, 1980-01-01: the same bytes always.
    Writer fields;
    fields.u16(20).u16(0x800).u16(0).u16(0).u16(0x21).u32(crc).u32(bytes);
    fields.u32(bytes).u16(fileName.size()).u16(0);
    Writer local;
    local.u32(localSignature).text += fields.text + fileName;
    directory.u32(centralSignature).u16(20).text += fields.text;
    directory.u16(0).u16(0).u16(0).u32(0).u32(offset).text += fileName;
    offset += local.text.size() + bytes;
    headers.push_back(local.text + npy);
    pieces.push_back(headers.back());
    pieces.push_back(data);
  }
  Writer end;
  end.u32(endSignature).u16(0).u16(0).u16(tensors.size()).u16(tensors.size());
  end.u32(directory.text.size()).u32(offset).u16(0);
  pieces.push_back(directory.text);
  pieces.push_back(end.text);
  return writeFile(path, pieces, error);
}

} // namespace cinch
