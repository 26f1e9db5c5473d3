//===- Arguments.cpp - what a kernel is given -----------------------------===//
#include "tools/cinch-emulate/Arguments.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <unistd.h>

namespace cinch::emulate {

//===--- Parsing ----------------------------------------------------------===//

template <typename T> static std::string toBytes(T value) {
  return std::string(reinterpret_cast<const char *>(&value), sizeof(value));
}

static bool parseSize(const std::string &text, uint64_t &out) {
  char *end;
  errno = 0;
  out = std::strtoull(text.c_str(), &end, 10);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' && !*end && !errno &&
         out > 0;
}

/// Parses an integer that fits `T`, decimal or 0x….
template <typename T>
static bool parseInteger(const std::string &text, std::string &out) {
  char *end;
  errno = 0;
  bool isNegative = !text.empty() && text[0] == '-';
  if (isNegative && std::numeric_limits<T>::is_signed) {
    long long value = std::strtoll(text.c_str(), &end, 0);
    out = toBytes(T(value));
    return !*end && !errno && value >= (long long)std::numeric_limits<T>::min();
  }
  unsigned long long value = std::strtoull(text.c_str(), &end, 0);
  out = toBytes(T(value));
  return !text.empty() && !isNegative && text[0] != ' ' && !*end && !errno &&
         value <= (unsigned long long)std::numeric_limits<T>::max();
}

static bool parseFloat(const std::string &type, const std::string &text,
                       std::string &out) {
  char *end;
  double value = std::strtod(text.c_str(), &end);
  out =
      type == "f32" ? toBytes(std::strtof(text.c_str(), &end)) : toBytes(value);
  return !text.empty() && text[0] != ' ' && !*end;
}

static bool parseHex(const std::string &text, std::string &out) {
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const char pair[] = {text[i], text[i + 1], 0};
    if (std::strspn(pair, "0123456789abcdefABCDEF") != 2)
      return false;
    out += char(std::strtoul(pair, nullptr, 16));
  }
  return !text.empty() && text.size() % 2 == 0;
}

static bool parseValue(const std::string &type, const std::string &text,
                       std::string &out, bool &outIsType) {
  outIsType = true;
  if (type == "i8")
    return parseInteger<int8_t>(text, out);
  if (type == "u8")
    return parseInteger<uint8_t>(text, out);
  if (type == "i16")
    return parseInteger<int16_t>(text, out);
  if (type == "u16")
    return parseInteger<uint16_t>(text, out);
  if (type == "i32")
    return parseInteger<int32_t>(text, out);
  if (type == "u32")
    return parseInteger<uint32_t>(text, out);
  if (type == "i64")
    return parseInteger<int64_t>(text, out);
  if (type == "u64")
    return parseInteger<uint64_t>(text, out);
  if (type == "f32" || type == "f64")
    return parseFloat(type, text, out);
  if (type == "hex")
    return parseHex(text, out);
  outIsType = false;
  return false;
}

static bool isNpy(const std::string &path) {
  return path.size() > 4 && path.compare(path.size() - 4, 4, ".npy") == 0;
}

bool parseArgument(const std::string &text, Argument &out, std::string &error) {
  out = Argument();
  out.text = text;
  size_t colon = text.find(':');
  std::string kind = text.substr(0, colon);
  std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  size_t last = rest.rfind(':');
  std::string first = rest.substr(0, last);
  std::string second = last == std::string::npos ? "" : rest.substr(last + 1);
  out.isBuffer = true;
  if (kind == "in") {
    out.input = rest;
    if (!rest.empty())
      return true;
    error = "bad --arg='" + text + "': expected in:FILE";
  } else if (kind == "inout") {
    out.input = first;
    out.output = second;
    if (!first.empty() && !second.empty())
      return true;
    error = "bad --arg='" + text + "': expected inout:FILE:FILE";
  } else if (kind == "out") {
    out.output = first;
    if (isNpy(first)) {
      error = "bad --arg='" + text +
              "': the file gets raw bytes, so its name must not end with .npy "
              "(inout: keeps the shape of what it read)";
      return false;
    }
    if (!first.empty() && parseSize(second, out.bytes))
      return true;
    error = "bad --arg='" + text + "': expected out:FILE:BYTES";
  } else if (kind == "zeros") {
    out.isZeroed = true;
    if (parseSize(rest, out.bytes))
      return true;
    error = "bad --arg='" + text + "': expected zeros:BYTES";
  } else {
    out.isBuffer = false;
    bool isType = false;
    if (parseValue(kind, rest, out.value, isType))
      return true;
    error = "bad --arg='" + text + "': " +
            (isType ? "'" + rest + "' is no " + kind
                    : "expected in:, inout:, out:, zeros:, or a value i8: … "
                      "u64:, f32:, f64:, hex:");
  }
  return false;
}

//===--- Files ------------------------------------------------------------===//

bool readFile(const std::string &path, std::string &out, std::string &error) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file) {
    error = "cannot open " + path + ": " + std::strerror(errno);
    return false;
  }
  char block[1 << 16];
  size_t got;
  while ((got = std::fread(block, 1, sizeof(block), file)) > 0)
    out.append(block, got);
  bool isRead = !std::ferror(file);
  if (!isRead)
    error = "cannot read " + path + ": " + std::strerror(errno);
  std::fclose(file);
  return isRead;
}

/// Splits the header of a .npy from its data.
static bool splitNpy(const std::string &path, std::string &data,
                     std::string &header, std::string &error) {
  static const char magic[] = "\x93NUMPY";
  auto getByte = [&](size_t i) { return size_t(uint8_t(data[i])); };
  error = path + " is not a .npy file";
  if (data.size() < 12 || data.compare(0, 6, magic) != 0)
    return false;
  size_t length = getByte(8) | getByte(9) << 8, start = 10;
  if (getByte(6) > 1) {
    length |= getByte(10) << 16 | getByte(11) << 24;
    start = 12;
  }
  if (length > data.size() - start)
    return false;
  header = data.substr(0, start + length);
  data.erase(0, start + length);
  if (header.find("'fortran_order': False") == std::string::npos) {
    error = path + " is stored by columns; save it with "
                   "numpy.ascontiguousarray";
    return false;
  }
  error.clear();
  return true;
}

bool placeBuffer(emulator::Memory &memory, Argument &argument,
                 std::string &error) {
  std::string data;
  if (!argument.input.empty()) {
    if (!readFile(argument.input, data, error))
      return false;
    if (isNpy(argument.input) &&
        !splitNpy(argument.input, data, argument.header, error))
      return false;
    if (data.empty()) {
      error = argument.input + " has no data";
      return false;
    }
    argument.bytes = data.size();
  }
  emulator::Error failed = memory.allocate(argument.bytes, argument.address);
  if (!failed && !data.empty())
    failed = memory.write(argument.address, data.data(), data.size());
  if (!failed && argument.isZeroed)
    failed = memory.fill(argument.address, 0, 1, argument.bytes);
  error = failed.message;
  return !failed;
}

static bool writeFile(const std::string &path, const std::string &header,
                      const std::string &data) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return false;
  bool isWritten =
      std::fwrite(header.data(), 1, header.size(), file) == header.size() &&
      std::fwrite(data.data(), 1, data.size(), file) == data.size();
  return !std::fclose(file) && isWritten;
}

bool writeOutputs(const emulator::Memory &memory,
                  const std::vector<Argument> &arguments, std::string &error) {
  // Written beside the target first, so that a full disk leaves nothing.
  std::string suffix = ".part" + std::to_string(getpid());
  std::vector<std::string> paths;
  for (const Argument &argument : arguments) {
    if (argument.output.empty())
      continue;
    std::string data(argument.bytes, 0);
    if (emulator::Error failed =
            memory.read(data.data(), argument.address, argument.bytes)) {
      error = failed.message;
      break;
    }
    paths.push_back(argument.output);
    // A raw file from a .npy has no header.
    if (!writeFile(argument.output + suffix,
                   isNpy(argument.output) ? argument.header : "", data)) {
      error = "cannot write " + argument.output + ": " + std::strerror(errno);
      break;
    }
  }
  for (const std::string &path : paths) {
    if (!error.empty())
      std::remove((path + suffix).c_str());
    else if (std::rename((path + suffix).c_str(), path.c_str()))
      error = "cannot write " + path + ": " + std::strerror(errno);
  }
  return error.empty();
}

} // namespace cinch::emulate
