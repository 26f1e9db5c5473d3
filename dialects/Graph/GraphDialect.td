//===- GraphDialect.td - the graph dialect ----------------*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_GRAPHDIALECT
#define CINCH_DIALECTS_GRAPH_GRAPHDIALECT

include "mlir/IR/OpBase.td"

def GraphDialect : Dialect {
  let name = "graph";
  let cppNamespace = "::cinch::graph";
  let summary = "What a neural network computes";
  let description = [{
    A tensor program: the form of an ONNX model after import, and the level on
    which the techniques (quantization, factorization, ...) are rewrites. Values
    are ranked tensors whose dimensions may be dynamic; every operation is pure.
    Created by the importer, gone after `form-kernels`.

    Integers carry their sign as in ONNX: signless `iN` is signed, `uiN` is
    unsigned, `i1` is bool. Element-wise operations broadcast as numpy does.
    Every operation has `names = ["..."]`, one unique name per result.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// The files that `#graph.weight` attributes of this context point into.
    WeightFiles &getWeightFiles() { return weightFiles; }

  private:
    WeightFiles weightFiles;

  public:
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::scf::SCFDialect"];
}

#endif // CINCH_DIALECTS_GRAPH_GRAPHDIALECT
