//===- Maker.h - operations named after one value -------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_MAKER_H
#define CINCH_PASSES_QUANTIZE_MAKER_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/Builders.h"
#include "passes/Graph/Names.h"

namespace cinch::quantize {

/// Creates operations named after one value, behind it.
class Maker {
public:
  explicit Maker(mlir::Value value)
      : builder(value.getContext()), loc(value.getLoc()),
        base(graph::getValueName(value)) {
    builder.setInsertionPointAfterValue(value);
  }
  template <typename OpTy, typename... Args>
  mlir::Value make(llvm::StringRef piece, mlir::Type type, Args &&...args) {
    auto op = OpTy::create(builder, loc, type, std::forward<Args>(args)...);
    graph::setName(op, base + "/" + piece);
    return op;
  }
  mlir::Value constant(llvm::StringRef piece, mlir::TypedAttr value) {
    return graph::makeNamedConstant(builder, loc, base + "/" + piece, value);
  }
  mlir::Value scalar(llvm::StringRef piece, float number) {
    auto type = mlir::RankedTensorType::get({}, builder.getF32Type());
    return constant(piece, mlir::DenseElementsAttr::get(type, number));
  }

  mlir::OpBuilder builder;

private:
  mlir::Location loc;
  std::string base;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_MAKER_H
