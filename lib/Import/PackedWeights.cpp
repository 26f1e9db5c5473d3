//===- PackedWeights.cpp - rules: products with weights in few bits -------===//
//
// MatMulNBits of ONNX Runtime's domain com.microsoft: decoders are published
// with it. It becomes what QDQ models have: a packed constant, its
// dequantization and a product.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "lib/Import/Node.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

namespace {

/// Codes of `bits` bits, the first in the low bits, in rows that begin at whole
/// bytes.
struct PackedRows {
  int64_t bits, numRows, rowBytes;
  ArrayRef<char> bytes;

  uint8_t get(int64_t row, int64_t index) const {
    int64_t bit = index * bits;
    auto byte = static_cast<uint8_t>(bytes[row * rowBytes + bit / 8]);
    return byte >> bit % 8 & ((1 << bits) - 1);
  }
};

/// The numbers of a MatMulNBits node.
struct NBits {
  int64_t numIn, numOut, bits, block, numBlocks;
  Type element; ///< of the activations and scales
};

} // namespace

/// The `perRow` first codes of each row, less `zero`, one behind the other: in
/// two's complement if there is a zero.
static FailureOr<TypedAttr> makePacked(Node &node, const PackedRows &rows,
                                       int64_t perRow, int64_t zero) {
  auto element =
      IntegerType::get(node.context(), static_cast<unsigned>(rows.bits),
                       zero ? IntegerType::Signless : IntegerType::Unsigned);
  auto type = RankedTensorType::get({rows.numRows, perRow}, element);
  auto fill = [&](MutableArrayRef<char> bytes) {
    llvm::fill(bytes, 0);
    int64_t bit = 0;
    for (int64_t row = 0; row < rows.numRows; ++row)
      for (int64_t i = 0; i < perRow; ++i, bit += rows.bits) {
        int64_t code = rows.get(row, i) - zero;
        bytes[bit / 8] |=
            static_cast<char>((code & ((1 << rows.bits) - 1)) << bit % 8);
      }
  };
  llvm::Expected<TypedAttr> made = graph::makeTemporaryConstant(type, fill);
  if (!made)
    return node.invalid(llvm::toString(made.takeError()));
  return *made;
}

/// The bytes of constant input `index` of ui8, which must be `count`.
static FailureOr<ArrayRef<char>> readBytes(Node &node, size_t index,
                                           StringRef name, int64_t count,
                                           SmallVectorImpl<char> &storage) {
  Value value = node.in(index);
  TypedAttr constant = graph::getConstantValue(value);
  if (!constant)
    return node.unsupported("input " + name +
                            " that is computed (a constant "
                            "is supported)");
  if (!node.elem(value).isUnsignedInteger(8))
    return node.unsupported("input " + name +
                            " that is not of uint8 (packed codes are "
                            "supported)");
  llvm::Expected<ArrayRef<char>> bytes =
      graph::getConstantBytes(constant, storage);
  if (!bytes)
    return node.invalid(llvm::toString(bytes.takeError()));
  if (static_cast<int64_t>(bytes->size()) != count)
    return node.invalid("input " + name + " has " + Twine(bytes->size()) +
                        " bytes, expected " + Twine(count));
  return *bytes;
}

/// Reads the attributes and checks what follows from them.
static FailureOr<NBits> readNBits(Node &node) {
  static constexpr StringLiteral names[] = {"A", "B", "scales"};
  for (auto [index, name] : llvm::enumerate(names))
    if (!node.has(index))
      return node.invalid("lacks input '" + name + "'");
  NBits n = {};
  for (auto [name, place] :
       {std::pair("K", &n.numIn), std::pair("N", &n.numOut)}) {
    *place = node.getInt(name, 0);
    if (*place <= 0 || *place > INT32_MAX)
      return node.invalid("attribute " + Twine(name) + " is " + Twine(*place));
  }
  n.bits = node.getInt("bits", 4);
  if (n.bits != 2 && n.bits != 4 && n.bits != 8)
    return node.unsupported("attribute bits is " + Twine(n.bits) +
                            " (2, 4 and 8 are supported)");
  n.block = node.getInt("block_size", 0);
  if (n.block < 16 || !llvm::isPowerOf2_64(n.block) || n.block > INT32_MAX)
    return node.invalid("attribute block_size is " + Twine(n.block) +
                        ", expected a power of two from 16 on");
  if (node.has(4))
    return node.unsupported("input g_idx (blocks of inputs in order are "
                            "supported)");
  n.numBlocks = llvm::divideCeil(n.numIn, n.block);
  n.element = node.elem(node.in(0));
  if (!isa<FloatType>(n.element) || node.elem(node.in(2)) != n.element)
    return node.invalid("inputs A and scales are not of one float type");
  auto count = graph::getNumElements(node.type(node.in(2)));
  if (!count || *count != n.numOut * n.numBlocks)
    return node.invalid("input scales does not have " +
                        Twine(n.numOut * n.numBlocks) + " elements");
  return n;
}

/// A [..., K] by the transpose of B [N, K], whose codes have a scale, and a
/// zero point (by default the middle one), for each block of a row.
static LogicalResult importMatMulNBits(Node &node) {
  FailureOr<NBits> n = readNBits(node);
  if (failed(n))
    return failure();
  SmallVector<char> storage, zeroStorage;
  int64_t rowBytes = n->numBlocks * n->block * n->bits / 8;
  auto codes = readBytes(node, 1, "B", n->numOut * rowBytes, storage);
  if (failed(codes))
    return failure();
  int64_t middle = int64_t(1) << (n->bits - 1);
  auto weights = makePacked(node, {n->bits, n->numOut, rowBytes, *codes},
                            n->numIn, node.has(3) ? 0 : middle);
  if (failed(weights))
    return failure();
  Value zero;
  if (node.has(3)) {
    int64_t zeroBytes = llvm::divideCeil(n->numBlocks * n->bits, 8);
    auto zeros =
        readBytes(node, 3, "zero_points", n->numOut * zeroBytes, zeroStorage);
    if (failed(zeros))
      return failure();
    auto packed = makePacked(node, {n->bits, n->numOut, zeroBytes, *zeros},
                             n->numBlocks, 0);
    if (failed(packed))
      return failure();
    zero = node.constant(*packed);
  }
  Value scale = node.reshape(node.in(2), {n->numOut, n->numBlocks});
  Value weight = node.make<graph::DequantizeOp>(
      n->element, node.constant(*weights), scale, zero, int64_t(1), n->block,
      /*levels=*/DenseF32ArrayAttr());
  Value product = node.matmul(node.in(0), weight, /*transposeLhs=*/false,
                              /*transposeRhs=*/true);
  return node.result(node.has(5) ? node.add(product, node.in(5)) : product);
}

void import::addPackedWeightRules(RuleTable &rules) {
  rules["com.microsoft:MatMulNBits"] = importMatMulNBits;
}
