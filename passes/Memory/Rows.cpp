//===- Rows.cpp - operations that can be computed for some rows -----------===//
#include "passes/Memory/Rows.h"
#include "dialects/Graph/Constants.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Images of fewer channels are not stored in blocks of channels, so that
/// rows of them are no neighbours in memory.
static constexpr int64_t minChannels = 8;

static int64_t getRowAxis(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank() - 2;
}

int64_t cinch::memory::getNumRows(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(getRowAxis(value));
}

/// Whether `value` is one image, or an unknown number of them, or one matrix,
/// of f32 and of a known size.
static bool isImageOrMatrix(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isF32() || type.getRank() < 2 ||
      type.getRank() > 4)
    return false;
  ArrayRef<int64_t> shape = type.getShape();
  if (type.getRank() == 4 && (type.isDynamicDim(0) || shape[0] == 1))
    return llvm::all_of(shape.drop_front(),
                        [](int64_t dim) { return dim > 0; });
  return llvm::all_of(shape.take_back(2),
                      [](int64_t dim) { return dim > 0; }) &&
         llvm::all_of(shape.drop_back(2), [](int64_t dim) { return dim == 1; });
}

bool cinch::memory::isWindowed(Operation *op) {
  return isa<graph::ConvOp, graph::MaxPoolOp, graph::AveragePoolOp,
             graph::MatmulOp>(op);
}

/// Whether the shape of `operand` broadcasts to that of the result.
static bool broadcasts(Value operand, Value result) {
  auto from = dyn_cast<RankedTensorType>(operand.getType()),
       to = cast<RankedTensorType>(result.getType());
  if (!from || from.getRank() > to.getRank())
    return false;
  return llvm::all_of(
      llvm::zip(from.getShape(), to.getShape().take_back(from.getRank())),
      [](auto pair) {
        return std::get<0>(pair) == 1 || std::get<0>(pair) == std::get<1>(pair);
      });
}

bool cinch::memory::hasRows(Operation *op) {
  if (op->getNumResults() != 1 || !isImageOrMatrix(op->getResult(0)))
    return false;
  Value result = op->getResult(0);
  if (isElementwise(op))
    return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
      return broadcasts(operand.get(), result) &&
             (!isReadByRows(operand) || isImageOrMatrix(operand.get()));
    });
  if (!isWindowed(op) || !isImageOrMatrix(op->getOperand(0)))
    return false;
  if (auto matmul = dyn_cast<graph::MatmulOp>(op)) {
    // Rows of a stack of matrices are no rows of one.
    auto type = cast<RankedTensorType>(result.getType());
    auto lhs = cast<RankedTensorType>(matmul.getLhs().getType());
    return !matmul.getTransposeLhs() && lhs.getRank() == type.getRank() &&
           llvm::all_of(type.getShape().drop_back(2),
                        [](int64_t dim) { return dim == 1; });
  }
  if (cast<RankedTensorType>(result.getType()).getRank() != 4)
    return false;
  if (auto conv = dyn_cast<graph::ConvOp>(op))
    return cast<RankedTensorType>(conv.getFilter().getType()).hasStaticShape();
  // What counts in a window that ends behind the padding depends on the image.
  auto average = dyn_cast<graph::AveragePoolOp>(op);
  return !average || !average.getCeilMode();
}

bool cinch::memory::continuesKernel(OpOperand &operand) {
  Operation *producer = operand.get().getDefiningOp();
  return producer && isElementwise(operand.getOwner()) &&
         operand.get().hasOneUse() &&
         (isWindowed(producer) || isElementwise(producer));
}

bool cinch::memory::isReadByRows(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (!isElementwise(op))
    return operand.getOperandNumber() == 0;
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  return type && type.getRank() >= 2 && getNumRows(operand.get()) != 1;
}

namespace {
/// How windows move along one axis.
struct Window {
  int64_t kernel, stride, dilation, begin;
  int64_t getExtent() const { return (kernel - 1) * dilation + 1; }
  /// The inputs of `outputs`, beyond the image as well.
  Rows getInputs(Rows outputs) const {
    return {outputs.begin * stride - begin,
            (outputs.end - 1) * stride - begin + getExtent()};
  }
};
} // namespace

template <typename OpTy>
static Window getWindow(OpTy op, int64_t axis, int64_t kernel) {
  return {kernel, op.getStrides()[axis], op.getDilations()[axis],
          op.getPads()[axis]};
}

/// How the windows of `op`, no matmul, move along the spatial axis `axis`.
static Window getWindow(Operation *op, int64_t axis) {
  return TypeSwitch<Operation *, Window>(op)
      .Case([&](graph::ConvOp conv) {
        auto filter = cast<RankedTensorType>(conv.getFilter().getType());
        return getWindow(conv, axis, filter.getDimSize(2 + axis));
      })
      .Case<graph::MaxPoolOp, graph::AveragePoolOp>([&](auto pool) {
        return getWindow(pool, axis, pool.getKernel()[axis]);
      });
}

static bool hasWindow(Operation *op) {
  return isWindowed(op) && !isa<graph::MatmulOp>(op);
}

Rows cinch::memory::getOperandRows(OpOperand &operand, Rows rows) {
  if (!hasWindow(operand.getOwner()))
    return rows;
  Rows inputs = getWindow(operand.getOwner(), /*axis=*/0).getInputs(rows);
  int64_t numRows = getNumRows(operand.get());
  return {std::clamp<int64_t>(inputs.begin, 0, numRows),
          std::clamp<int64_t>(inputs.end, 0, numRows)};
}

bool cinch::memory::readsOwnBand(OpOperand &operand, int64_t numBands) {
  Operation *op = operand.getOwner();
  if (!isReadByRows(operand))
    return false;
  int64_t size = getNumRows(operand.get()) / numBands,
          resultSize = getNumRows(op->getResult(0)) / numBands;
  if (!hasWindow(op))
    return size == resultSize;
  Window window = getWindow(op, /*axis=*/0);
  Rows inputs = window.getInputs({0, resultSize});
  return inputs.begin == 0 && inputs.end <= size &&
         size == resultSize * window.stride;
}

bool cinch::memory::isImage(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 4 && type.getDimSize(1) != 1;
}

bool cinch::memory::isBatch(Value value) {
  return cast<RankedTensorType>(value.getType()).isDynamicDim(0);
}

bool cinch::memory::isPooling(Operation *op) {
  return isa<graph::MaxPoolOp, graph::AveragePoolOp>(op);
}

bool cinch::memory::isInOneBlock(Value value) {
  Operation *producer = value.getDefiningOp();
  return producer && !isa<graph::ConcatOp>(producer) &&
         cast<RankedTensorType>(value.getType()).getDimSize(1) >= minChannels &&
         llvm::none_of(value.getUsers(), [](Operation *user) {
           return isa<graph::ConcatOp>(user);
         });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

static RankedTensorType getTypeOfRows(Value value, Rows rows) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[getRowAxis(value)] = rows.getSize();
  return type.clone(shape);
}

void RowBuilder::setName(Operation *op, StringRef base) {
  std::string name = (base + "_rows" + Twine(number)).str(), unique = name;
  for (unsigned i = 1; !taken.insert(unique).second; ++i)
    unique = name + "_" + std::to_string(i);
  op->setAttr("names", builder.getStrArrayAttr({unique}));
  op->setLoc(NameLoc::get(builder.getStringAttr(unique), op->getLoc()));
}

/// Rows of `value`, whose first row is number `offset`.
Value RowBuilder::slice(Value value, Rows rows, int64_t offset) {
  std::string base = graph::getValueName(value);
  auto makePosition = [&](StringRef piece, int64_t position) -> Value {
    auto type = RankedTensorType::get({1}, builder.getI64Type());
    auto constant = graph::ConstantOp::create(
        builder, loc, graph::getIntegerConstant(type, position));
    setName(constant, (base + "/" + piece).str());
    return constant;
  };
  Value begin = makePosition("begin", rows.begin - offset),
        end = makePosition("end", rows.end - offset);
  auto op = graph::SliceOp::create(builder, loc, getTypeOfRows(value, rows),
                                   value, begin, end, getRowAxis(value),
                                   ArrayRef<int64_t>(1));
  setName(op, base);
  return op;
}

Value RowBuilder::getRows(OpOperand &operand, Rows rows) {
  Value value = operand.get(), whole = value;
  Rows present = {0, getNumRows(value)};
  if (auto found = made.find(value); found != made.end())
    std::tie(whole, present) = found->second;
  // A stride may leave out the last rows.
  int64_t spare = hasWindow(operand.getOwner())
                      ? getWindow(operand.getOwner(), /*axis=*/0).stride - 1
                      : 0;
  if (present.begin == rows.begin && present.end - rows.end <= spare)
    return whole;
  Value &known = slices[{value, rows.begin}];
  if (!known || getNumRows(known) != rows.getSize())
    known = slice(whole, rows, present.begin);
  return known;
}

/// Padding where the windows of a band leave the image, and nowhere else.
void RowBuilder::setPads(Operation *op, Operation *copy, Rows rows,
                         Rows inputs) {
  auto set = [&](auto typed) {
    SmallVector<int64_t> pads(typed.getPads());
    Rows wanted = getWindow(op, /*axis=*/0).getInputs(rows);
    pads[0] = inputs.begin - wanted.begin;
    pads[2] = std::max<int64_t>(wanted.end - inputs.end, 0);
    if constexpr (!std::is_same_v<decltype(typed), graph::ConvOp>)
      if (typed.getCeilMode()) {
        // The last window of a row may end behind the padding.
        auto width = [](Value value) {
          return cast<RankedTensorType>(value.getType()).getDimSize(3);
        };
        Rows columns = {0, width(op->getResult(0))};
        int64_t end = getWindow(op, /*axis=*/1).getInputs(columns).end;
        pads[3] = std::max<int64_t>(end - width(op->getOperand(0)), 0);
        typed.setCeilMode(false);
      }
    typed.setPads(pads);
  };
  TypeSwitch<Operation *>(copy)
      .Case<graph::ConvOp, graph::MaxPoolOp, graph::AveragePoolOp>(set);
}

Value RowBuilder::copy(Operation *op, Rows rows) {
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands())
    if (isReadByRows(operand) && !mapping.contains(operand.get()))
      mapping.map(operand.get(),
                  getRows(operand, getOperandRows(operand, rows)));
  Operation *copy = builder.clone(*op, mapping);
  if (hasWindow(op))
    setPads(op, copy, rows, getOperandRows(op->getOpOperand(0), rows));
  Value result = op->getResult(0);
  copy->getResult(0).setType(getTypeOfRows(result, rows));
  setName(copy, graph::getValueName(result));
  set(result, copy->getResult(0), rows);
  return copy->getResult(0);
}

Value RowBuilder::join(Value value, Rows rows, ValueRange parts) {
  if (parts.size() == 1)
    return parts.front();
  auto op = graph::ConcatOp::create(builder, loc, getTypeOfRows(value, rows),
                                    parts, getRowAxis(value));
  setName(op, graph::getValueName(value));
  return op;
}

Value cinch::memory::joinRows(Operation *place, Value value, ValueRange parts) {
  OpBuilder builder(place);
  auto whole = graph::ConcatOp::create(builder, value.getLoc(), value.getType(),
                                       parts, getRowAxis(value));
  whole->setAttr("names", value.getDefiningOp()->getAttr("names"));
  return whole;
}
