//===- SizePlan.cpp - everything that depends on the sizes of one run -----===//
#include "runtime/SizePlan.h"

#include <algorithm>
#include <cinttypes>

namespace cinch::rt {

/// "[1, 3, 224]".
static std::string shapeText(int32_t rank, const int64_t *dims) {
  std::string text = "[";
  for (int32_t axis = 0; axis < rank; ++axis)
    text += (axis ? ", " : "") + std::to_string(dims[axis]);
  return text + "]";
}

/// "[batch, 3, 224]".
static std::string signatureText(const Value &value) {
  std::string text = "[";
  for (size_t axis = 0; axis < value.dimTexts.size(); ++axis)
    text += (axis ? ", " : "") + value.dimTexts[axis];
  return text + "]";
}

cinch_status_t bindSymbols(const Manifest &manifest,
                           const cinch_shape_t *inputs, int32_t count,
                           int64_t *values) {
  if (count != static_cast<int32_t>(manifest.inputs.size()))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the model has %zu inputs, but %d were given",
                manifest.inputs.size(), count);
  for (int32_t index = 0; index < count; ++index) {
    const Value &value = manifest.inputs[index];
    int32_t rank = static_cast<int32_t>(value.dims.size());
    if (inputs[index].rank != rank)
      return fail(CINCH_ERROR_SHAPE,
                  "input '%s' has rank %d %s, but rank %d was given",
                  value.name.c_str(), rank, signatureText(value).c_str(),
                  inputs[index].rank);
    if (rank && !inputs[index].dims)
      return fail(CINCH_ERROR_INVALID_ARGUMENT, "input '%s': shape is null",
                  value.name.c_str());
  }
  for (size_t index = 0; index < manifest.symbols.size(); ++index) {
    const Symbol &symbol = manifest.symbols[index];
    int64_t size = inputs[symbol.input].dims[symbol.axis];
    if (size < symbol.min || (symbol.max >= 0 && size > symbol.max))
      return fail(CINCH_ERROR_SHAPE,
                  "dimension %d of input '%s' is %" PRId64
                  ", but '%s' must be from %" PRId64 " to %s",
                  symbol.axis, manifest.inputs[symbol.input].name.c_str(), size,
                  symbol.name.c_str(), symbol.min,
                  symbol.max < 0 ? "any size"
                                 : std::to_string(symbol.max).c_str());
    values[index] = size;
  }
  return CINCH_OK;
}

static cinch_status_t evaluateShape(const Manifest &manifest,
                                    const Value &value, const int64_t *symbols,
                                    Extent &out) {
  out.bytes = dtypeBits(value.dtype); // bits, until all are counted
  out.elements = 1;
  bool isEmpty = false, overflows = false;
  for (size_t axis = 0; axis < value.dims.size(); ++axis) {
    std::optional<int64_t> dim = manifest.evaluate(value.dims[axis], symbols);
    if (!dim || *dim < 0)
      return fail(
          CINCH_ERROR_SHAPE,
          "dimension %zu of '%s' (%s) has no valid value at these sizes", axis,
          value.name.c_str(), value.dimTexts[axis].c_str());
    out.dims.push_back(*dim);
    isEmpty |= *dim == 0;
    overflows |= __builtin_mul_overflow(out.elements, *dim, &out.elements);
    overflows |= __builtin_mul_overflow(out.bytes, *dim, &out.bytes);
  }
  if (isEmpty)
    out.elements = out.bytes = 0;
  else if (overflows)
    return fail(CINCH_ERROR_SHAPE, "'%s' of shape %s is too large",
                value.name.c_str(),
                shapeText(out.dims.size(), out.dims.data()).c_str());
  out.bytes = out.bytes / 8 + (out.bytes % 8 != 0);
  return CINCH_OK;
}

cinch_status_t evaluateShapes(const Manifest &manifest, const int64_t *values,
                              SizePlan &out) {
  out.symbols.assign(values, values + manifest.symbols.size());
  out.inputs.resize(manifest.inputs.size());
  out.outputs.resize(manifest.outputs.size());
  for (size_t index = 0; index < out.inputs.size(); ++index)
    CINCH_RETURN_IF_ERROR(evaluateShape(manifest, manifest.inputs[index],
                                        values, out.inputs[index]));
  for (size_t index = 0; index < out.outputs.size(); ++index)
    CINCH_RETURN_IF_ERROR(evaluateShape(manifest, manifest.outputs[index],
                                        values, out.outputs[index]));
  return CINCH_OK;
}

/// The largest sum of the bytes alive at one step; -1 if it overflows.
static int64_t getLowerBound(const std::vector<plan::Buffer> &buffers) {
  std::vector<std::pair<int64_t, int64_t>> changes; // (step, bytes)
  for (const plan::Buffer &buffer : buffers) {
    changes.push_back({buffer.first, buffer.bytes});
    changes.push_back({buffer.last + 1, -buffer.bytes});
  }
  std::sort(changes.begin(), changes.end()); // frees come first at a step
  int64_t alive = 0, most = 0;
  for (const auto &[step, bytes] : changes) {
    if (__builtin_add_overflow(alive, bytes, &alive))
      return -1;
    most = std::max(most, alive);
  }
  return most;
}

cinch_status_t planSlots(const Manifest &manifest, SizePlan &out) {
  std::vector<plan::Buffer> buffers;
  for (const Slot &slot : manifest.slots) {
    std::optional<int64_t> bytes =
        manifest.evaluate(slot.bytes, out.symbols.data());
    if (!bytes)
      return fail(CINCH_ERROR_SHAPE,
                  "the bytes of '%s' (%s) have no valid value at these sizes",
                  slot.name.c_str(), slot.bytes.str().c_str());
    buffers.push_back({slot.first, slot.last, std::max<int64_t>(*bytes, 0)});
    out.slotBytes.push_back(buffers.back().bytes);
  }
  out.lowerBound = getLowerBound(buffers);
  if (out.lowerBound < 0)
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "the memory of the model overflows at these sizes");
  plan::PlanOptions options;
  options.alignment = manifest.alignment;
  plan::Plan plan =
      manifest.plan ? *manifest.plan : plan::makePlan(buffers, options);
  if (plan.offsets.size() != buffers.size())
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "the memory of the model overflows at these sizes");
  plan.peak = 0;
  for (size_t index = 0; index < buffers.size(); ++index) {
    int64_t end;
    if (__builtin_add_overflow(plan.offsets[index], buffers[index].bytes, &end))
      return fail(CINCH_ERROR_OUT_OF_MEMORY,
                  "the memory of the model overflows at these sizes");
    if (manifest.plan && end > manifest.plan->peak)
      return fail(CINCH_ERROR_FORMAT,
                  "slot '%s' ends at byte %" PRId64
                  ", past the planned peak of %" PRId64,
                  manifest.slots[index].name.c_str(), end, manifest.plan->peak);
    if (buffers[index].bytes)
      plan.peak = std::max(plan.peak, end);
  }
  plan.lowerBound = out.lowerBound;
  std::string problem = plan::checkPlan(buffers, plan, options);
  if (!problem.empty())
    return fail(CINCH_ERROR_FORMAT, "the memory plan is wrong: %s",
                problem.c_str());
  out.offsets = std::move(plan.offsets);
  out.peak = plan.peak;
  out.method = std::move(plan.method);
  return CINCH_OK;
}

cinch_status_t checkShape(const Value &value, const Extent &expected,
                          int32_t rank, const int64_t *dims, const char *kind) {
  bool equal = rank == static_cast<int32_t>(expected.dims.size()) &&
               (rank == 0 || dims) &&
               std::equal(expected.dims.begin(), expected.dims.end(), dims);
  if (equal)
    return CINCH_OK;
  bool printable = rank >= 0 && rank <= CINCH_MAX_RANK && (dims || rank == 0);
  return fail(CINCH_ERROR_SHAPE,
              "%s '%s' has the shape %s %s, but %s was given", kind,
              value.name.c_str(), signatureText(value).c_str(),
              shapeText(expected.dims.size(), expected.dims.data()).c_str(),
              printable ? shapeText(rank, dims).c_str() : "no shape");
}

} // namespace cinch::rt
