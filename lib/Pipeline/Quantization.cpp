//===- Quantization.cpp - what few bits cost in accuracy ------------------===//
#include "lib/Pipeline/Quantization.h"
#include "dialects/Graph/Constants.h"
#include "passes/Common/EntryResults.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Codes.h"
#include "passes/Quantize/Products.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

double QuantizedLayer::getRatio() const {
  return noise == 0 ? INFINITY : 10 * std::log10(signal / noise);
}

/// What an operand of a product is stored in: "i8, a scale per row, computed".
static std::string describeStorage(Value operand) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto dequantize = operand.getDefiningOp<DequantizeOp>();
  if (!dequantize) {
    os << getElementTypeOrSelf(operand.getType());
    return text;
  }
  auto type = cast<RankedTensorType>(dequantize.getInput().getType());
  auto scales = cast<RankedTensorType>(dequantize.getScale().getType());
  int64_t group = dequantize.getGroupSize();
  const Format *format = findFormat(dequantize);
  if (format)
    os << format->name;
  else
    os << type.getElementType();
  if (scales.getRank() == 0)
    os << ", one scale";
  else if (scales.getRank() == 1)
    os << ", a scale per channel";
  else if (group == type.getDimSize(dequantize.getAxis()))
    os << ", a scale per row";
  else
    os << ", groups of " << group;
  if (!scales.getElementType().isF32())
    os << " in " << scales.getElementType();
  if (!getConstantValue(dequantize.getScale()))
    os << ", computed";
  return text;
}

static bool hasFewBits(Value operand) {
  return static_cast<bool>(operand.getDefiningOp<DequantizeOp>());
}

std::vector<QuantizedLayer> cinch::getQuantizedLayers(ModuleOp module) {
  std::vector<QuantizedLayer> layers;
  for (Operation *product : getProducts(getEntry(module))) {
    if (product->getNumOperands() < 2 || !(hasFewBits(product->getOperand(0)) ||
                                           hasFewBits(product->getOperand(1))))
      continue;
    QuantizedLayer layer;
    layer.name = getValueName(product->getResult(0));
    layer.op = product->getName().stripDialect().str();
    layer.activations = describeStorage(product->getOperand(0));
    layer.weights = describeStorage(product->getOperand(1));
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The single number of a constant, as a float; nullopt for others.
static std::optional<double> getNumber(Value value) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(
      value ? getConstantValue(value) : TypedAttr());
  if (!elements || elements.getNumElements() != 1)
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType()))
    return elements.getSplatValue<APFloat>().convertToDouble();
  bool isUnsigned = elements.getElementType().isUnsignedInteger();
  APInt number = elements.getSplatValue<APInt>();
  return isUnsigned ? static_cast<double>(number.getZExtValue())
                    : static_cast<double>(number.getSExtValue());
}

std::vector<ClippedValue>
cinch::getClippedValues(ModuleOp module, const Statistics &statistics) {
  std::vector<ClippedValue> values;
  getEntry(module).walk([&](QuantizeOp op) {
    std::optional<double> scale = getNumber(op.getScale());
    std::string text;
    llvm::raw_string_ostream(text) << getElementTypeOrSelf(op.getType());
    const Format *format = Format::find(text);
    std::string name = getValueName(op.getInput());
    const ValueStatistics *known = statistics.find(name);
    if (!scale || !format || !known)
      return;
    double zero = getNumber(op.getZeroPoint()).value_or(0);
    double largest = format->getLargest();
    double least = format->isSigned() ? -largest : 0;
    values.push_back({name, *scale * (least - zero), *scale * (largest - zero),
                      known->histogram});
  });
  return values;
}

/// The products of `module` in f32 outside of control flow, by name.
static llvm::StringMap<Value> getExactProducts(ModuleOp module) {
  llvm::StringMap<Value> products;
  func::FuncOp entry = getEntry(module);
  for (Operation *product : getProducts(entry))
    if (product->getBlock() == &entry.front() &&
        getElementTypeOrSelf(product->getResult(0).getType()).isF32())
      products[getValueName(product->getResult(0))] = product->getResult(0);
  return products;
}

/// Lets `module` return `products`.
static void returnProducts(ModuleOp module, ArrayRef<QuantizedLayer *> layers,
                           const llvm::StringMap<Value> &products) {
  std::vector<NamedResult> results;
  for (const QuantizedLayer *layer : layers)
    results.push_back(
        {products.lookup(layer->name), layer->name + "/measured"});
  addResults(getEntry(module), results);
}

/// Adds what one sample shows of `layer`.
static llvm::Error add(const SampleTensor &exact, const SampleTensor &rounded,
                       QuantizedLayer &layer) {
  if (exact.shape != rounded.shape)
    return llvm::createStringError("'" + layer.name +
                                   "' has another shape in few bits");
  for (int64_t index = 0; index < exact.count; ++index) {
    double value = exact.getFloat(index);
    double difference = value - rounded.getFloat(index);
    layer.signal += value * value;
    layer.noise += difference * difference;
  }
  layer.isMeasured = true;
  return llvm::Error::success();
}

llvm::Error cinch::measureLayers(ModuleOp exact, ModuleOp quantized,
                                 const SampleSource &source,
                                 std::vector<QuantizedLayer> &layers) {
  OwningOpRef<ModuleOp> first = exact.clone(), second = quantized.clone();
  llvm::StringMap<Value> exactProducts = getExactProducts(*first),
                         products = getExactProducts(*second);
  // Products whose result was smoothed have other numbers, and names.
  std::vector<QuantizedLayer *> measured;
  for (QuantizedLayer &layer : layers)
    if (exactProducts.contains(layer.name) && products.contains(layer.name))
      measured.push_back(&layer);
  returnProducts(*first, measured, exactProducts);
  returnProducts(*second, measured, products);
  SampleProgram wanted, got;
  if (llvm::Error error = wanted.load(*first))
    return error;
  if (llvm::Error error = got.load(*second))
    return error;
  llvm::Expected<std::vector<Sample>> samples = readSamples(wanted, source);
  if (!samples)
    return samples.takeError();
  for (Sample &sample : *samples) {
    auto exactOutputs = wanted.run(sample);
    if (!exactOutputs)
      return exactOutputs.takeError();
    auto outputs = got.run(sample);
    if (!outputs)
      return outputs.takeError();
    size_t next = outputs->size() - measured.size();
    for (QuantizedLayer *layer : measured) {
      if (llvm::Error error =
              add((*exactOutputs)[next], (*outputs)[next], *layer))
        return error;
      ++next;
    }
  }
  return llvm::Error::success();
}
