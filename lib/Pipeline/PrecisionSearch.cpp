//===- PrecisionSearch.cpp - products that must stay in f32 ---------------===//
//
// Greedy by measured sensitivity, as for the bits of layers in Dong et al.,
// "HAWQ", 2019, with the error of the outputs themselves in place of a
// curvature: it costs one run per group.
//
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/PrecisionSearch.h"
#include <numeric>

using namespace mlir;
using namespace cinch;

/// The largest rmsError, with NaN as the largest.
static double getNorm(ArrayRef<OutputError> outputs) {
  double largest = 0;
  for (const OutputError &output : outputs)
    largest = output.rmsError <= largest ? largest
              : output.rmsError > largest
                  ? output.rmsError
                  : std::numeric_limits<double>::infinity();
  return largest;
}

llvm::Error PrecisionSearch::load(ModuleOp module, FloatType element) {
  OwningOpRef<ModuleOp> copy = module.clone();
  auto added = precision::addRoundingGates(*copy, element, maxGroups);
  if (!added)
    return added.takeError();
  groups = std::move(*added);
  if (llvm::Error error = program.load(*copy))
    return error;
  std::vector<double> norms;
  for (size_t group = 0; group < groups.size(); ++group) {
    SmallVector<bool> gates(groups.size());
    gates[group] = true;
    auto errors = samples.measure(program, gates);
    if (!errors)
      return errors.takeError();
    norms.push_back(getNorm(*errors));
  }
  order.resize(groups.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order,
                    [&](int64_t a, int64_t b) { return norms[a] > norms[b]; });
  return llvm::Error::success();
}

llvm::Expected<int64_t> PrecisionSearch::countFor(double goal) {
  int64_t low = 0, high = groups.size();
  while (low < high) {
    int64_t count = (low + high) / 2;
    SmallVector<bool> gates(groups.size(), true);
    for (int64_t group : ArrayRef(order).take_front(count))
      gates[group] = false;
    auto errors = samples.measure(program, gates);
    if (!errors)
      return errors.takeError();
    if (getMaxError(*errors) <= goal)
      high = count;
    else
      low = count + 1;
  }
  return high;
}

std::vector<std::string> PrecisionSearch::getProducts(int64_t count) const {
  std::vector<std::string> names;
  for (int64_t group : ArrayRef(order).take_front(count))
    names.insert(names.end(), groups[group].begin(), groups[group].end());
  return names;
}
