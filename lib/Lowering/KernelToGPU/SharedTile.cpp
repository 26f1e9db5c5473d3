//===- SharedTile.cpp - tiles of matrices in shared memory ----------------===//
#include "lib/Lowering/KernelToGPU/SharedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t chunkBytes = 16, bankBytes = 128;
static constexpr unsigned sharedSpace = unsigned(NVVM::NVVMMemorySpace::Shared);

Value SharedTile::getChunkOffset(ElementEmitter &emitter, Value row,
                                 Value chunk) const {
  Value place = chunk;
  if (isSwizzled) {
    int64_t rowChunks = getRowBytes() / chunkBytes;
    int64_t swizzled = std::min(rowChunks, bankBytes / chunkBytes);
    int64_t rowsPerLine = std::max<int64_t>(bankBytes / getRowBytes(), 1);
    Value line = emitter.floorDiv(row, emitter.constant(rowsPerLine));
    place =
        arith::XOrIOp::create(emitter.builder, emitter.loc, chunk,
                              emitter.rem(line, emitter.constant(swizzled)));
  }
  return emitter.add(emitter.mul(row, emitter.constant(getRowBytes())),
                     emitter.mul(place, emitter.constant(chunkBytes)));
}

Value SharedTile::getElementOffset(ElementEmitter &emitter, Value row,
                                   Value column) const {
  Value perChunk = emitter.constant(chunkBytes * 8 / elementBits);
  Value chunk = emitter.floorDiv(column, perChunk);
  Value inside = emitter.rem(column, perChunk);
  inside = elementBits < 8
               ? emitter.floorDiv(inside, emitter.constant(8 / elementBits))
               : emitter.mul(inside, emitter.constant(elementBits / 8));
  return emitter.add(getChunkOffset(emitter, row, chunk), inside);
}

Value cinch::getSharedPool(ElementEmitter &emitter) {
  OpBuilder &builder = emitter.builder;
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.getInsertionBlock();
  while (!isa<func::FuncOp>(block->getParentOp()))
    block = block->getParentOp()->getBlock();
  auto module = block->getParentOp()->getParentOfType<ModuleOp>();
  StringRef name = "cinch_shared_pool";
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    builder.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(
        builder, module.getLoc(),
        LLVM::LLVMArrayType::get(builder.getI8Type(), 0), /*isConstant=*/false,
        LLVM::Linkage::External, name, Attribute(), /*alignment=*/chunkBytes,
        sharedSpace);
  }
  builder.setInsertionPointToStart(block);
  return LLVM::AddressOfOp::create(builder, emitter.loc, global);
}

Value cinch::movePointer(ElementEmitter &emitter, Value pointer, Value bytes) {
  if (auto number = getConstantIntValue(bytes))
    return movePointer(emitter, pointer, *number);
  OpBuilder &builder = emitter.builder;
  Value word = arith::IndexCastOp::create(builder, emitter.loc,
                                          builder.getI64Type(), bytes);
  return LLVM::GEPOp::create(builder, emitter.loc, pointer.getType(),
                             builder.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{word});
}

Value cinch::movePointer(ElementEmitter &emitter, Value pointer,
                         int64_t bytes) {
  if (bytes == 0)
    return pointer;
  return LLVM::GEPOp::create(
      emitter.builder, emitter.loc, pointer.getType(),
      emitter.builder.getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

SmallVector<Value> cinch::loadTogether(ElementEmitter &emitter, Type type,
                                       Value pointer, int64_t count) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  int64_t bytes = count * type.getIntOrFloatBitWidth() / 8;
  if (count == 1)
    return {LLVM::LoadOp::create(builder, loc, type, pointer, bytes)};
  Value vector = LLVM::LoadOp::create(
      builder, loc, VectorType::get({count}, type), pointer, bytes);
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractElementOp::create(
        builder, loc, vector,
        LLVM::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(i))));
  return values;
}

void cinch::storeTogether(ElementEmitter &emitter, ValueRange values,
                          Value pointer) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  Type type = values.front().getType();
  int64_t count = values.size();
  int64_t bytes = count * type.getIntOrFloatBitWidth() / 8;
  Value whole = values.front();
  if (count > 1) {
    whole =
        LLVM::PoisonOp::create(builder, loc, VectorType::get({count}, type));
    for (auto [i, value] : llvm::enumerate(values))
      whole = LLVM::InsertElementOp::create(
          builder, loc, whole, value,
          LLVM::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(i)));
  }
  LLVM::StoreOp::create(builder, loc, whole, pointer, bytes);
}
