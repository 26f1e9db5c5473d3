//===- GraphInterfaces.td - op interfaces of the graph dialect -*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_GRAPHINTERFACES
#define CINCH_DIALECTS_GRAPH_GRAPHINTERFACES

include "mlir/IR/OpBase.td"

def Graph_ShapeInterface : OpInterface<"ShapeInterface"> {
  let cppNamespace = "::cinch::graph";
  let description = [{
    Derives the shapes of the results, as expressions over symbols, and the
    contents of small integer results that are shape arithmetic. The one source
    of shape knowledge: the importer gives results their types from it, the
    verifier compares against it, `SymbolicShapeAnalysis` runs it over a function.
  }];
  let methods = [
    InterfaceMethod<[{
      Fills `context.results`, one per result. On failure has emitted (through
      `context.emitError`) what does not fit, with the shapes involved.
    }], "::llvm::LogicalResult", "inferShapes", (ins "::cinch::graph::ShapeContext &":$context)>,
  ];
  let verify = "return ::cinch::graph::detail::verifyShapes($_op);";
}

def Graph_CostInterface : OpInterface<"CostInterface"> {
  let cppNamespace = "::cinch::graph";
  let description = "What an operation costs, as expressions over symbols.";
  let methods = [
    InterfaceMethod<[{
      Floating point operations (a multiply-add is 2), given the dims of operands and results.
      The default is one per element of the first result.
    }], "::cinch::plan::Expr", "getFlops",
    (ins "::llvm::ArrayRef<::cinch::graph::Dims>":$operands,
         "::llvm::ArrayRef<::cinch::graph::Dims>":$results), "",
    [{ return ::cinch::graph::countElements(results.front()); }]>,
  ];
}

#endif // CINCH_DIALECTS_GRAPH_GRAPHINTERFACES
