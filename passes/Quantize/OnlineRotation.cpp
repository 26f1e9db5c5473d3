//===- OnlineRotation.cpp - rotations while the model runs ----------------===//
//
// A product with a Hadamard matrix of N channels takes N * N multiplications
// for a row; as a product of Kronecker factors of F channels it takes N * F for
// each, and matrices of 64 channels keep the units for products busy (Dao,
// "fast-hadamard-transform", 2023, makes the same cut for tensor cores).
//
//===----------------------------------------------------------------------===//
#include "passes/Quantize/OnlineRotation.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/FlowAxes.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// Channels of the largest matrix, a power of two.
static constexpr int64_t maxFactor = 64;

namespace {

/// Builds one rotation.
class Rotator {
public:
  Rotator(Value value, StringRef name, UniqueNames &names)
      : builder(value.getContext()), loc(value.getLoc()), name(name),
        names(names),
        shape(cast<RankedTensorType>(value.getType()).getShape()) {
    builder.setInsertionPointAfterValue(value);
  }

  Value sign(Value value, ArrayRef<float> signs);
  /// Transforms `factor` channels that are `inner` apart, the last ones with
  /// `signs`, if there are any.
  Value transform(Value value, int64_t factor, int64_t inner,
                  ArrayRef<float> signs = {});
  Value reshape(Value value, ArrayRef<int64_t> channels, const Twine &piece);

private:
  Value makeConstant(const Twine &piece, TypedAttr elements) {
    return makeNamedConstant(builder, loc, derive(piece), elements);
  }
  std::string derive(const Twine &piece) {
    return names.derive(name, ("/" + piece).str());
  }
  /// Names the result of `op` as a part.
  Value finish(Operation *op, const Twine &piece) {
    setName(op, derive(piece));
    return op->getResult(0);
  }

  OpBuilder builder;
  Location loc;
  StringRef name;
  UniqueNames &names;
  ArrayRef<int64_t> shape;
};

} // namespace

Value Rotator::sign(Value value, ArrayRef<float> signs) {
  auto type = RankedTensorType::get(static_cast<int64_t>(signs.size()),
                                    builder.getF32Type());
  Value constant = makeConstant("signs", DenseElementsAttr::get(type, signs));
  return finish(MulOp::create(builder, loc, value.getType(), value, constant),
                "signed");
}

/// Gives the last axes the extents `channels`, and leaves those before.
Value Rotator::reshape(Value value, ArrayRef<int64_t> channels,
                       const Twine &piece) {
  SmallVector<int64_t> extents(shape.drop_back()), target(extents.size(), 0);
  llvm::append_range(extents, channels);
  llvm::append_range(target, channels);
  auto type = RankedTensorType::get(static_cast<int64_t>(target.size()),
                                    builder.getI64Type());
  Value constant =
      makeConstant(piece + "/shape",
                   DenseElementsAttr::get(type, ArrayRef<int64_t>(target)));
  return finish(
      ReshapeOp::create(builder, loc,
                        RankedTensorType::get(extents, builder.getF32Type()),
                        value, constant, /*allow_zero=*/UnitAttr()),
      piece);
}

Value Rotator::transform(Value value, int64_t factor, int64_t inner,
                         ArrayRef<float> signs) {
  std::string piece = "by" + std::to_string(factor * inner);
  int64_t outer = shape.back() / (factor * inner);
  std::vector<float> elements;
  for (int64_t row = 0; row < factor; ++row) {
    std::vector<double> unit(factor, 0.0);
    unit[row] = signs.empty() ? 1 : signs[row];
    applyHadamard(unit);
    elements.insert(elements.end(), unit.begin(), unit.end());
  }
  auto type = RankedTensorType::get({factor, factor}, builder.getF32Type());
  Value matrix =
      makeConstant(piece + "/hadamard",
                   DenseElementsAttr::get(type, ArrayRef<float>(elements)));
  Value view = value;
  if (inner > 1)
    view = reshape(value, {outer, factor, inner}, piece + "/view");
  else if (outer > 1)
    view = reshape(value, {outer, factor}, piece + "/view");
  // H is symmetric: it is multiplied from the side where its channels are.
  Value left = inner == 1 ? view : matrix, right = inner == 1 ? matrix : view;
  return finish(MatmulOp::create(builder, loc, view.getType(), left, right,
                                 /*transpose_lhs=*/UnitAttr(),
                                 /*transpose_rhs=*/UnitAttr()),
                piece);
}

Value quantize::makeRotated(Value value, const RandomHadamard &rotation,
                            StringRef name, UniqueNames &names) {
  Rotator rotator(value, name, names);
  Value result;
  if (rotation.getSize() <= maxFactor &&
      rotation.getBlock() == rotation.getSize()) {
    result =
        rotator.transform(value, rotation.getSize(), 1, rotation.getSigns());
  } else {
    result = rotator.sign(value, rotation.getSigns());
    unsigned bits = llvm::Log2_64(rotation.getBlock());
    int64_t inner = 1;
    for (unsigned left = llvm::divideCeil(bits, llvm::Log2_64(maxFactor));
         left > 0; --left) {
      int64_t factor = int64_t(1) << llvm::divideCeil(bits, left);
      result = rotator.transform(result, factor, inner);
      bits -= llvm::Log2_64(factor);
      inner *= factor;
    }
    result = rotator.reshape(result, rotation.getSize(), "whole");
  }
  setName(result.getDefiningOp(), name);
  return result;
}

bool quantize::isHadamard(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() != 2 ||
      type.getDimSize(0) != type.getDimSize(1) || type.getDimSize(0) < 2 ||
      type.getDimSize(0) > maxFactor)
    return false;
  auto weight = Weight::match(value);
  if (!weight)
    return false;
  llvm::Expected<std::vector<float>> elements = weight->read();
  if (!elements) {
    llvm::consumeError(elements.takeError());
    return false;
  }
  auto magnitude = static_cast<float>(
      1 / std::sqrt(static_cast<double>(type.getDimSize(0))));
  return llvm::all_of(*elements, [&](float element) {
    return std::fabs(std::fabs(element) - magnitude) <= 1e-6f;
  });
}
