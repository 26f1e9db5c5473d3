//===- Contraction.cpp - rules: matmul, Gemm, convolution, Einsum ---------===//
#include "lib/Import/Convolution.h"
#include "lib/Import/Node.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

static LogicalResult importMatMul(Node &node) {
  Value a = node.in(0), b = node.in(1);
  if (node.isFloat(a))
    return node.result(node.matmul(a, b));
  // Graph matmul accumulates in i32; wider integers would wrap elsewhere.
  if (!node.elem(a).isInteger(32) || node.isUnsigned(a))
    return node.unsupported("element type " + getDataTypeName(node.elem(a)) +
                            " (float and int32 are supported)");
  return node.result(node.matmul(a, b));
}

static LogicalResult importGemm(Node &node) {
  Value a = node.in(0), b = node.in(1);
  if (node.rank(a) != 2 || node.rank(b) != 2)
    return node.invalid("operands must be matrices");
  Type element = node.elem(a);
  if (!node.isFloat(a) && (!element.isInteger(32) || node.isUnsigned(a)))
    return node.unsupported("element type " + getDataTypeName(element) +
                            " (float and int32 are supported)");
  double alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  if (!node.isFloat(a) && (alpha != 1 || beta != 1))
    return node.unsupported("integer operands with alpha or beta other than 1");
  Value value =
      node.matmul(a, b, node.getInt("transA", 0), node.getInt("transB", 0));
  if (alpha != 1)
    value = node.mul(value, node.scalar(element, alpha));
  if (node.has(2) && beta != 0) {
    Value bias = node.in(2);
    if (beta != 1)
      bias = node.mul(bias, node.scalar(element, beta));
    value = node.add(value, bias);
  }
  return node.result(value);
}

static LogicalResult importConv(Node &node) {
  Value input = node.in(0), filter = node.in(1);
  Window window;
  if (!readConvWindow(node, input, filter, window))
    return failure();
  Value value = convolve(node, input, filter, window);
  if (node.has(2))
    value = node.add(value, node.alignChannel(node.in(2), node.rank(input)));
  return node.result(value);
}

static LogicalResult importConvTranspose(Node &node) {
  Value input = node.in(0), filter = node.in(1);
  int64_t spatial = node.rank(input) - 2;
  if (spatial < 1 || node.rank(filter) != spatial + 2)
    return node.invalid("input and filter must have one rank, at least 3");
  Window window;
  if (!readWindow(node, node.getInts("kernel_shape"), spatial, window))
    return failure();
  Ints padding = node.getInts("output_padding", spatial, 0);
  int64_t group = node.getInt("group", 1);
  if (static_cast<int64_t>(padding.size()) != spatial)
    return node.invalid(
        "attribute output_padding must have one entry per spatial axis");
  std::optional<Ints> outputShape = node.getInts("output_shape");
  if (outputShape && outputShape->size() == node.rank(input) * 1ull)
    outputShape->erase(outputShape->begin(), outputShape->begin() + 2);
  if (outputShape && static_cast<int64_t>(outputShape->size()) != spatial)
    return node.invalid(
        "attribute output_shape must have one entry per spatial axis");
  for (const Ints &entries : {padding, outputShape.value_or(Ints{})})
    for (int64_t entry : entries)
      if (entry < 0 || entry > maxWindowEntry)
        return node.invalid("output_padding and output_shape must not be "
                            "negative or huge, but one is " +
                            Twine(entry));
  if (outputShape || window.isSame()) {
    for (int64_t i = 0; i < spatial; ++i) {
      std::optional<int64_t> kernel = node.dim(filter, i + 2),
                             extent = node.dim(input, i + 2);
      if (!kernel || (outputShape && !extent))
        return node.unsupported(
            "padding depends on a dynamic dimension (pin it, or state pads)");
      // With auto_pad SAME the output is input * stride: the extent cancels.
      int64_t full = outputShape
                         ? window.strides[i] * (*extent - 1) + padding[i] +
                               (*kernel - 1) * window.dilations[i] + 1 -
                               (*outputShape)[i]
                         : padding[i] + (*kernel - 1) * window.dilations[i] +
                               1 - window.strides[i];
      int64_t total = std::max<int64_t>(full, 0);
      if (full < 0)
        padding[i] -= full; // a larger output is extended at its end
      bool more = window.autoPad == "SAME_UPPER";
      window.pads[i] = more ? total / 2 : total - total / 2;
      window.pads[i + spatial] = total - window.pads[i];
      if (window.autoPad == "NOTSET" && outputShape) {
        window.pads[i] = total / 2;
        window.pads[i + spatial] = total - total / 2;
      }
    }
  }
  Value value = node.make<graph::ConvTransposeOp>(
      node.elem(input), input, filter, window.strides, window.pads,
      window.dilations, padding, group);
  if (node.has(2))
    value = node.add(value, node.alignChannel(node.in(2), node.rank(input)));
  return node.result(value);
}

/// A depthwise convolution over time whose left context is carried along.
static LogicalResult importCausalConvWithState(Node &node) {
  Value input = node.in(0), filter = node.in(1);
  std::optional<int64_t> width = node.dim(filter, 2);
  std::optional<int64_t> channels = node.dim(filter, 0);
  StringRef activation = node.getString("activation", "none");
  if (node.rank(input) != 3 || node.rank(filter) != 3)
    return node.invalid("input and weight must have three axes");
  if (!width || !channels)
    return node.unsupported("weight of dynamic size (make it a constant)");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return node.invalid("attribute activation is '" + activation + "'");
  Value padded = input;
  if (node.has(3))
    padded = node.concat({node.in(3), input}, 2);
  else if (*width > 1)
    padded = node.make<graph::PadOp>(node.elem(input), input,
                                     node.ints({*width - 1, 0}), Value(),
                                     Ints{2}, graph::PadMode::constant);
  Value value =
      node.make<graph::ConvOp>(node.elem(input), padded, filter, Ints{1},
                               Ints{0, 0}, Ints{1}, *channels);
  if (node.has(2))
    value = node.add(value, node.unsqueeze(node.in(2), {1}));
  if (activation != "none")
    value = node.mul(value, node.unary<graph::SigmoidOp>(value));
  SmallVector<Value> results = {value};
  if (node.wants(1)) {
    if (*width == 1) // no context: an empty state
      results.push_back(node.slice(padded, 2, 0, 0));
    else
      results.push_back(node.slice(padded, 2, 1 - *width, INT64_MAX));
  }
  return node.result(results);
}

/// Splits an equation at its commas and arrow, writes ellipses as letters and
/// the implicit output out. nullopt if it is not well formed.
static std::optional<std::string> normalizeEquation(Node &node,
                                                    StringRef text) {
  std::string clean;
  for (char c : text)
    if (c != ' ')
      clean += c;
  auto [left, right] = StringRef(clean).split("->");
  bool isExplicit = StringRef(clean).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != node.inputs.size())
    return std::nullopt;
  std::string free; // letters for ellipses
  for (char c = 'z'; c >= 'a'; --c)
    if (!StringRef(clean).contains(c))
      free += c;
  for (char c = 'Z'; c >= 'A'; --c)
    if (!StringRef(clean).contains(c))
      free += c;
  size_t longest = 0;
  SmallVector<std::string> expanded;
  for (auto [term, input] : llvm::zip(terms, node.inputs)) {
    std::string result = term.str();
    if (size_t dots = term.find("..."); dots != StringRef::npos) {
      int64_t hidden =
          node.rank(input) - (static_cast<int64_t>(term.size()) - 3);
      if (hidden < 0 || hidden > static_cast<int64_t>(free.size()))
        return std::nullopt;
      longest = std::max<size_t>(longest, hidden);
      std::string letters(free.rend() - hidden, free.rend());
      result.replace(dots, 3, std::string(letters.rbegin(), letters.rend()));
    }
    expanded.push_back(result);
  }
  std::string hidden(free.rend() - longest, free.rend());
  std::reverse(hidden.begin(), hidden.end());
  std::string output;
  if (isExplicit) {
    output = right.str();
    if (size_t dots = output.find("..."); dots != std::string::npos)
      output.replace(dots, 3, hidden);
  } else {
    output = hidden;
    for (int c = 'A'; c <= 'z'; ++c)
      if (llvm::isAlpha(c) && left.count(static_cast<char>(c)) == 1)
        output += static_cast<char>(c);
  }
  std::string result;
  for (auto [index, term] : llvm::enumerate(expanded))
    result += (index ? "," : "") + term;
  result += "->" + output;
  for (char c : result)
    if (!llvm::isAlpha(c) && c != ',' && c != '-' && c != '>')
      return std::nullopt;
  return result;
}

static LogicalResult importEinsum(Node &node) {
  StringRef equation = node.getString("equation", "");
  std::optional<std::string> normal = normalizeEquation(node, equation);
  if (!normal)
    return node.invalid("attribute equation is '" + equation +
                        "', which does not fit the inputs");
  return node.result(node.make<graph::EinsumOp>(
      node.elem(node.in(0)), StringRef(*normal), ValueRange(node.inputs)));
}

void import::addContractionRules(RuleTable &rules) {
  rules["MatMul"] = importMatMul;
  rules["Gemm"] = importGemm;
  rules["Conv"] = importConv;
  rules["CausalConvWithState"] = importCausalConvWithState;
  rules["ConvTranspose"] = importConvTranspose;
  rules["Einsum"] = importEinsum;
}
