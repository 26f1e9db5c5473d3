//===- GraphBase.td - classes shared by the graph operations -*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_GRAPHBASE
#define CINCH_DIALECTS_GRAPH_GRAPHBASE

include "dialects/Graph/GraphAttrs.td"
include "dialects/Graph/GraphInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Graph_Element : AnyTypeOf<[AnyFloat, AnyInteger]>;
def Graph_Tensor : RankedTensorOf<[Graph_Element]>;
def Graph_FloatTensor : RankedTensorOf<[AnyFloat]>;
def Graph_IntTensor : RankedTensorOf<[AnyInteger]>;
def Graph_NumberTensor : RankedTensorOf<[AnyFloat, AnyInteger]>;
def Graph_BoolTensor : RankedTensorOf<[I1]>;
def Graph_IndexTensor : RankedTensorOf<[I32, I64]>;
/// A one-dimensional tensor of sizes, positions or axes.
def Graph_ShapeTensor : 1DTensorOf<[I64]>;

class Graph_Op<string mnemonic, list<Trait> traits = [], list<string> costMethods = []>
    : Op<GraphDialect, mnemonic, !listconcat(traits, [Pure,
        DeclareOpInterfaceMethods<Graph_ShapeInterface>,
        DeclareOpInterfaceMethods<Graph_CostInterface, costMethods>])>;

#endif // CINCH_DIALECTS_GRAPH_GRAPHBASE
