//===- BranchBuilder.cpp - low-rank branches beside products --------------===//
#include "passes/Quantize/BranchBuilder.h"
#include "dialects/Graph/Constants.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/FloatConstants.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;
using algebra::Matrix;

static FloatType getFloatType(MLIRContext *context, BranchPrecision precision) {
  switch (precision) {
  case BranchPrecision::F32:
    return Float32Type::get(context);
  case BranchPrecision::F16:
    return Float16Type::get(context);
  case BranchPrecision::BF16:
    return BFloat16Type::get(context);
  }
  llvm_unreachable("a precision");
}

BranchBuilder::BranchBuilder(MLIRContext *context, BranchPrecision precision,
                             bool isSmall)
    : type(getFloatType(context, precision)), isSmall(isSmall) {}

Matrix BranchBuilder::store(Matrix factor) const {
  for (double &element : factor.getElements())
    element = convertFloat(element, type).convertToDouble();
  return factor;
}

llvm::Expected<Value> BranchBuilder::makeFactor(OpBuilder &builder,
                                                Location loc,
                                                const std::string &name,
                                                const Matrix &factor) {
  auto factorType = RankedTensorType::get(
      {factor.getNumRows(), factor.getNumColumns()}, type);
  bytes += *getStorageBytes(factorType);
  llvm::Expected<TypedAttr> elements =
      makeFloats(factorType, factor.getElements(), isSmall);
  if (!elements)
    return elements.takeError();
  Value constant = makeNamedConstant(builder, loc, name, *elements);
  if (type.isF32())
    return constant;
  auto cast = CastOp::create(builder, loc,
                             factorType.clone(builder.getF32Type()), constant);
  setName(cast, name + "/f32");
  return cast.getResult();
}

llvm::Expected<Value> BranchBuilder::addDown(MatmulOp product, StringRef weight,
                                             const Matrix &left) {
  OpBuilder builder(product);
  Location loc = product.getLoc();
  Value input = product.getLhs();
  auto inputType = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape(inputType.getShape());
  shape.back() = left.getNumColumns();
  llvm::Expected<Value> factor =
      makeFactor(builder, loc, (weight + "/left").str(), left);
  if (!factor)
    return factor.takeError();
  auto down =
      MatmulOp::create(builder, loc, inputType.clone(shape), input, *factor);
  setName(down, (weight + "/down").str());
  return down.getResult();
}

llvm::Error BranchBuilder::addUp(MatmulOp product, StringRef weight, Value down,
                                 const Matrix &right, Value kept,
                                 StringRef suffix) {
  OpBuilder builder(product);
  Location loc = product.getLoc();
  std::string name = getValueName(product);
  auto few = cast<MatmulOp>(builder.clone(*product));
  few->setOperand(1, kept);
  setName(few, (name + "/" + suffix).str());
  llvm::Expected<Value> factor =
      makeFactor(builder, loc, (weight + "/right").str(), right);
  if (!factor)
    return factor.takeError();
  auto up = MatmulOp::create(builder, loc, product.getType(), down, *factor);
  setName(up, name + "/branch");
  auto sum = AddOp::create(builder, loc, product.getType(), few, up);
  setName(sum, name);
  product.replaceAllUsesWith(sum.getResult());
  product.erase();
  return llvm::Error::success();
}
