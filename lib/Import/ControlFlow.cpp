//===- ControlFlow.cpp - rules: If ----------------------------------------===//
#include "lib/Import/ControlFlow.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

Subgraph::Subgraph(Node &node, const onnx::GraphProto &graph)
    : importer(node.importer), graph(graph) {
  scope.outer = importer.scope;
  scope.prefix = importer.scope->prefix;
  scope.attributes = importer.scope->attributes;
  scope.opsets = importer.scope->opsets;
}

std::optional<SmallVector<Value>> Subgraph::import() {
  Scope *outer = std::exchange(importer.scope, &scope);
  std::string name = importer.nodeName;
  bool ok = importer.importBody(graph);
  std::optional<SmallVector<Value>> outputs = importer.getOutputs(graph);
  importer.nodeName = name;
  importer.scope = outer;
  return ok ? outputs : std::nullopt;
}

bool Subgraph::bind(int index, Value value) {
  if (scope.entries.try_emplace(graph.input(index).name(), Scope::Entry{value})
          .second)
    return true;
  importer.report(Problem::invalid("input '" + graph.input(index).name() +
                                   "' of a subgraph is listed twice"));
  return false;
}

Value import::readScalar(Node &node, Value tensor) {
  Ints axes;
  for (int64_t i = 0; i < node.rank(tensor); ++i)
    axes.push_back(i);
  Value scalar = node.squeeze(tensor, axes);
  if (node.failed)
    return {};
  return tensor::ExtractOp::create(node.builder(), node.location(), scalar,
                                   ValueRange());
}

void import::setResults(Node &node, Operation *op, ArrayRef<Value> shapes) {
  SmallVector<std::string> names;
  for (auto [index, result] : llvm::enumerate(op->getResults())) {
    const graph::ValueShape *shape = node.shape(shapes[index]);
    node.importer.inference.set(result,
                                graph::ValueShape{shape->dims, std::nullopt});
    names.push_back(node.importer.makeUnique(
        node.importer.nodeName + "/" + op->getName().stripDialect().str()));
    node.created.insert(result);
  }
  node.importer.setNames(op, names);
}

/// A known condition: the branch becomes part of the graph around it.
static LogicalResult inlineBranch(Node &node, const onnx::GraphProto &graph) {
  Subgraph branch(node, graph);
  std::optional<SmallVector<Value>> outputs = branch.import();
  if (!outputs) {
    node.failed = true;
    return failure();
  }
  // What the branch made takes the names of the outputs of the node.
  Block *block = node.builder().getInsertionBlock();
  for (auto [index, value] : llvm::enumerate(*outputs))
    if (branch.scope.entries.count(graph.output(index).name()) &&
        value.getParentBlock() == block && value.getDefiningOp() &&
        !value.getDefiningOp<graph::ConstantOp>())
      node.created.insert(value);
  return node.result(*outputs);
}

static LogicalResult importIf(Node &node) {
  const onnx::GraphProto &thenGraph = node.attribute("then_branch")->g();
  const onnx::GraphProto &elseGraph = node.attribute("else_branch")->g();
  int numOutputs = node.proto.output_size();
  if (thenGraph.output_size() != numOutputs ||
      elseGraph.output_size() != numOutputs)
    return node.invalid("has " + Twine(numOutputs) +
                        " outputs, but its branches have " +
                        Twine(thenGraph.output_size()) + " and " +
                        Twine(elseGraph.output_size()));
  if (thenGraph.input_size() || elseGraph.input_size())
    return node.invalid("branches must have no inputs");
  if (std::optional<Ints> known = node.constantInts(node.in(0));
      known && known->size() == 1)
    return inlineBranch(node, known->front() ? thenGraph : elseGraph);

  Value condition = readScalar(node, node.in(0));
  if (!condition)
    return failure();
  OpBuilder &builder = node.builder();
  // The types of the results are known only after the branches.
  auto draft = scf::IfOp::create(builder, node.location(), TypeRange(),
                                 condition, /*withElseRegion=*/true);
  SmallVector<SmallVector<Value>> yields;
  for (const onnx::GraphProto *graph : {&thenGraph, &elseGraph}) {
    OpBuilder::InsertionGuard guard(builder);
    Block &block = graph == &thenGraph ? draft.getThenRegion().front()
                                       : draft.getElseRegion().front();
    block.clear();
    builder.setInsertionPointToEnd(&block);
    std::optional<SmallVector<Value>> outputs = Subgraph(node, *graph).import();
    if (outputs)
      scf::YieldOp::create(builder, node.location(), *outputs);
    yields.push_back(outputs.value_or(SmallVector<Value>()));
    node.failed |= !outputs;
  }
  if (node.failed)
    return failure();
  for (auto [index, thenValue] : llvm::enumerate(yields[0])) {
    Value elseValue = yields[1][index];
    if (thenValue.getType() != elseValue.getType() ||
        node.shape(thenValue)->dims != node.shape(elseValue)->dims)
      return node.unsupported(
          "branches give different types or shapes for output " + Twine(index) +
          ": " + node.importer.describe(thenValue) + " and " +
          node.importer.describe(elseValue) + " (make them agree)");
  }
  auto branch = scf::IfOp::create(builder, node.location(),
                                  ValueRange(yields[0]).getTypes(), condition,
                                  /*withElseRegion=*/true);
  branch.getThenRegion().takeBody(draft.getThenRegion());
  branch.getElseRegion().takeBody(draft.getElseRegion());
  draft.erase();
  setResults(node, branch, yields[0]);
  return node.result(SmallVector<Value>(branch.getResults()));
}

void import::addControlFlowRules(RuleTable &rules) {
  rules["If"] = importIf;
  rules["Loop"] = importLoop;
  rules["Scan"] = importScan;
}
