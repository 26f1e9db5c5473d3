//===- Views.cpp - the caller's buffers -----------------------------------===//
#include "runtime/Views.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace cinch::rt {

namespace {
/// A view as both copy directions need it: dimensions of size 1 dropped and
/// neighbours that are contiguous with each other merged.
struct Walk {
  Walk(const cinch_tensor_t &view, int64_t elementBytes);
  /// Calls body(address of element, index of element) for the first element of
  /// every innermost row.
  template <typename Body> void forEachRow(uint8_t *data, Body body) const;

  int32_t rank = 0;
  int64_t dims[CINCH_MAX_RANK], strides[CINCH_MAX_RANK];
  bool isEmpty = false;
};

/// Address range [begin, end) of a view; begin == end if it has no elements.
struct Span {
  uintptr_t begin = 0, end = 0;
  bool overlaps(const Span &other) const {
    return begin < other.end && other.begin < end;
  }
};
} // namespace

/// The product modulo 2^64: strides of an empty view may be any numbers.
static int64_t wrappingProduct(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) *
                              static_cast<uint64_t>(b));
}

/// Writes the byte strides of `view`, row-major if it has none.
static void getStrides(const cinch_tensor_t &view, int64_t elementBytes,
                       int64_t *out) {
  int64_t stride = elementBytes;
  for (int32_t axis = view.rank - 1; axis >= 0; --axis) {
    out[axis] = view.strides ? view.strides[axis] : stride;
    stride = wrappingProduct(stride, view.shape[axis]);
  }
}

/// Bytes of a view whose elements share them: contiguous, and checked.
static int64_t getPackedBytes(const cinch_tensor_t &view) {
  int64_t bits = dtypeBits(view.dtype);
  for (int32_t axis = 0; axis < view.rank; ++axis)
    bits *= view.shape[axis];
  return bits / 8 + (bits % 8 != 0);
}

Walk::Walk(const cinch_tensor_t &view, int64_t elementBytes) {
  if (isPacked(view.dtype)) { // a row of bytes
    rank = 1;
    dims[0] = getPackedBytes(view);
    strides[0] = 1;
    isEmpty = dims[0] == 0;
    return;
  }
  int64_t all[CINCH_MAX_RANK];
  getStrides(view, elementBytes, all);
  for (int32_t axis = 0; axis < view.rank; ++axis) {
    int64_t size = view.shape[axis];
    isEmpty |= size == 0;
    if (size == 1)
      continue;
    if (rank && strides[rank - 1] == wrappingProduct(size, all[axis])) {
      dims[rank - 1] *= size;
      strides[rank - 1] = all[axis];
      continue;
    }
    dims[rank] = size;
    strides[rank++] = all[axis];
  }
  if (rank == 0) {
    dims[0] = 1;
    strides[0] = elementBytes;
    rank = 1;
  }
}

template <typename Body> void Walk::forEachRow(uint8_t *data, Body body) const {
  if (isEmpty)
    return;
  int64_t position[CINCH_MAX_RANK] = {};
  for (int64_t index = 0;; index += dims[rank - 1]) {
    body(data, index);
    int32_t axis = rank - 2;
    for (; axis >= 0; --axis) {
      data += strides[axis];
      if (++position[axis] < dims[axis])
        break;
      data -= strides[axis] * dims[axis];
      position[axis] = 0;
    }
    if (axis < 0)
      return;
  }
}

/// Copies `count` elements; a fixed size becomes one load and one store.
template <int64_t size>
static void copyRow(uint8_t *to, int64_t toStride, const uint8_t *from,
                    int64_t fromStride, int64_t count) {
  for (; count; --count, to += toStride, from += fromStride)
    memcpy(to, from, size);
}

static void copyRow(int64_t size, uint8_t *to, int64_t toStride,
                    const uint8_t *from, int64_t fromStride, int64_t count) {
  if (toStride == size && fromStride == size)
    memcpy(to, from, size * count);
  else if (size == 1)
    copyRow<1>(to, toStride, from, fromStride, count);
  else if (size == 2)
    copyRow<2>(to, toStride, from, fromStride, count);
  else if (size == 4)
    copyRow<4>(to, toStride, from, fromStride, count);
  else
    copyRow<8>(to, toStride, from, fromStride, count);
}

bool isContiguous(const cinch_tensor_t &view, int64_t elementBytes) {
  if (!view.strides)
    return true;
  Walk walk(view, elementBytes);
  return walk.isEmpty || (walk.rank == 1 && walk.strides[0] == elementBytes);
}

bool getRows(const cinch_tensor_t &view, int64_t elementBytes, int32_t axis,
             int64_t &outRows) {
  int64_t strides[CINCH_MAX_RANK];
  getStrides(view, elementBytes, strides);
  outRows = view.shape[axis];
  int64_t rowBytes = elementBytes, expected = elementBytes;
  bool isKnown = false; // the number of rows
  for (int32_t dim = view.rank - 1; dim >= 0; --dim) {
    int64_t size = view.shape[dim];
    if (size == 0) { // no element, no address
      outRows = view.shape[axis];
      return true;
    }
    if (dim == axis)
      rowBytes = expected;
    if (dim < axis && size != 1 && !isKnown) {
      isKnown = true;
      if (strides[dim] < 0 || strides[dim] % rowBytes != 0 ||
          strides[dim] / rowBytes < view.shape[axis])
        return false;
      outRows = strides[dim] / rowBytes;
      // Dimensions of size 1 in between have no stride.
      expected = strides[dim];
    }
    if (size != 1 && strides[dim] != expected)
      return false;
    if (__builtin_mul_overflow(expected, size, &expected))
      return false;
  }
  return true;
}

void gather(const cinch_tensor_t &view, int64_t elementBytes, uint8_t *to) {
  Walk walk(view, elementBytes);
  int64_t count = walk.dims[walk.rank - 1],
          stride = walk.strides[walk.rank - 1];
  walk.forEachRow(static_cast<uint8_t *>(view.data),
                  [&](const uint8_t *row, int64_t index) {
                    copyRow(elementBytes, to + index * elementBytes,
                            elementBytes, row, stride, count);
                  });
}

void scatter(const cinch_tensor_t &view, int64_t elementBytes,
             const uint8_t *from) {
  Walk walk(view, elementBytes);
  int64_t count = walk.dims[walk.rank - 1],
          stride = walk.strides[walk.rank - 1];
  walk.forEachRow(static_cast<uint8_t *>(view.data),
                  [&](uint8_t *row, int64_t index) {
                    copyRow(elementBytes, row, stride,
                            from + index * elementBytes, elementBytes, count);
                  });
}

/// Computes the addresses that `view` covers; false if they overflow.
static bool getSpan(const cinch_tensor_t &view, int64_t elementBytes,
                    Span &out) {
  int64_t low = 0, high = elementBytes;
  int64_t strides[CINCH_MAX_RANK];
  getStrides(view, elementBytes, strides);
  bool isRow = isPacked(view.dtype);
  if (isRow)
    high = getPackedBytes(view);
  if (high == 0)
    return true;
  for (int32_t axis = 0; !isRow && axis < view.rank; ++axis) {
    if (view.shape[axis] == 0)
      return true;
    int64_t reach;
    if (__builtin_mul_overflow(view.shape[axis] - 1, strides[axis], &reach) ||
        __builtin_add_overflow(reach < 0 ? low : high, reach,
                               reach < 0 ? &low : &high))
      return false;
  }
  uintptr_t data = reinterpret_cast<uintptr_t>(view.data);
  return !__builtin_add_overflow(data, low, &out.begin) &&
         !__builtin_add_overflow(data, high, &out.end);
}

/// Returns whether two elements of `view` may share bytes: sorted by stride,
/// every dimension must step over all that the smaller ones cover.
static bool overlapsItself(const cinch_tensor_t &view, int64_t elementBytes) {
  Walk walk(view, elementBytes);
  if (walk.isEmpty)
    return false;
  int32_t order[CINCH_MAX_RANK];
  for (int32_t axis = 0; axis < walk.rank; ++axis) {
    walk.strides[axis] = std::abs(walk.strides[axis]);
    order[axis] = axis;
  }
  std::sort(order, order + walk.rank, [&](int32_t a, int32_t b) {
    return walk.strides[a] < walk.strides[b];
  });
  int64_t covered = elementBytes;
  for (int32_t index = 0; index < walk.rank; ++index) {
    int32_t axis = order[index];
    if (walk.dims[axis] > 1 && walk.strides[axis] < covered)
      return true;
    covered += (walk.dims[axis] - 1) * walk.strides[axis];
  }
  return false;
}

/// Checks one view by itself and computes its span.
static cinch_status_t checkView(const Value &value, const Extent &extent,
                                const cinch_tensor_t &view, const char *kind,
                                Span &out) {
  const char *name = value.name.c_str();
  if (view.dtype != value.dtype) {
    const char *given = cinch_dtype_name(view.dtype);
    return fail(CINCH_ERROR_SHAPE, "%s '%s' has type %s, but %s was given",
                kind, name, cinch_dtype_name(value.dtype),
                given ? given : "no type");
  }
  CINCH_RETURN_IF_ERROR(checkShape(value, extent, view.rank, view.shape, kind));
  if (extent.elements == 0)
    return CINCH_OK;
  if (!view.data)
    return fail(CINCH_ERROR_BUFFER, "%s '%s': data is null", kind, name);
  if (view.strides && isPacked(value.dtype))
    return fail(CINCH_ERROR_BUFFER,
                "%s '%s': elements of type %s share bytes, so they have no "
                "strides",
                kind, name, cinch_dtype_name(value.dtype));
  int64_t size = dtypeBytes(value.dtype);
  bool isAligned = reinterpret_cast<uintptr_t>(view.data) % size == 0;
  for (int32_t axis = 0; view.strides && axis < view.rank; ++axis)
    isAligned &= view.shape[axis] == 1 || view.strides[axis] % size == 0;
  if (!isAligned)
    return fail(CINCH_ERROR_BUFFER,
                "%s '%s': address or strides are not multiples of the element "
                "size %d",
                kind, name, static_cast<int>(size));
  if (!getSpan(view, size, out))
    return fail(CINCH_ERROR_BUFFER,
                "%s '%s': strides overflow the address space", kind, name);
  return CINCH_OK;
}

/// Whether past and present of `state` lie in one buffer, row by row.
static bool isInPlace(const State &state, const cinch_tensor_t &past,
                      const cinch_tensor_t &present, int64_t elementBytes) {
  int64_t pastRows, presentRows;
  if (past.data != present.data ||
      !getRows(past, elementBytes, state.axis, pastRows) ||
      !getRows(present, elementBytes, state.axis, presentRows))
    return false;
  bool isOneBlock = true; // the rows of one outer index only
  for (int32_t dim = 0; dim < state.axis; ++dim)
    isOneBlock &= past.shape[dim] == 1;
  return isOneBlock || pastRows == presentRows;
}

static cinch_status_t overlapError(const Value &output, const char *kind,
                                   const Value &other) {
  return fail(CINCH_ERROR_BUFFER, "output '%s' overlaps %s '%s'",
              output.name.c_str(), kind, other.name.c_str());
}

cinch_status_t checkViews(const Manifest &manifest, const SizePlan &plan,
                          const cinch_tensor_t *inputs, int32_t inputCount,
                          const cinch_tensor_t *outputs, int32_t outputCount) {
  if (outputCount != static_cast<int32_t>(manifest.outputs.size()))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "the model has %zu outputs, but %d were given",
                manifest.outputs.size(), outputCount);
  // Every output is compared with all before it; the spans of the first ones
  // are kept, so that a comparison costs a nanosecond.
  constexpr int32_t maxKept = 256;
  Span kept[maxKept], span;
  for (int32_t index = 0; index < inputCount; ++index)
    CINCH_RETURN_IF_ERROR(checkView(manifest.inputs[index], plan.inputs[index],
                                    inputs[index], "input", span));
  for (int32_t index = 0; index < outputCount; ++index) {
    const Value &value = manifest.outputs[index];
    Span own;
    CINCH_RETURN_IF_ERROR(
        checkView(value, plan.outputs[index], outputs[index], "output", own));
    if (overlapsItself(outputs[index], dtypeBytes(value.dtype)))
      return fail(CINCH_ERROR_BUFFER, "output '%s' overlaps itself",
                  value.name.c_str());
    // Everything compared here has been checked, so getSpan succeeds.
    for (int32_t other = 0; other < inputCount; ++other) {
      Span theirs;
      getSpan(inputs[other], dtypeBytes(manifest.inputs[other].dtype), theirs);
      if (!own.overlaps(theirs))
        continue;
      int32_t state = value.state;
      if (state < 0 || manifest.states[state].input != other ||
          !isInPlace(manifest.states[state], inputs[other], outputs[index],
                     dtypeBytes(value.dtype)))
        return overlapError(value, "input", manifest.inputs[other]);
    }
    for (int32_t other = 0; other < index; ++other) {
      Span theirs;
      if (other < maxKept)
        theirs = kept[other];
      else
        getSpan(outputs[other], dtypeBytes(manifest.outputs[other].dtype),
                theirs);
      if (own.overlaps(theirs))
        return overlapError(value, "output", manifest.outputs[other]);
    }
    if (index < maxKept)
      kept[index] = own;
  }
  return CINCH_OK;
}

} // namespace cinch::rt
