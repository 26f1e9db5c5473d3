//===- LowerScalars.cpp - what the entry program itself computes ----------===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/ExecToLLVM/EntryLowering.h"

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

void EntryLowering::lowerShape(exec::ShapeOp shape) {
  Type element = shape.getResult().getType().getElementType();
  int64_t bytes = graph::getStorageBits(element) / 8;
  Type stored = builder.getIntegerType(8 * bytes);
  Value to = address(shape.getResult());
  for (auto [index, text] :
       llvm::enumerate(shape.getElements().getAsValueRange<StringAttr>())) {
    Value value = code.evaluate(*Expr::parse(std::string_view(text)));
    if (bytes < 8)
      value = LLVM::TruncOp::create(builder, shape.getLoc(), stored, value);
    storeTensor(value, code.advance(to, code.constant(bytes * index)));
  }
}

/// What steers control flow is 0 once a kernel has failed, so that no loop runs
/// for a count that means nothing.
void EntryLowering::lowerRead(exec::ReadOp read) {
  Location loc = read.getLoc();
  Type element = read.getInput().getType().getElementType();
  Type stored = builder.getIntegerType(graph::getStorageBits(element));
  Value value = loadTensor(stored, address(read.getInput()));
  if (Value isRight = hasNoFault()) {
    Value zero = LLVM::ConstantOp::create(builder, loc, stored,
                                          builder.getIntegerAttr(stored, 0));
    value = LLVM::SelectOp::create(builder, loc, isRight, value, zero);
  }
  if (read.getResult().getType().isInteger(1)) {
    Value zero = LLVM::ConstantOp::create(builder, loc, stored,
                                          builder.getIntegerAttr(stored, 0));
    value = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, value,
                                 zero);
  } else {
    value =
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
  }
  scalars.map(read.getResult(), value);
}

/// A dimension is an expression; nothing is read.
LogicalResult EntryLowering::lowerDim(tensor::DimOp dim) {
  std::optional<int64_t> axis = dim.getConstantIndex();
  ArrayRef<Expr> dims = program.getDims(dim.getSource());
  if (!axis || *axis < 0 || *axis >= static_cast<int64_t>(dims.size()))
    return dim.emitOpError("lower-exec: expected a constant axis");
  Value value = code.evaluate(dims[*axis]);
  scalars.map(dim.getResult(),
              arith::IndexCastOp::create(builder, dim.getLoc(),
                                         builder.getIndexType(), value));
  return success();
}

void EntryLowering::lowerWrite(exec::WriteOp write) {
  Value value =
      arith::IndexCastOp::create(builder, write.getLoc(), builder.getI64Type(),
                                 scalars.lookup(write.getValue()));
  storeTensor(value, address(write.getResult()));
}
