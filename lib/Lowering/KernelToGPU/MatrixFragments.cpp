//===- MatrixFragments.cpp - operands of matrix instructions --------------===//
#include "lib/Lowering/KernelToGPU/MatrixFragments.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

int64_t cinch::getMatrixDepth(MatrixKind kind) {
  switch (kind) {
  case MatrixKind::F16:
  case MatrixKind::BF16:
    return 16;
  case MatrixKind::TF32:
    return 8;
  case MatrixKind::S8:
  case MatrixKind::U8:
  case MatrixKind::S8U8:
  case MatrixKind::U8S8:
    return 32;
  }
  llvm_unreachable("unknown kind of matrix instruction");
}

StringRef cinch::getMatrixName(MatrixKind kind) {
  switch (kind) {
  case MatrixKind::F16:
    return "m16n8k16.f32.f16.f16.f32";
  case MatrixKind::BF16:
    return "m16n8k16.f32.bf16.bf16.f32";
  case MatrixKind::TF32:
    return "m16n8k8.f32.tf32.tf32.f32";
  case MatrixKind::S8:
    return "m16n8k32.s32.s8.s8.s32";
  case MatrixKind::U8:
    return "m16n8k32.s32.u8.u8.s32";
  case MatrixKind::S8U8:
    return "m16n8k32.s32.s8.u8.s32";
  case MatrixKind::U8S8:
    return "m16n8k32.s32.u8.s8.s32";
  }
  llvm_unreachable("unknown kind of matrix instruction");
}

Type cinch::getAccumulatorType(MatrixKind kind, MLIRContext *context) {
  switch (kind) {
  case MatrixKind::F16:
  case MatrixKind::BF16:
  case MatrixKind::TF32:
    return Float32Type::get(context);
  case MatrixKind::S8:
  case MatrixKind::U8:
  case MatrixKind::S8U8:
  case MatrixKind::U8S8:
    return IntegerType::get(context, 32);
  }
  llvm_unreachable("unknown kind of matrix instruction");
}

/// The types of A and B.
static std::array<NVVM::MMATypes, 2> getOperandTypes(MatrixKind kind) {
  using NVVM::MMATypes;
  switch (kind) {
  case MatrixKind::F16:
    return {MMATypes::f16, MMATypes::f16};
  case MatrixKind::BF16:
    return {MMATypes::bf16, MMATypes::bf16};
  case MatrixKind::TF32:
    return {MMATypes::tf32, MMATypes::tf32};
  case MatrixKind::S8:
    return {MMATypes::s8, MMATypes::s8};
  case MatrixKind::U8:
    return {MMATypes::u8, MMATypes::u8};
  case MatrixKind::S8U8:
    return {MMATypes::s8, MMATypes::u8};
  case MatrixKind::U8S8:
    return {MMATypes::u8, MMATypes::s8};
  }
  llvm_unreachable("unknown kind of matrix instruction");
}

SmallVector<Value, 4> cinch::multiplyFragments(ElementEmitter &emitter,
                                               MatrixKind kind, ValueRange a,
                                               ValueRange b, ValueRange c) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  MLIRContext *context = builder.getContext();
  auto toOperands = [&](ValueRange words) {
    SmallVector<Value> operands(words);
    if (kind == MatrixKind::F16)
      for (Value &word : operands)
        word = LLVM::BitcastOp::create(
            builder, loc, VectorType::get({2}, builder.getF16Type()), word);
    return operands;
  };
  Type type = getAccumulatorType(kind, context);
  auto result =
      LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(4, type));
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (type.isInteger())
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value d = NVVM::MmaOp::create(
      builder, loc, result, toOperands(a), toOperands(b), c,
      ArrayRef<int64_t>{16, 8, getMatrixDepth(kind)},
      /*b1Op=*/std::nullopt, overflow, getOperandTypes(kind),
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  SmallVector<Value, 4> values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(builder, loc, d, i));
  return values;
}

/// Lanes 8 i ... 8 i + 7 give the rows of the i-th of four matrices of 8 rows
/// of 16 bytes. A wants them in the order (rows 0, depth 0), (8, 0), (0, 1),
/// (8, 1), two fragments of B (columns 0, depth 0), (0, 1), (8, 0), (8, 1).
FragmentReader::FragmentReader(ElementEmitter &emitter, SharedTile tile,
                               bool depthIsInner, bool isRight, Value first,
                               int64_t count, Value lane)
    : emitter(emitter), tile(tile), depthIsInner(depthIsInner) {
  Value eight = emitter.constant(8), two = emitter.constant(2);
  Value matrix = emitter.floorDiv(lane, eight);
  Value low = emitter.rem(matrix, two), high = emitter.floorDiv(matrix, two);
  Value inMatrix = emitter.rem(lane, eight);
  // The half of the 16 rows (columns) and of the depth of this lane's matrix.
  Value side = isRight ? high : low, depth = isRight ? low : high;
  Value row = emitter.add(inMatrix, emitter.mul(depth, eight));
  Value chunk = emitter.add(emitter.floorDiv(first, eight), side);
  int64_t numbers = count / 16;
  if (depthIsInner) {
    row = emitter.add(emitter.add(first, inMatrix), emitter.mul(side, eight));
    chunk = depth;
    numbers = tile.getRowBytes() / 32;
  }
  for (int64_t number = 0; number < numbers; ++number)
    offsets.push_back(tile.getChunkOffset(
        emitter, row, emitter.add(chunk, emitter.constant(2 * number))));
}

SmallVector<Value, 4> FragmentReader::read(Value base, int64_t number,
                                           int64_t step) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  MLIRContext *context = builder.getContext();
  Value address =
      movePointer(emitter, base, offsets[depthIsInner ? step : number]);
  address =
      movePointer(emitter, address,
                  16 * (depthIsInner ? number : step) * tile.getRowBytes());
  Type i32 = builder.getI32Type();
  auto result =
      LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(4, i32));
  Value words = NVVM::LdMatrixOp::create(
      builder, loc, result, address, /*num=*/4,
      depthIsInner ? NVVM::MMALayout::row : NVVM::MMALayout::col,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value, 4> values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(builder, loc, words, i));
  return values;
}
