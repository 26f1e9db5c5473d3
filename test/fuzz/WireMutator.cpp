//===- WireMutator.cpp - changes protobuf messages as trees ---------------===//
#include "test/fuzz/WireMutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

using namespace cinch::fuzz;

static bool readVarint(std::string_view bytes, size_t &at, uint64_t &out) {
  out = 0;
  for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    uint64_t byte = static_cast<unsigned char>(bytes[at++]);
    out |= (byte & 127) << shift;
    if (byte < 128)
      return true;
  }
  return false;
}

bool cinch::fuzz::parseMessage(std::string_view bytes, std::vector<Field> &out,
                               unsigned depth) {
  constexpr unsigned maxDepth = 24, maxNumber = 100;
  if (depth > maxDepth)
    return false;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t tag, length;
    if (!readVarint(bytes, at, tag) || tag >> 3 == 0 || tag >> 3 > maxNumber)
      return false;
    Field field;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wireType = tag & 7;
    if (field.wireType == 0) {
      if (!readVarint(bytes, at, field.value))
        return false;
    } else if (field.wireType == 1 || field.wireType == 5) {
      size_t size = field.wireType == 1 ? 8 : 4;
      if (bytes.size() - at < size)
        return false;
      for (size_t index = 0; index < size; ++index)
        field.value |= uint64_t(static_cast<unsigned char>(bytes[at + index]))
                       << (8 * index);
      at += size;
    } else if (field.wireType == 2) {
      if (!readVarint(bytes, at, length) || length > bytes.size() - at)
        return false;
      std::string_view content = bytes.substr(at, length);
      at += length;
      field.isMessage =
          length && parseMessage(content, field.children, depth + 1);
      if (!field.isMessage) {
        field.children.clear();
        field.bytes = content;
      }
    } else {
      return false;
    }
    out.push_back(std::move(field));
  }
  return true;
}

static void writeVarint(std::string &out, uint64_t value) {
  for (; value >= 128; value >>= 7)
    out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

std::string cinch::fuzz::writeMessage(const std::vector<Field> &fields) {
  std::string out;
  for (const Field &field : fields) {
    writeVarint(out, uint64_t(field.number) << 3 | field.wireType);
    if (field.wireType == 0) {
      writeVarint(out, field.value);
    } else if (field.wireType == 2) {
      std::string content =
          field.isMessage ? writeMessage(field.children) : field.bytes;
      writeVarint(out, content.size());
      out += content;
    } else {
      for (size_t index = 0; index < (field.wireType == 1 ? 8 : 4); ++index)
        out.push_back(static_cast<char>(field.value >> (8 * index)));
    }
  }
  return out;
}

namespace {
/// A field and the message it is in.
struct Place {
  std::vector<Field> *parent;
  size_t index;
  Field &get() const { return (*parent)[index]; }
};
} // namespace

static void collect(std::vector<Field> &fields, std::vector<Place> &out) {
  for (size_t index = 0; index < fields.size(); ++index) {
    out.push_back({&fields, index});
    collect(fields[index].children, out);
  }
}

static size_t pick(size_t count, std::mt19937 &random) {
  return random() % count;
}

/// A random place of `places` that holds the field number and kind of `field`.
static const Place *pickAlike(const std::vector<Place> &places,
                              const Field &field, std::mt19937 &random) {
  size_t start = pick(places.size(), random);
  for (size_t offset = 0; offset < places.size(); ++offset) {
    const Place &place = places[(start + offset) % places.size()];
    if (&place.get() != &field && place.get().number == field.number &&
        place.get().wireType == field.wireType &&
        place.get().isMessage == field.isMessage)
      return &place;
  }
  return nullptr;
}

static void mutateNumber(uint64_t &value, std::mt19937 &random) {
  static const int64_t edges[] = {
      0,         1,         2,         3,          4,          7,
      8,         13,        16,        64,         255,        256,
      1024,      65535,     65536,     1 << 20,    INT32_MAX,  INT32_MIN,
      INT64_MAX, INT64_MIN, -1,        -2,         -3,         1LL << 32,
      1LL << 40, 1LL << 62, 100000000, 0x3f800000, 0x7f800000, 0x7fc00000};
  switch (pick(4, random)) {
  case 0:
    value = edges[pick(sizeof(edges) / sizeof(*edges), random)];
    break;
  case 1:
    value = pick(24, random);
    break;
  case 2:
    value += pick(2, random) ? 1 : -1;
    break;
  default:
    value ^= uint64_t(1) << pick(64, random);
  }
}

static void mutateBytes(std::string &bytes, std::mt19937 &random) {
  size_t size = bytes.size();
  bytes.resize(size + 16);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(bytes.data()), size,
                                bytes.size()));
}

static void mutateOnce(std::vector<Field> &fields, std::mt19937 &random) {
  std::vector<Place> places;
  collect(fields, places);
  if (places.empty())
    return;
  const Place &place = places[pick(places.size(), random)];
  Field &field = place.get();
  switch (pick(8, random)) {
  case 0:
    place.parent->erase(place.parent->begin() + place.index);
    return;
  case 1: {
    Field copy = field;
    place.parent->insert(place.parent->begin() + place.index, std::move(copy));
    return;
  }
  case 2: { // another order
    std::swap(field, (*place.parent)[pick(place.parent->size(), random)]);
    return;
  }
  case 3:
  case 4: // other wiring, another node, another shape
    if (const Place *other = pickAlike(places, field, random)) {
      Field copy = other->get();
      field = std::move(copy);
      return;
    }
    break;
  case 5: // one more of a list
    if (const Place *other = pickAlike(places, field, random)) {
      Field copy = other->get();
      place.parent->insert(place.parent->begin() + place.index,
                           std::move(copy));
      return;
    }
    break;
  default:
    break;
  }
  if (field.wireType != 2)
    mutateNumber(field.value, random);
  else if (!field.isMessage)
    mutateBytes(field.bytes, random);
  else if (pick(8, random) == 0)
    field.number = 1 + pick(25, random);
}

void cinch::fuzz::mutateMessage(std::vector<Field> &fields,
                                std::mt19937 &random) {
  for (size_t count = 1 + pick(4, random); count; --count)
    mutateOnce(fields, random);
}

void cinch::fuzz::crossMessages(std::vector<Field> &fields,
                                std::vector<Field> &other,
                                std::mt19937 &random) {
  std::vector<Place> places, others;
  collect(fields, places);
  collect(other, others);
  if (places.empty() || others.empty())
    return;
  const Place &place = places[pick(places.size(), random)];
  const Place *from = pickAlike(others, place.get(), random);
  if (!from)
    return;
  if (pick(2, random))
    place.get() = from->get();
  else
    place.parent->insert(place.parent->begin() + place.index, from->get());
}
