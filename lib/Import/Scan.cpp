//===- Scan.cpp - rules: Scan ---------------------------------------------===//
#include "lib/Import/CountedLoop.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

LogicalResult import::importScan(Node &node) {
  if (node.opset < 9)
    return node.unsupported("Scan of opset 8 (convert the model to opset 9)");
  const onnx::GraphProto &body = node.attribute("body")->g();
  int64_t numScans = node.getInt("num_scan_inputs", 0),
          numInputs = node.inputs.size();
  int64_t numStates = numInputs - numScans,
          numCollected = body.output_size() - numStates;
  if (numScans < 1 || numStates < 0 || body.input_size() != numInputs ||
      numCollected < 0)
    return node.invalid("has " + Twine(numInputs) + " inputs with " +
                        Twine(numScans) + " to scan, but its body has " +
                        Twine(body.input_size()) + " inputs and " +
                        Twine(body.output_size()) + " outputs");
  Ints inputAxes = node.getInts("scan_input_axes", numScans, 0);
  Ints inputBack = node.getInts("scan_input_directions", numScans, 0);
  Ints outputAxes = node.getInts("scan_output_axes", numCollected, 0);
  Ints outputBack = node.getInts("scan_output_directions", numCollected, 0);
  if (static_cast<int64_t>(inputAxes.size()) != numScans ||
      static_cast<int64_t>(inputBack.size()) != numScans ||
      static_cast<int64_t>(outputAxes.size()) != numCollected ||
      static_cast<int64_t>(outputBack.size()) != numCollected)
    return node.invalid(
        "axes and directions must have one entry per scanned input or output");
  for (int64_t i = 0; i < numScans; ++i)
    if (!node.normalizeAxis(inputAxes[i], node.rank(node.in(numStates + i))))
      return failure();
  OpBuilder &builder = node.builder();
  Value first = node.in(numStates);
  plan::Expr extent = node.shape(first)->dims[inputAxes[0]];
  Value count = extent.asConstant()
                    ? Value(arith::ConstantIndexOp::create(
                          builder, node.location(), *extent.asConstant()))
                    : Value(tensor::DimOp::create(builder, node.location(),
                                                  first, inputAxes[0]));
  Value one = arith::ConstantIndexOp::create(builder, node.location(), 1);
  CountedLoop loop = startLoop(node, count, extent, Value());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&loop.body());
  Value last = arith::SubIOp::create(builder, node.location(), count, one);
  Value backward =
      arith::SubIOp::create(builder, node.location(), last, loop.step());
  Subgraph inner(node, body);
  for (int64_t i = 0; i < numStates; ++i) {
    loop.inits.push_back(node.in(i));
    if (!inner.bind(i, addArgument(node, loop.body(), node.in(i))))
      return failure();
  }
  for (int64_t i = 0; i < numScans; ++i) {
    Value input = node.in(numStates + i);
    Value part = node.make<graph::StepGetOp>(
        node.elem(input), input, inputBack[i] ? backward : loop.step(),
        inputAxes[i]);
    if (!inner.bind(numStates + i, part))
      return failure();
  }
  std::optional<SmallVector<Value>> outputs =
      node.failed ? std::nullopt : inner.import();
  if (!outputs) {
    node.failed = true;
    return failure();
  }
  SmallVector<Value> carried(
      llvm::make_range(outputs->begin(), outputs->begin() + numStates));
  SmallVector<Value> collected(llvm::drop_begin(*outputs, numStates)), steps;
  for (int64_t i = 0; i < numCollected; ++i) {
    if (!node.normalizeAxis(outputAxes[i], node.rank(collected[i]) + 1))
      return failure();
    steps.push_back(outputBack[i] ? backward : loop.step());
  }
  return finishLoop(loop, carried, collected, outputAxes, steps);
}
