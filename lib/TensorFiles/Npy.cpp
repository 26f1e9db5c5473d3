//===- Npy.cpp - NumPy's array files --------------------------------------===//
//
// Format: numpy/lib/format.py. The header is a Python dictionary literal with
// exactly the keys 'descr', 'fortran_order' and 'shape'.
//
//===----------------------------------------------------------------------===//
#include "lib/TensorFiles/Tensor.h"

#include <cstring>

namespace cinch {

namespace {

struct TypeName {
  const char *descr; ///< without the byte order
  cinch_dtype_t dtype;
};

/// A cursor over the header's text.
struct Literal {
  Bytes text;

  void skipSpace() {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\n'))
      text.remove_prefix(1);
  }
  bool eat(Bytes token) {
    skipSpace();
    if (text.substr(0, token.size()) != token)
      return false;
    text.remove_prefix(token.size());
    return true;
  }
  bool readString(std::string &out) {
    skipSpace();
    if (text.empty() || (text[0] != '\'' && text[0] != '"'))
      return false;
    size_t end = text.find(text[0], 1);
    if (end == Bytes::npos)
      return false;
    out = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return true;
  }
  bool readInt(int64_t &out) {
    skipSpace();
    size_t digits = 0;
    out = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9';
         ++digits)
      if (__builtin_mul_overflow(out, 10, &out) ||
          __builtin_add_overflow(out, text[digits] - '0', &out))
        return false;
    text.remove_prefix(digits);
    return digits > 0;
  }
};

} // namespace

static constexpr TypeName typeNames[] = {
    {"b1", CINCH_DTYPE_BOOL}, {"i1", CINCH_DTYPE_I8},  {"i2", CINCH_DTYPE_I16},
    {"i4", CINCH_DTYPE_I32},  {"i8", CINCH_DTYPE_I64}, {"u1", CINCH_DTYPE_U8},
    {"u2", CINCH_DTYPE_U16},  {"u4", CINCH_DTYPE_U32}, {"u8", CINCH_DTYPE_U64},
    {"f2", CINCH_DTYPE_F16},  {"f4", CINCH_DTYPE_F32}, {"f8", CINCH_DTYPE_F64},
    {"V2", CINCH_DTYPE_BF16}, {"V1", CINCH_DTYPE_U8}};

/// Whether elements of `dtype` are floats that NumPy has no name for.
static bool isNarrowFloat(cinch_dtype_t dtype) {
  return dtype >= CINCH_DTYPE_F8E4M3FN && dtype <= CINCH_DTYPE_F4E2M1FN;
}
static bool isPacked(cinch_dtype_t dtype) {
  return cinch_dtype_bits(dtype) < 8;
}

void convertBytes(cinch_dtype_t dtype, Tensor &tensor) {
  bool isByte =
      tensor.dtype == CINCH_DTYPE_U8 || tensor.dtype == CINCH_DTYPE_I8;
  if (!isByte || (!isNarrowFloat(dtype) && !isPacked(dtype)))
    return;
  tensor.dtype = dtype;
  if (!isPacked(dtype))
    return;
  int64_t bits = cinch_dtype_bits(dtype);
  std::vector<uint8_t> packed((tensor.data.size() * bits + 7) / 8);
  for (size_t index = 0; index < tensor.data.size(); ++index)
    packed[index * bits / 8] = static_cast<uint8_t>(
        packed[index * bits / 8] | (tensor.data[index] & ((1 << bits) - 1))
                                       << (index * bits % 8));
  tensor.data = std::move(packed);
}

Bytes getNpyData(const Tensor &tensor, std::string &storage) {
  if (!isPacked(tensor.dtype))
    return {reinterpret_cast<const char *>(tensor.data.data()),
            tensor.data.size()};
  int bits = static_cast<int>(cinch_dtype_bits(tensor.dtype));
  bool isSigned =
      tensor.dtype == CINCH_DTYPE_I4 || tensor.dtype == CINCH_DTYPE_I2;
  int sign = isSigned ? 1 << (bits - 1) : 0;
  for (int64_t index = 0; index < tensor.elements(); ++index) {
    int value =
        tensor.data[index * bits / 8] >> (index * bits % 8) & ((1 << bits) - 1);
    storage += static_cast<char>((value ^ sign) - sign);
  }
  return storage;
}

/// Parses "<f4"; one-byte types have '|' for the order.
static bool parseDescr(const std::string &descr, cinch_dtype_t &out) {
  if (descr.size() != 3 || (descr[0] != '<' && descr[0] != '|'))
    return false;
  for (const TypeName &type : typeNames)
    if (descr.substr(1) == type.descr) {
      out = type.dtype;
      return true;
    }
  return false;
}

static bool parseHeader(Bytes text, std::string &descr, bool &isFortran,
                        std::vector<int64_t> &shape) {
  Literal literal{text};
  int found = 0;
  if (!literal.eat("{"))
    return false;
  while (!literal.eat("}")) {
    std::string key;
    if (!literal.readString(key) || !literal.eat(":"))
      return false;
    if (key == "descr") {
      found |= 1;
      if (!literal.readString(descr))
        return false;
    } else if (key == "fortran_order") {
      found |= 2;
      isFortran = literal.eat("True");
      if (!isFortran && !literal.eat("False"))
        return false;
    } else if (key == "shape") {
      found |= 4;
      if (!literal.eat("("))
        return false;
      while (!literal.eat(")")) {
        int64_t dim;
        if (!literal.readInt(dim))
          return false;
        shape.push_back(dim);
        literal.eat(",");
      }
    } else {
      return false;
    }
    literal.eat(",");
  }
  literal.skipSpace();
  return found == 7 && literal.text.empty();
}

/// Reorders column-major `from` to row-major `out.data`.
static void transpose(const char *from, Tensor &out) {
  int64_t size = cinch_dtype_bytes(out.dtype);
  size_t rank = out.shape.size();
  std::vector<int64_t> position(rank), strides(rank);
  int64_t stride = size;
  for (size_t axis = 0; axis < rank; ++axis) {
    strides[axis] = stride;
    stride *= out.shape[axis];
  }
  for (size_t at = 0; at < out.data.size(); at += size) {
    int64_t source = 0;
    for (size_t axis = 0; axis < rank; ++axis)
      source += position[axis] * strides[axis];
    memcpy(&out.data[at], from + source, size);
    for (size_t axis = rank; axis-- > 0;) {
      if (++position[axis] < out.shape[axis])
        break;
      position[axis] = 0;
    }
  }
}

bool parseNpy(Bytes file, Tensor &out, std::string &error) {
  if (file.size() < 10 || file.substr(0, 6) != Bytes("\x93NUMPY", 6)) {
    error = "not a .npy file";
    return false;
  }
  int version = static_cast<unsigned char>(file[6]);
  uint32_t headerBytes = 0;
  size_t lengthBytes = version == 1 ? 2 : 4, start = 8 + lengthBytes;
  if (version < 1 || version > 3 || file.size() < start) {
    error = "unknown version of the .npy format";
    return false;
  }
  memcpy(&headerBytes, file.data() + 8, lengthBytes);
  if (headerBytes > file.size() - start) {
    error = "the .npy header runs past the end";
    return false;
  }
  std::string descr;
  bool isFortran = false;
  out.shape.clear();
  if (!parseHeader(file.substr(start, headerBytes), descr, isFortran,
                   out.shape) ||
      out.shape.size() > CINCH_MAX_RANK) {
    error = "damaged .npy header";
    return false;
  }
  if (!parseDescr(descr, out.dtype)) {
    error = "the .npy type '" + descr + "' is not supported";
    return false;
  }
  Bytes data = file.substr(start + headerBytes);
  int64_t bytes;
  if (!getBytes(out.dtype, out.shape, bytes) ||
      static_cast<uint64_t>(bytes) != data.size()) {
    error = "the .npy data has " + std::to_string(data.size()) +
            " bytes, which is not its shape";
    return false;
  }
  out.data.assign(data.begin(), data.end());
  if (isFortran && out.shape.size() > 1)
    transpose(data.data(), out);
  return true;
}

std::string makeNpyHeader(const Tensor &tensor) {
  const char *name = "";
  for (const TypeName &type : typeNames)
    if (!*name && type.dtype == tensor.dtype)
      name = type.descr;
  if (isNarrowFloat(tensor.dtype))
    name = "V1";
  else if (isPacked(tensor.dtype))
    name = tensor.dtype == CINCH_DTYPE_I4 || tensor.dtype == CINCH_DTYPE_I2
               ? "i1"
               : "u1";
  bool hasOrder = cinch_dtype_bytes(tensor.dtype) > 1 && name[0] != 'V';
  std::string dictionary = std::string("{'descr': '") + (hasOrder ? '<' : '|') +
                           name + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.shape)
    dictionary += std::to_string(dim) + ", ";
  if (tensor.shape.size() > 1) // (3, 4) and (), but (3,)
    dictionary.resize(dictionary.size() - 2);
  dictionary += "), }";
  // The data starts at a multiple of 64.
  size_t total = (10 + dictionary.size() + 1 + 63) / 64 * 64;
  dictionary.resize(total - 10 - 1, ' ');
  dictionary += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

} // namespace cinch
