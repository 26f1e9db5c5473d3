//===- WeightEditor.cpp - linear maps applied to constant operands --------===//
#include "passes/Quantize/WeightEditor.h"
#include "dialects/Graph/Constants.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/FloatConstants.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

std::optional<Weight> Weight::match(Value value) {
  Weight weight;
  weight.transpose = value.getDefiningOp<TransposeOp>();
  Value source = weight.transpose ? weight.transpose.getInput() : value;
  weight.constant = source.getDefiningOp<ConstantOp>();
  auto type = dyn_cast<RankedTensorType>(source.getType());
  if (!weight.constant || !type || !type.getElementType().isF32() ||
      !type.hasStaticShape() || type.getNumElements() == 0)
    return std::nullopt;
  return weight;
}

unsigned Weight::getAxis(unsigned axis) const {
  return transpose ? static_cast<unsigned>(
                         TransposeOp(transpose).getPermutation()[axis])
                   : axis;
}

llvm::Expected<std::vector<float>> Weight::read() const {
  return readFloats(ConstantOp(constant).getValue());
}

UniqueNames::UniqueNames(func::FuncOp function) {
  auto add = [&](Value value) { names.insert(getValueName(value)); };
  llvm::for_each(function.getArguments(), add);
  function.walk([&](Operation *op) { llvm::for_each(op->getResults(), add); });
}

std::string UniqueNames::derive(StringRef name, StringRef suffix) {
  std::string base =
      name.ends_with(suffix) ? name.str() : (name + suffix).str();
  std::string unique = base;
  for (unsigned count = 1; !names.insert(unique).second; ++count)
    unique = base + "_" + std::to_string(count);
  return unique;
}

llvm::Expected<ConstantOp>
WeightEditor::getEdited(const Weight &weight, unsigned inner, int64_t extent,
                        const void *key,
                        llvm::function_ref<void(MutableArrayRef<double>)> map) {
  Value old = weight.constant->getResult(0);
  Edited &entry = edited[{old, {key, inner}}];
  if (entry.made)
    return entry.made;
  auto fail = [&](const Twine &why) -> llvm::Error {
    edited.erase({old, {key, inner}});
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "'" + getValueName(old) + "' " + why);
  };
  llvm::Expected<std::vector<float>> elements = weight.read();
  if (!elements)
    return fail("cannot be read: " + llvm::toString(elements.takeError()));
  SmallVector<int64_t> shape(cast<RankedTensorType>(old.getType()).getShape());
  while (shape.size() < inner)
    shape.insert(shape.begin(), 1);
  size_t axis = shape.size() - inner;
  int64_t given = std::exchange(shape[axis], extent);
  assert(given == extent || given == 1);
  int64_t numOuter = 1, numInner = 1;
  for (auto [number, dim] : llvm::enumerate(shape))
    (number < axis    ? numOuter
     : number == axis ? given
                      : numInner) *= number == axis ? 1 : dim;
  auto type = RankedTensorType::get(shape, Float32Type::get(old.getContext()));
  std::vector<float> changed(numOuter * extent * numInner);
  std::vector<double> vector(extent);
  for (int64_t outer = 0; outer < numOuter; ++outer)
    for (int64_t position = 0; position < numInner; ++position) {
      for (int64_t i = 0; i < extent; ++i)
        vector[i] =
            (*elements)[(outer * given + (given == 1 ? 0 : i)) * numInner +
                        position];
      map(vector);
      for (int64_t i = 0; i < extent; ++i) {
        auto element = static_cast<float>(vector[i]);
        if (!std::isfinite(element))
          return fail("is not finite when changed");
        changed[(outer * extent + i) * numInner + position] = element;
      }
    }
  llvm::Expected<TypedAttr> made = makeFloats(
      type, ArrayRef<float>(changed),
      isa<DenseElementsAttr>(ConstantOp(weight.constant).getValue()));
  if (!made)
    return fail(llvm::toString(made.takeError()));
  OpBuilder builder(weight.constant);
  entry.old = weight.constant;
  entry.made = makeNamedConstant(
      builder, old.getLoc(), names.derive(getValueName(old), suffix), *made);
  return entry.made;
}

llvm::Error
WeightEditor::edit(OpOperand &operand, unsigned inner, int64_t extent,
                   const void *key,
                   llvm::function_ref<void(MutableArrayRef<double>)> map) {
  auto weight = Weight::match(operand.get());
  assert(weight && "an operand that is no constant");
  if (!weight->transpose) {
    auto made = getEdited(*weight, inner, extent, key, map);
    if (!made)
      return made.takeError();
    operand.set(made->getResult());
    return llvm::Error::success();
  }
  int64_t rank = cast<RankedTensorType>(weight->constant.getType()).getRank();
  auto made = getEdited(*weight, rank - weight->getAxis(rank - inner), extent,
                        key, map);
  if (!made)
    return made.takeError();
  Value &result = transposed[{weight->transpose, made->getResult()}];
  if (!result) {
    OpBuilder builder(weight->transpose);
    Operation *copy = builder.clone(*weight->transpose);
    copy->setOperand(0, made->getResult());
    setName(copy, names.derive(getValueName(operand.get()), suffix));
    result = copy->getResult(0);
  }
  operand.set(result);
  return llvm::Error::success();
}

static int64_t getBytes(ConstantOp constant) {
  return *getStorageBytes(cast<RankedTensorType>(constant.getType()));
}

int64_t WeightEditor::finish() {
  for (auto &[key, value] : transposed)
    if (key.first->use_empty())
      key.first->erase();
  int64_t bytes = 0;
  llvm::SmallPtrSet<Operation *, 8> erased;
  for (auto &[key, entry] : edited) {
    bytes += getBytes(entry.made);
    if (erased.contains(entry.old) || !entry.old->use_empty())
      continue;
    bytes -= getBytes(entry.old);
    erased.insert(entry.old);
  }
  edited.clear();
  transposed.clear();
  for (Operation *constant : erased)
    constant->erase();
  return bytes;
}
