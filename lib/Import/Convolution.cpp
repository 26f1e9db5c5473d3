//===- Convolution.cpp - windows of convolutions and pools ----------------===//
#include "lib/Import/Convolution.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

bool import::readWindow(Node &node, std::optional<Ints> kernel,
                        int64_t numSpatial, Window &window) {
  size_t count = numSpatial;
  if (kernel)
    window.kernel = *kernel;
  window.strides = node.getInts("strides", count, 1);
  window.dilations = node.getInts("dilations", count, 1);
  window.pads = node.getInts("pads", 2 * count, 0);
  window.autoPad = node.getString("auto_pad", "NOTSET");
  if ((kernel && kernel->size() != count) || window.strides.size() != count ||
      window.dilations.size() != count || window.pads.size() != 2 * count) {
    (void)node.invalid("kernel_shape, strides and dilations must have " +
                       Twine(count) + " entries, pads " + Twine(2 * count));
    return false;
  }
  for (const Ints *list : {&window.kernel, &window.strides, &window.dilations})
    for (int64_t entry : *list)
      if (entry < 1 ||
          entry > (list == &window.kernel ? maxWindowEntry : maxWindowStep)) {
        (void)node.invalid("kernel_shape, strides and dilations must be "
                           "positive and not huge, but one is " +
                           Twine(entry));
        return false;
      }
  for (int64_t entry : window.pads) {
    if (entry >= 0 && entry <= maxWindowEntry)
      continue;
    if (entry < 0 && entry >= -maxWindowEntry)
      (void)node.unsupported("negative pads (crop with Slice or Pad)");
    else
      (void)node.invalid("a pad is " + Twine(entry));
    return false;
  }
  if (window.autoPad == "VALID")
    window.pads.assign(2 * count, 0);
  if (window.autoPad == "NOTSET" || window.autoPad == "VALID" ||
      window.autoPad == "SAME_UPPER" || window.autoPad == "SAME_LOWER")
    return true;
  (void)node.invalid("attribute auto_pad is '" + window.autoPad + "'");
  return false;
}

bool import::resolveSamePads(Node &node, Value &input, Window &window,
                             double filler) {
  if (!window.isSame())
    return true;
  bool upper = window.autoPad == "SAME_UPPER";
  size_t count = window.strides.size();
  Ints dynamicAxes;
  SmallVector<Value> begins, ends;
  for (size_t i = 0; i < count; ++i) {
    int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1,
            stride = window.strides[i];
    int64_t axis = i + 2;
    std::optional<int64_t> extent = node.dim(input, axis);
    int64_t total = reach - 1; // for a stride of 1, whatever the extent
    if (stride != 1 && !extent) {
      // total = max((ceil(n / stride) - 1) * stride + reach - n, 0)
      Value size = node.shapeOf(input, axis, axis + 1);
      Value steps = node.div(node.add(size, node.integer(stride - 1)),
                             node.integer(stride));
      Value last =
          node.mul(node.sub(steps, node.integer(1)), node.integer(stride));
      Value pad = node.max(node.sub(node.add(last, node.integer(reach)), size),
                           node.integer(0));
      Value less = node.div(pad, node.integer(2)), more = node.sub(pad, less);
      dynamicAxes.push_back(axis);
      begins.push_back(upper ? less : more);
      ends.push_back(upper ? more : less);
      window.pads[i] = window.pads[i + count] = 0;
      continue;
    }
    if (stride != 1)
      total = std::max<int64_t>(
          ((*extent + stride - 1) / stride - 1) * stride + reach - *extent, 0);
    window.pads[i] = upper ? total / 2 : total - total / 2;
    window.pads[i + count] = total - window.pads[i];
  }
  if (dynamicAxes.empty())
    return true;
  begins.append(ends);
  input = node.make<graph::PadOp>(
      node.elem(input), input, node.concat(begins, 0), node.like(input, filler),
      dynamicAxes, graph::PadMode::constant);
  return !node.failed;
}

bool import::readConvWindow(Node &node, Value &input, Value filter,
                            Window &window) {
  int64_t spatial = node.rank(input) - 2;
  if (spatial < 1 || node.rank(filter) != spatial + 2) {
    (void)node.invalid("input and filter must have one rank, at least 3");
    return false;
  }
  Ints kernel;
  for (int64_t i = 0; i < spatial; ++i) {
    std::optional<int64_t> size = node.dim(filter, i + 2);
    if (!size) {
      (void)node.unsupported("filter of dynamic size (make it a constant)");
      return false;
    }
    kernel.push_back(*size);
  }
  std::optional<Ints> stated = node.getInts("kernel_shape");
  if (stated && *stated != kernel) {
    (void)node.invalid("attribute kernel_shape is not the shape of the filter");
    return false;
  }
  return readWindow(node, kernel, spatial, window) &&
         resolveSamePads(node, input, window, 0);
}

Value import::convolve(Node &node, Value input, Value filter,
                       const Window &window) {
  int64_t group = node.getInt("group", 1);
  if (group < 1) {
    (void)node.invalid("attribute group is " + Twine(group));
    return input;
  }
  Type element =
      node.isFloat(input) ? node.elem(input) : node.builder().getI32Type();
  return node.make<graph::ConvOp>(element, input, filter, window.strides,
                                  window.pads, window.dilations, group);
}
