//===- Convolution.h - windows of convolutions and pools ------------------===//
#ifndef CINCH_LIB_IMPORT_CONVOLUTION_H
#define CINCH_LIB_IMPORT_CONVOLUTION_H

#include "lib/Import/Node.h"

namespace cinch::import {

/// Strides and dilations, and the other numbers of a window, are at most these:
/// sums of their products with dimensions (maxElements) then fit 64 bits.
constexpr int64_t maxWindowStep = int64_t(1) << 15, maxWindowEntry = int64_t(1)
                                                                     << 24;

/// The window attributes of a convolution or pool, one entry per spatial axis.
struct Window {
  Ints kernel, strides, dilations;
  Ints pads; ///< begins, then ends
  StringRef autoPad = "NOTSET";

  bool isSame() const { return autoPad.starts_with("SAME"); }
};

/// Reads strides, dilations, pads and auto_pad; reports what does not fit.
bool readWindow(Node &node, std::optional<Ints> kernel, int64_t numSpatial,
                Window &window);
/// The same, for a convolution: the kernel is that of `filter`, auto_pad is
/// resolved.
bool readConvWindow(Node &node, Value &input, Value filter, Window &window);
/// Turns auto_pad SAME into pads. For a dynamic dimension with strides `input`
/// is padded with `filler` by amounts computed from its shape.
bool resolveSamePads(Node &node, Value &input, Window &window, double filler);
/// `input` by `filter` with the attribute `group` of the node.
Value convolve(Node &node, Value input, Value filter, const Window &window);

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_CONVOLUTION_H
