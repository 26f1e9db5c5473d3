//===- DotProducts.cpp - products of 8-bit integers on a CPU --------------===//
//
// A few rows of A times a few vectors of columns of B, summed in registers over
// the whole depth. `vpdpbusd` adds four products of an unsigned and a signed
// byte to each i32, without saturation; of two signed operands one is shifted
// by 128, which the caller takes back. Without it, bytes become 16 bits, of
// which `vpmaddwd` adds the products of pairs, and the halves of four are added
// at the end. Both are exact.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/DotProducts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace cinch;

DotProducts cinch::getDotProducts(ArrayRef<std::string> features) {
  auto has = [&](StringRef name) {
    return llvm::is_contained(features, name.str());
  };
  if (has("avx512vnni") && has("avx512bw"))
    return DotProducts::Avx512Vnni;
  if (has("avx512bw"))
    return DotProducts::Avx512;
  if (has("avxvnni"))
    return DotProducts::AvxVnni;
  return has("avx2") ? DotProducts::Avx2 : DotProducts::None;
}

DotProduct DotProduct::get(DotProducts target, bool isLhsSigned,
                           bool isRhsSigned) {
  bool hasBytes =
      target == DotProducts::AvxVnni || target == DotProducts::Avx512Vnni;
  // Two unsigned operands need a shift of both.
  return {/*columns=*/0, /*rowDepth=*/0, isLhsSigned, isRhsSigned,
          /*isWide=*/!hasBytes || (!isLhsSigned && !isRhsSigned)};
}

namespace {

/// Emits one function.
class DotEmitter {
public:
  DotEmitter(OpBuilder &builder, Location loc, DotProducts target,
             const DotProduct &product)
      : b(builder), loc(loc), product(product),
        bits(target == DotProducts::Avx512 || target == DotProducts::Avx512Vnni
                 ? 512
                 : 256) {}

  void emit(Block *entry);

private:
  /// Columns that one vector of B has, and vectors that are summed at once.
  int64_t vectorColumns() const { return bits / (product.isWide ? 64 : 32); }
  int64_t numVectors() const;
  int64_t maxRows() const { return product.isWide && bits == 256 ? 4 : 6; }
  Type vector(int64_t count, unsigned width) const {
    return VectorType::get({count}, b.getIntegerType(width));
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value mul(Value x, int64_t y) {
    return arith::MulIOp::create(b, loc, x, index(y));
  }
  Value address(Value base, Value bytes);
  Value load(Type type, Value at, unsigned alignment) {
    return LLVM::LoadOp::create(b, loc, type, at, alignment);
  }
  Value splat(Value scalar, int64_t count);
  Value shuffle(Value x, Value y, ArrayRef<int32_t> mask) {
    return LLVM::ShuffleVectorOp::create(b, loc, x, y, mask);
  }
  Value loadLhs(Value at);
  Value loadRhs(Value at);
  Value multiply(Value sum, Value lhs, Value rhs);
  void emitRows(int64_t numRows, Value row);
  void emitBlock(int64_t numRows, Value row, Value column);
  void addToResult(int64_t numRows, Value row, Value column, ValueRange sums);

  OpBuilder &b;
  Location loc;
  const DotProduct &product;
  const unsigned bits;
  Value lhs, rhs, result, depth;
};

} // namespace

int64_t DotEmitter::numVectors() const {
  int64_t inBlock = product.columns / vectorColumns();
  int64_t limit = bits == 512 ? 4 : 2;
  while (inBlock % limit != 0 || (product.isWide && limit % 2 != 0))
    --limit;
  return limit;
}

Value DotEmitter::address(Value base, Value bytes) {
  Value offset = arith::IndexCastOp::create(b, loc, b.getI64Type(), bytes);
  return LLVM::GEPOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext()), b.getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{offset}, LLVM::GEPNoWrapFlags::inbounds);
}

Value DotEmitter::splat(Value scalar, int64_t count) {
  Type type = VectorType::get({count}, scalar.getType());
  Value none = LLVM::PoisonOp::create(b, loc, type);
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 64);
  Value first = LLVM::InsertElementOp::create(b, loc, none, scalar, zero);
  return shuffle(first, none, SmallVector<int32_t>(count, 0));
}

/// Four elements of a row, for every column of a vector.
Value DotEmitter::loadLhs(Value at) {
  unsigned width = product.isWide ? 64 : 32;
  Value four = load(b.getIntegerType(width), at, width / 8);
  Type type = product.isWide ? vector(bits / 16, 16) : vector(bits / 8, 8);
  return LLVM::BitcastOp::create(b, loc, type, splat(four, bits / width));
}

Value DotEmitter::loadRhs(Value at) {
  int64_t numBytes = vectorColumns() * dotDepth;
  Value bytes = load(vector(numBytes, 8), at, /*alignment=*/16);
  if (!product.isWide)
    return bytes;
  if (product.isRhsSigned)
    return arith::ExtSIOp::create(b, loc, vector(numBytes, 16), bytes);
  return arith::ExtUIOp::create(b, loc, vector(numBytes, 16), bytes);
}

/// Adds the products of four elements of the depth for each column; of wide
/// ones, in two neighbouring sums.
Value DotEmitter::multiply(Value sum, Value lhs, Value rhs) {
  auto call = [&](StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, sum.getType(),
                                         b.getStringAttr(name), operands)
        .getResult(0);
  };
  if (product.isWide)
    return add(sum, call(bits == 512 ? "llvm.x86.avx512.pmaddw.d.512"
                                     : "llvm.x86.avx2.pmadd.wd",
                         {lhs, rhs}));
  // The unsigned operand comes first.
  if (!product.isRhsSigned)
    std::swap(lhs, rhs);
  return call(bits == 512 ? "llvm.x86.avx512.vpdpbusd.512"
                          : "llvm.x86.avx512.vpdpbusd.256",
              {sum, lhs, rhs});
}

/// Adds the sums of rows and vectors of columns to C.
void DotEmitter::addToResult(int64_t numRows, Value row, Value column,
                             ValueRange sums) {
  int64_t width = product.isWide ? 2 : 1; // vectors of sums for one of columns
  int64_t lanes = bits / 32, count = numVectors();
  SmallVector<int32_t> even, odd;
  for (int32_t lane = 0; lane < lanes; ++lane) {
    even.push_back(2 * lane);
    odd.push_back(2 * lane + 1);
  }
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t v = 0; v < count; v += width) {
      Value total = sums[i * count + v];
      if (product.isWide) {
        Value next = sums[i * count + v + 1];
        total = add(shuffle(total, next, even), shuffle(total, next, odd));
      }
      Value place = add(mul(add(row, index(i)), product.columns),
                        add(column, index(v / width * lanes)));
      Value at = address(result, mul(place, sizeof(int32_t)));
      Value old = load(total.getType(), at, /*alignment=*/32);
      LLVM::StoreOp::create(b, loc, add(old, total), at, /*alignment=*/32);
    }
}

/// `numRows` rows from `row` on times the vectors of columns from `column` on.
void DotEmitter::emitBlock(int64_t numRows, Value row, Value column) {
  int64_t count = numVectors(), unit = product.isWide ? 2 : 1;
  Type sumType = vector(bits / 32, 32);
  Value zero = arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(cast<ShapedType>(sumType), 0));
  Value first = address(lhs, mul(row, product.rowDepth * unit));
  Value columns = address(rhs, mul(column, dotDepth));
  auto loop = scf::ForOp::create(b, loc, index(0), depth, index(1),
                                 SmallVector<Value>(numRows * count, zero));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> sums(loop.getRegionIterArgs());
    Value step = loop.getInductionVar();
    Value aStep = address(first, mul(step, dotDepth * unit));
    Value bStep = address(columns, mul(step, product.columns * dotDepth));
    SmallVector<Value> right;
    for (int64_t v = 0; v < count; ++v)
      right.push_back(
          loadRhs(address(bStep, index(v * vectorColumns() * dotDepth))));
    for (int64_t i = 0; i < numRows; ++i) {
      Value left = loadLhs(address(aStep, index(i * product.rowDepth * unit)));
      for (int64_t v = 0; v < count; ++v)
        sums[i * count + v] = multiply(sums[i * count + v], left, right[v]);
    }
    scf::YieldOp::create(b, loc, sums);
  }
  addToResult(numRows, row, column, loop.getResults());
}

void DotEmitter::emitRows(int64_t numRows, Value row) {
  int64_t width = numVectors() * vectorColumns();
  if (width == product.columns)
    return emitBlock(numRows, row, index(0));
  auto loop = scf::ForOp::create(b, loc, index(0), index(product.columns),
                                 index(width));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  emitBlock(numRows, row, loop.getInductionVar());
}

void DotEmitter::emit(Block *entry) {
  lhs = entry->getArgument(0);
  rhs = entry->getArgument(1);
  result = entry->getArgument(2);
  depth = entry->getArgument(4);
  Value rows = entry->getArgument(3);
  b.setInsertionPointToStart(entry);
  int64_t step = maxRows();
  Value rest = arith::RemUIOp::create(b, loc, rows, index(step));
  Value whole = arith::SubIOp::create(b, loc, rows, rest);
  {
    OpBuilder::InsertionGuard guard(b);
    auto loop = scf::ForOp::create(b, loc, index(0), whole, index(step));
    b.setInsertionPointToStart(loop.getBody());
    emitRows(step, loop.getInductionVar());
  }
  for (int64_t count = 1; count < step; ++count) {
    Value isRest = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rest,
                                         index(count));
    auto choice = scf::IfOp::create(b, loc, isRest, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    emitRows(count, whole);
  }
  func::ReturnOp::create(b, loc);
}

func::FuncOp cinch::getDotFunction(ModuleOp module, DotProducts target,
                                   const DotProduct &product) {
  std::string name = llvm::formatv(
      "cinch.dot.{0}{1}{2}.{3}.{4}", product.isLhsSigned ? "s8" : "u8",
      product.isRhsSigned ? "s8" : "u8", product.isWide ? ".wide" : "",
      product.columns, product.rowDepth);
  if (auto known = module.lookupSymbol<func::FuncOp>(name))
    return known;
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  Type index = b.getIndexType();
  auto function = func::FuncOp::create(
      b, module.getLoc(), name,
      b.getFunctionType({pointer, pointer, pointer, index, index}, {}));
  function->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(module.getContext(), LLVM::Linkage::Internal));
  for (unsigned argument : {0, 1, 2})
    function.setArgAttr(argument, LLVM::LLVMDialect::getNoAliasAttrName(),
                        b.getUnitAttr());
  DotEmitter(b, module.getLoc(), target, product)
      .emit(function.addEntryBlock());
  return function;
}
