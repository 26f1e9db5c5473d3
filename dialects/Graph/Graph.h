//===- Graph.h - the graph dialect ----------------------------------------===//
#ifndef CINCH_DIALECTS_GRAPH_GRAPH_H
#define CINCH_DIALECTS_GRAPH_GRAPH_H

#include "dialects/Graph/Shape.h"
#include "dialects/Graph/WeightFiles.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace cinch::graph {

/// Trait of operations that compute each result element from the operand
/// elements at the same, broadcast position.
template <typename ConcreteType>
class Elementwise : public mlir::OpTrait::TraitBase<ConcreteType, Elementwise> {
};

/// The name of a value: that of its result (`names`), or of the argument of the
/// entry; empty if it has none.
std::string getValueName(mlir::Value value);

} // namespace cinch::graph

#include "dialects/Graph/GraphDialect.h.inc"
#include "dialects/Graph/GraphEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Graph/GraphAttrs.h.inc"
#include "dialects/Graph/GraphInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.h.inc"

#endif // CINCH_DIALECTS_GRAPH_GRAPH_H
