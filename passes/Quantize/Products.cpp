//===- Products.cpp - products whose operands can be quantized ------------===//
#include "passes/Quantize/Products.h"
#include "mlir/AsmParser/AsmParser.h"
#include "passes/Common/NearMatch.h"
#include "passes/Quantize/Codes.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

bool quantize::isProduct(Operation *op) {
  return isa<MatmulOp, ConvOp, ConvTransposeOp, EinsumOp>(op);
}

std::string quantize::listNames(ArrayRef<Operation *> ops) {
  constexpr size_t maxNames = 3;
  std::string text;
  for (Operation *op : ops.take_front(maxNames))
    text += (text.empty() ? "'" : ", '") + getValueName(op->getResult(0)) + "'";
  if (ops.size() > maxNames)
    text += " and " + std::to_string(ops.size() - maxNames) + " more";
  return text;
}

SmallVector<Operation *> quantize::getProducts(func::FuncOp function) {
  SmallVector<Operation *> products;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isProduct(op))
      products.push_back(op);
  });
  return products;
}

SmallVector<Operation *> quantize::getProductsOf(Value value) {
  SmallVector<Operation *> readers;
  for (Operation *user : value.getUsers())
    if (isProduct(user) && user->getOperand(0) == value)
      readers.push_back(user);
  std::reverse(readers.begin(), readers.end());
  return readers;
}

bool quantize::isDequantized(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && isa<ReshapeOp, TransposeOp, SqueezeOp, UnsqueezeOp, FlattenOp,
                   SliceOp, BroadcastOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return isa_and_nonnull<DequantizeOp>(op);
}

bool quantize::hasQuantizedWeight(Operation *product) {
  auto weight = product->getNumOperands() > 1
                    ? product->getOperand(1).getDefiningOp<DequantizeOp>()
                    : DequantizeOp();
  return weight && findCodes(weight);
}

unsigned quantize::getFilterInputAxis(const LinearOp &linear) {
  return linear.rowsAreIn ? 0 : 1;
}

unsigned quantize::getFilterOutputAxis(const LinearOp &linear) {
  return linear.rowsAreIn ? 1 : 0;
}

Sharing quantize::getSharing(RankedTensorType type, unsigned axis,
                             const ValuePlan &plan) {
  Sharing sharing;
  for (auto [number, dim] : llvm::enumerate(type.getShape()))
    (number < axis    ? sharing.outer
     : number == axis ? sharing.extent
                      : sharing.inner) *= dim;
  sharing.kind = plan.granularity == Granularity::Tensor    ? Sharing::Tensor
                 : plan.granularity == Granularity::Channel ? Sharing::Channel
                                                            : Sharing::Group;
  sharing.group = plan.group;
  sharing.scales = plan.scales;
  return sharing;
}

SmallVector<int64_t> quantize::getScaleShape(RankedTensorType type,
                                             unsigned axis,
                                             Granularity granularity,
                                             int64_t group) {
  if (granularity == Granularity::Tensor)
    return {};
  if (granularity == Granularity::Channel)
    return {type.getDimSize(axis)};
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] = (shape[axis] + group - 1) / group;
  return shape;
}

Type quantize::getElementType(const Format &format, MLIRContext *context) {
  assert(format.isByElement() && "there is no element type");
  if (format.levels)
    return IntegerType::get(context, format.bits, IntegerType::Unsigned);
  return parseType(format.name, context);
}

Type quantize::getElementType(ScaleFormat scales, MLIRContext *context) {
  return parseType(getName(scales), context);
}

std::optional<ScaleFormat> quantize::findScaleFormat(Type element) {
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return parseScaleFormat(text);
}

llvm::Expected<Selector>
quantize::parseSelector(func::FuncOp function, StringRef flag, StringRef text) {
  llvm::Expected<Selector> selector = Selector::parse(text);
  if (!selector)
    return llvm::createStringError("select: " +
                                   llvm::toString(selector.takeError()));
  selector->number(function);
  for (const std::string &sentence :
       selector->describeUnmatched(getProducts(function)))
    function.emitWarning() << flag << ": " << sentence;
  return selector;
}

void quantize::warnOfUnknownNames(func::FuncOp function,
                                  const QuantizationPlan &plan,
                                  StringRef flag) {
  llvm::StringSet<> known;
  std::vector<std::string> names;
  auto add = [&](Value value) {
    std::string name = getValueName(value);
    if (known.insert(name).second)
      names.push_back(name);
  };
  llvm::for_each(function.getArguments(), add);
  function.walk([&](Operation *op) { llvm::for_each(op->getResults(), add); });
  for (const auto &[name, value] : plan.values)
    if (!known.contains(name) && !known.contains(name + "/q"))
      function.emitWarning()
          << flag << ": the plan has '" << name << "', which the function lacks"
          << suggest(name, names);
}
