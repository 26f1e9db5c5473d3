//===- MatrixFragments.cpp - operands of matrix instructions --------------===//
#include "lib/Lowering/KernelToGPU/MatrixFragments.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

namespace {
/// An instruction: the types of A and B as PTX spells them, and its depth.
struct MatrixInstruction {
  const char *a, *b;
  int64_t depth;

  bool isOfIntegers() const { return *a == 's' || *a == 'u'; }
  /// NVVM has no operation for floats of 8 bits.
  bool isOfBytes() const { return *a == 'e'; }
  const char *getSumType() const { return isOfIntegers() ? "s32" : "f32"; }
};
} // namespace

static MatrixInstruction getInstruction(MatrixKind kind) {
  switch (kind) {
  case MatrixKind::F16:
    return {"f16", "f16", 16};
  case MatrixKind::BF16:
    return {"bf16", "bf16", 16};
  case MatrixKind::TF32:
    return {"tf32", "tf32", 8};
  case MatrixKind::S8:
    return {"s8", "s8", 32};
  case MatrixKind::U8:
    return {"u8", "u8", 32};
  case MatrixKind::S8U8:
    return {"s8", "u8", 32};
  case MatrixKind::U8S8:
    return {"u8", "s8", 32};
  case MatrixKind::S4:
    return {"s4", "s4", 64};
  case MatrixKind::U4:
    return {"u4", "u4", 64};
  case MatrixKind::S4U4:
    return {"s4", "u4", 64};
  case MatrixKind::U4S4:
    return {"u4", "s4", 64};
  case MatrixKind::E4M3:
    return {"e4m3", "e4m3", 32};
  case MatrixKind::E5M2:
    return {"e5m2", "e5m2", 32};
  case MatrixKind::E4M3E5M2:
    return {"e4m3", "e5m2", 32};
  case MatrixKind::E5M2E4M3:
    return {"e5m2", "e4m3", 32};
  }
  llvm_unreachable("unknown kind of matrix instruction");
}

int64_t cinch::getMatrixDepth(MatrixKind kind) {
  return getInstruction(kind).depth;
}

/// Such as "f32.f16.f16.f32".
static std::string getTypes(const MatrixInstruction &instruction) {
  StringRef sum = instruction.getSumType();
  return (sum + "." + instruction.a + "." + instruction.b + "." + sum).str();
}

std::string cinch::getMatrixName(MatrixKind kind) {
  MatrixInstruction instruction = getInstruction(kind);
  return "m16n8k" + std::to_string(instruction.depth) + "." +
         getTypes(instruction);
}

Type cinch::getAccumulatorType(MatrixKind kind, MLIRContext *context) {
  return getInstruction(kind).isOfIntegers()
             ? Type(IntegerType::get(context, 32))
             : Type(Float32Type::get(context));
}

/// The instruction as text, for floats of 8 bits.
static Value multiplyBytes(ElementEmitter &emitter,
                           const MatrixInstruction &instruction, Type result,
                           ValueRange a, ValueRange b, ValueRange c) {
  std::string text =
      "mma.sync.aligned.m16n8k" + std::to_string(instruction.depth) +
      ".row.col." + getTypes(instruction) +
      " {$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};";
  SmallVector<Value> operands(a);
  llvm::append_range(operands, b);
  llvm::append_range(operands, c);
  auto assembly = LLVM::InlineAsmOp::create(
      emitter.builder, emitter.loc, result, operands, text,
      "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f", /*has_side_effects=*/false,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      /*asm_dialect=*/nullptr, /*operand_attrs=*/nullptr);
  return assembly.getRes();
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
  MatrixInstruction instruction = getInstruction(kind);
  auto typeOf = [](StringRef name) { return *NVVM::symbolizeMMATypes(name); };
  Value d = instruction.isOfBytes()
                ? multiplyBytes(emitter, instruction, result, a, b, c)
                : NVVM::MmaOp::create(
                      builder, loc, result, toOperands(a), toOperands(b), c,
                      ArrayRef<int64_t>{16, 8, instruction.depth},
                      /*b1Op=*/std::nullopt, overflow,
                      std::array<NVVM::MMATypes, 2>{typeOf(instruction.a),
                                                    typeOf(instruction.b)},
                      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                                     NVVM::MMALayout::col})
                      .getResult();
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
