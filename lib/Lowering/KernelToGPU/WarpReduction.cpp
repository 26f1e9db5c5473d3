//===- WarpReduction.cpp - one value of what threads have -----------------===//
#include "lib/Lowering/KernelToGPU/WarpReduction.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

SmallVector<Operation *> cinch::getCombiners(linalg::GenericOp op) {
  SmallVector<Operation *> combiners;
  for (unsigned number = 0; number < op.getNumDpsInits(); ++number) {
    SmallVector<Operation *> chain;
    if (!matchReduction(op.getRegionOutputArgs(), number, chain) ||
        chain.size() != 1 || !arith::getNeutralElement(chain.front()))
      return {};
    combiners.push_back(chain.front());
  }
  return combiners;
}

Value cinch::getNeutral(ElementEmitter &emitter, Operation *combiner) {
  return arith::ConstantOp::create(emitter.builder, emitter.loc,
                                   *arith::getNeutralElement(combiner));
}

Value cinch::combine(ElementEmitter &emitter, Operation *combiner, Value a,
                     Value b) {
  Operation *copy = emitter.builder.clone(*combiner);
  copy->setOperands({a, b});
  return copy->getResult(0);
}

/// The same for an i32.
static Value shuffleWord(ElementEmitter &emitter, Value word, int64_t mask) {
  OpBuilder &builder = emitter.builder;
  auto constant = [&](int64_t value) {
    return arith::ConstantIntOp::create(builder, emitter.loc, value, 32);
  };
  return NVVM::ShflOp::create(builder, emitter.loc, builder.getI32Type(),
                              constant(-1), word, constant(mask), constant(31),
                              NVVM::ShflKind::bfly, UnitAttr());
}

Value cinch::shuffleXor(ElementEmitter &emitter, Value value, int64_t mask) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  Type type = value.getType(), i32 = builder.getI32Type();
  if (type.isIndex()) {
    Value word =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
    return arith::IndexCastOp::create(builder, loc, type,
                                      shuffleXor(emitter, word, mask));
  }
  unsigned bits = type.getIntOrFloatBitWidth();
  Type integer = builder.getIntegerType(bits);
  if (type != integer)
    value = arith::BitcastOp::create(builder, loc, integer, value);
  if (bits == 32) {
    value = shuffleWord(emitter, value, mask);
  } else if (bits < 32) {
    value = arith::ExtUIOp::create(builder, loc, i32, value);
    value = arith::TruncIOp::create(builder, loc, integer,
                                    shuffleWord(emitter, value, mask));
  } else {
    Value half = arith::ConstantIntOp::create(builder, loc, 32, 64);
    Value low = arith::TruncIOp::create(builder, loc, i32, value);
    Value high = arith::TruncIOp::create(
        builder, loc, i32, arith::ShRUIOp::create(builder, loc, value, half));
    low = arith::ExtUIOp::create(builder, loc, integer,
                                 shuffleWord(emitter, low, mask));
    high = arith::ExtUIOp::create(builder, loc, integer,
                                  shuffleWord(emitter, high, mask));
    value = arith::OrIOp::create(
        builder, loc, low, arith::ShLIOp::create(builder, loc, high, half));
  }
  return type == integer
             ? value
             : arith::BitcastOp::create(builder, loc, type, value).getResult();
}

Value cinch::reduceWarp(ElementEmitter &emitter, Operation *combiner,
                        Value value) {
  for (int64_t mask = warpSize / 2; mask > 0; mask /= 2)
    value = combine(emitter, combiner, value, shuffleXor(emitter, value, mask));
  return value;
}

Value cinch::allocateShared(ElementEmitter &emitter, Type element,
                            int64_t count) {
  OpBuilder &builder = emitter.builder;
  Operation *function = builder.getInsertionBlock()->getParentOp();
  while (!isa<func::FuncOp>(function))
    function = function->getParentOp();
  auto module = function->getParentOfType<ModuleOp>();
  std::string name = (cast<func::FuncOp>(function).getName() + ".shared").str();
  int number = 0;
  while (module.lookupSymbol(name + std::to_string(number)))
    ++number;
  OpBuilder atModule(module.getBodyRegion());
  atModule.setInsertionPointToStart(module.getBody());
  constexpr auto sharedSpace =
      static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared);
  auto global = LLVM::GlobalOp::create(
      atModule, emitter.loc,
      LLVM::LLVMArrayType::get(getMemoryType(element), count),
      /*isConstant=*/false, LLVM::Linkage::Internal,
      name + std::to_string(number), Attribute(), /*alignment=*/16,
      sharedSpace);
  Value address = LLVM::AddressOfOp::create(builder, emitter.loc, global);
  return LLVM::AddrSpaceCastOp::create(
      builder, emitter.loc, LLVM::LLVMPointerType::get(builder.getContext()),
      address);
}

Value cinch::reduceBlock(ElementEmitter &emitter, Operation *combiner,
                         Value value, Value thread, int64_t threads) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  Type type = value.getType();
  value = reduceWarp(emitter, combiner, value);
  int64_t warps = threads / warpSize;
  if (warps == 1)
    return value;
  Value parts = allocateShared(emitter, type, warps);
  Value size = emitter.constant(warpSize);
  Value warp = emitter.floorDiv(thread, size), lane = emitter.rem(thread, size);
  auto isFirst = [&](Value number, int64_t limit) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult,
                                 number, emitter.constant(limit));
  };
  {
    OpBuilder::InsertionGuard guard(builder);
    auto branch = scf::IfOp::create(builder, loc, isFirst(lane, 1),
                                    /*withElseRegion=*/false);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    emitter.store(value, parts, warp);
  }
  NVVM::Barrier0Op::create(builder, loc);
  // Every warp combines them: nobody waits for another one again.
  Value part =
      emitter.load(type, parts, emitter.min(lane, emitter.constant(warps - 1)));
  part = arith::SelectOp::create(builder, loc, isFirst(lane, warps), part,
                                 getNeutral(emitter, combiner));
  return reduceWarp(emitter, combiner, part);
}
