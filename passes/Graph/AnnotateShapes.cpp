//===- AnnotateShapes.cpp - shows what the shape analysis knows -----------===//
//
// For tests and for people: the analysis itself leaves no trace in the module.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/SymbolicShape.h"
#include "passes/Graph/Passes.h"

namespace cinch::graph {
#define GEN_PASS_DEF_ANNOTATESHAPESPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {
struct AnnotateShapes
    : public graph::impl::AnnotateShapesPassBase<AnnotateShapes> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto analysis = SymbolicShapeAnalysis::compute(function);
    if (failed(analysis))
      return signalPassFailure();
    Builder builder(&getContext());
    function.getBody().walk([&](Operation *op) {
      SmallVector<Attribute> shapes, contents;
      bool hasTensors = false, hasContents = false;
      for (Value result : op->getResults()) {
        const ValueShape *shape = analysis->get(result);
        shapes.push_back(shape ? getDimsAttr(&getContext(), shape->dims)
                               : builder.getArrayAttr({}));
        contents.push_back(
            shape && shape->contents
                ? Attribute(getDimsAttr(&getContext(), *shape->contents))
                : builder.getUnitAttr());
        hasTensors |= isa<TensorType>(result.getType());
        hasContents |= shape && shape->contents;
      }
      if (hasTensors)
        op->setAttr("graph.shapes", builder.getArrayAttr(shapes));
      if (hasContents && !isa<ConstantOp>(op))
        op->setAttr("graph.contents", builder.getArrayAttr(contents));
    });
    SmallVector<Attribute> requirements;
    for (const Requirement &requirement : analysis->getRequirements())
      requirements.push_back(builder.getStrArrayAttr(
          {requirement.zero.str(), requirement.message}));
    if (!requirements.empty())
      function->setAttr("graph.requirements",
                        builder.getArrayAttr(requirements));
  }
};
} // namespace
