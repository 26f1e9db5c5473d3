//===- Loop.cpp - rules: Loop ---------------------------------------------===//
//
// A counted loop becomes scf.for. One that a condition ends becomes scf.while
// and can collect nothing, as the size of what it collects depends on the data.
//
//===----------------------------------------------------------------------===//
#include "lib/Import/CountedLoop.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

/// `value`, a scalar, in the rank that the subgraph declares for its input.
static Value fitRank(Node &node, Value value, const onnx::GraphProto &body,
                     int input) {
  const auto &type = body.input(input).type();
  bool isVector =
      type.has_tensor_type() && type.tensor_type().shape().dim_size() == 1;
  return isVector ? node.unsqueeze(value, {0}) : value;
}

static Value toScalar(Node &node, Value value) {
  return node.rank(value) == 1 ? node.squeeze(value, {0}) : value;
}

/// True if the condition output of `body` is its condition input, or constant.
static bool keepsRunning(Node &node, const onnx::GraphProto &body) {
  std::string name = body.output(0).name();
  for (int i = body.node_size(); i-- > 0;) {
    const onnx::NodeProto &inner = body.node(i);
    if (inner.output_size() == 0 || inner.output(0) != name)
      continue;
    if (inner.op_type() == "Identity" || inner.op_type() == "Cast")
      name = inner.input(0);
    if (inner.op_type() == "Constant")
      for (const onnx::AttributeProto &attribute : inner.attribute())
        if (attribute.name() == "value" &&
            attribute.t().data_type() == onnx::TensorProto::BOOL) {
          Problem problem;
          auto dense = dyn_cast_or_null<DenseElementsAttr>(
              node.importer.tensors.read(attribute.t(), problem));
          return dense && dense.isSplat() && dense.getSplatValue<bool>();
        }
  }
  if (name == body.input(1).name())
    return true;
  for (const onnx::TensorProto &initializer : body.initializer())
    if (initializer.name() == name) {
      Problem problem;
      auto dense = dyn_cast_or_null<DenseElementsAttr>(
          node.importer.tensors.read(initializer, problem));
      return dense && dense.getElementType().isInteger(1) && dense.isSplat() &&
             dense.getSplatValue<bool>();
    }
  const Scope::Entry *outer = node.importer.scope->find(name);
  std::optional<Ints> known =
      outer ? node.constantInts(outer->value) : std::nullopt;
  return known && known->size() == 1 && known->front();
}

static LogicalResult importWhile(Node &node, const onnx::GraphProto &body,
                                 ArrayRef<Value> states) {
  if (body.output_size() - 1 > static_cast<int>(states.size()))
    return node.unsupported("a loop that a condition ends collects outputs, "
                            "whose size depends on the data "
                            "(use a constant number of iterations)");
  OpBuilder &builder = node.builder();
  SmallVector<Value> inits = {node.integer(0)};
  inits.push_back(node.has(1) ? toScalar(node, node.in(1))
                              : node.scalar(builder.getI1Type(), 1));
  inits.append(states.begin(), states.end());
  Value limit = node.has(0) ? toScalar(node, node.in(0)) : Value();
  if (node.failed)
    return failure();
  auto loop = scf::WhileOp::create(builder, node.location(),
                                   ValueRange(inits).getTypes(), inits);
  OpBuilder::InsertionGuard guard(builder);
  Block *before = builder.createBlock(&loop.getBefore());
  for (Value init : inits)
    addArgument(node, *before, init);
  Value runs = before->getArgument(1);
  if (limit)
    runs = node.binary<graph::AndOp>(
        runs,
        node.compare(graph::Predicate::lt, before->getArgument(0), limit));
  Value condition = readScalar(node, runs);
  if (!condition)
    return failure();
  scf::ConditionOp::create(builder, node.location(), condition,
                           before->getArguments());

  Block *after = builder.createBlock(&loop.getAfter());
  for (Value init : inits)
    addArgument(node, *after, init);
  Subgraph inner(node, body);
  if (!inner.bind(0, fitRank(node, after->getArgument(0), body, 0)) ||
      !inner.bind(1, fitRank(node, after->getArgument(1), body, 1)))
    return failure();
  for (size_t i = 0; i < states.size(); ++i)
    if (!inner.bind(i + 2, after->getArgument(i + 2)))
      return failure();
  std::optional<SmallVector<Value>> outputs = inner.import();
  if (!outputs) {
    node.failed = true;
    return failure();
  }
  SmallVector<Value> yields = {node.add(after->getArgument(0), node.integer(1)),
                               toScalar(node, outputs->front())};
  for (size_t i = 0; i < states.size(); ++i) {
    if (failed(checkCarried(node, i, states[i], (*outputs)[i + 1])))
      return failure();
    yields.push_back((*outputs)[i + 1]);
  }
  if (node.failed)
    return failure();
  scf::YieldOp::create(builder, node.location(), yields);
  setResults(node, loop, inits);
  SmallVector<Value> results(loop.getResults().drop_front(2));
  return node.result(results);
}

LogicalResult import::importLoop(Node &node) {
  const onnx::GraphProto &body = node.attribute("body")->g();
  SmallVector<Value> states(
      llvm::drop_begin(node.inputs, std::min<size_t>(2, node.inputs.size())));
  int numStates = states.size();
  if (body.input_size() != numStates + 2 || body.output_size() < numStates + 1)
    return node.invalid("has " + Twine(numStates) +
                        " carried values, but its body has " +
                        Twine(body.input_size()) + " inputs and " +
                        Twine(body.output_size()) + " outputs");
  if (llvm::is_contained(states, Value()))
    return node.invalid("a carried value is left out");
  std::optional<Ints> start =
      node.has(1) ? node.constantInts(node.in(1)) : Ints{1};
  bool never = start && start->size() == 1 && !start->front();
  if (!never && (!start || !node.has(0) || !keepsRunning(node, body)))
    return importWhile(node, body, states);

  OpBuilder &builder = node.builder();
  Value count, countTensor;
  plan::Expr extent;
  bool isData = false; // the extent is only known while running
  const graph::ValueShape *limit =
      node.has(0) ? node.shape(node.in(0)) : nullptr;
  std::optional<Ints> known = never ? Ints{0} : node.constantInts(node.in(0));
  if (known && known->size() == 1) {
    extent = std::max<int64_t>(known->front(), 0);
    count = arith::ConstantIndexOp::create(builder, node.location(),
                                           *extent.asConstant());
  } else {
    countTensor = node.in(0);
    if (limit->contents && limit->contents->size() == 1)
      extent = limit->contents->front();
    else if (body.output_size() > numStates + 1)
      return node.unsupported("the number of iterations, and so the size of "
                              "collected outputs, depends on the value "
                              "of input 0 (make it a constant)");
    else
      isData = true;
    Value scalar = readScalar(node, countTensor);
    if (!scalar)
      return failure();
    count = arith::IndexCastOp::create(builder, node.location(),
                                       builder.getIndexType(), scalar);
  }
  // The iteration number comes from a table if that is small, else it is one
  // more carried value.
  constexpr int64_t maxTable = 4096;
  bool countsAlong =
      isData || extent.asConstant().value_or(INT64_MAX) > maxTable;
  Value positions, zero = node.integer(0);
  if (!countsAlong)
    positions = node.make<graph::RangeOp>(
        builder.getI64Type(), zero,
        node.integer(std::max<int64_t>(*extent.asConstant(), 1)),
        node.integer(1));
  CountedLoop loop = startLoop(node, count, extent, countTensor);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&loop.body());
  Subgraph inner(node, body);
  loop.inits.assign(states.begin(), states.end());
  SmallVector<Value> arguments;
  for (Value state : states)
    arguments.push_back(addArgument(node, loop.body(), state));
  Value iteration;
  if (countsAlong) {
    loop.inits.push_back(zero);
    iteration = addArgument(node, loop.body(), zero);
  } else {
    iteration = node.make<graph::StepGetOp>(builder.getI64Type(), positions,
                                            loop.step(), int64_t(0));
  }
  Value running = node.scalar(builder.getI1Type(), 1);
  if (!inner.bind(0, fitRank(node, iteration, body, 0)) ||
      !inner.bind(1, fitRank(node, running, body, 1)))
    return failure();
  for (int i = 0; i < numStates; ++i)
    if (!inner.bind(i + 2, arguments[i]))
      return failure();
  std::optional<SmallVector<Value>> outputs = inner.import();
  if (!outputs) {
    node.failed = true;
    return failure();
  }
  SmallVector<Value> carried(
      llvm::make_range(outputs->begin() + 1, outputs->begin() + 1 + numStates));
  SmallVector<Value> collected(llvm::drop_begin(*outputs, 1 + numStates));
  if (countsAlong)
    carried.push_back(node.add(iteration, node.integer(1)));
  SmallVector<Value> steps(collected.size(), loop.step());
  if (failed(finishLoop(loop, carried, collected, Ints(collected.size(), 0),
                        steps)))
    return failure();
  if (countsAlong)
    node.outputs.erase(node.outputs.begin() + numStates);
  return success();
}
