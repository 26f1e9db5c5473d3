//===- ExprEmitter.cpp - expressions as code
//-----------------------------------===//
//
// Walks the text form, the one public view of an expression: sums of products
// of integers, symbols and functions.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/ExecToLLVM/ExprEmitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace cinch;

namespace {

class Emitter {
public:
  Emitter(OpBuilder &builder, Location loc, StringRef text,
          llvm::function_ref<Value(StringRef)> getSymbol)
      : builder(builder), loc(loc), text(text), getSymbol(getSymbol),
        type(builder.getI64Type()) {}

  Value emitSum() {
    bool isNegative = take('-');
    Value sum = emitProduct();
    if (isNegative)
      sum = make<LLVM::SubOp>(constant(0), sum);
    while (true) {
      if (take('+'))
        sum = make<LLVM::AddOp>(sum, emitProduct());
      else if (take('-'))
        sum = make<LLVM::SubOp>(sum, emitProduct());
      else
        return sum;
    }
  }

private:
  bool take(char c) {
    text = text.ltrim();
    return text.consume_front(StringRef(&c, 1));
  }
  template <typename Op> Value make(Value a, Value b) {
    return Op::create(builder, loc, type, a, b);
  }
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type,
                                    builder.getI64IntegerAttr(value));
  }
  Value emitProduct() {
    Value product = emitFactor();
    while (take('*'))
      product = make<LLVM::MulOp>(product, emitFactor());
    return product;
  }
  Value emitFactor();
  Value emitFunction(StringRef name, Value a, Value b);
  Value emitFloorDiv(Value a, Value b);

  OpBuilder &builder;
  Location loc;
  StringRef text;
  llvm::function_ref<Value(StringRef)> getSymbol;
  Type type;
};

} // namespace

Value Emitter::emitFactor() {
  if (take('(')) {
    Value sum = emitSum();
    take(')');
    return sum;
  }
  if (take('-'))
    return make<LLVM::SubOp>(constant(0), emitFactor());
  int64_t number;
  if (!text.consumeInteger(10, number))
    return constant(number);
  StringRef name =
      text.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
  text = text.drop_front(name.size());
  assert(!name.empty() && "the text of an expression");
  if (!take('('))
    return getSymbol(name);
  Value a = emitSum();
  take(',');
  Value b = emitSum();
  take(')');
  return emitFunction(name, a, b);
}

/// The quotient rounded towards minus infinity.
Value Emitter::emitFloorDiv(Value a, Value b) {
  Value zero = constant(0);
  Value quotient = make<LLVM::SDivOp>(a, b), rest = make<LLVM::SRemOp>(a, b);
  Value isInexact =
      LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, rest, zero);
  Value signs = make<LLVM::XOrOp>(rest, b);
  Value isOpposite =
      LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::slt, signs, zero);
  Value isLower = LLVM::AndOp::create(builder, loc, isInexact, isOpposite);
  Value less = make<LLVM::SubOp>(quotient, constant(1));
  return LLVM::SelectOp::create(builder, loc, isLower, less, quotient);
}

Value Emitter::emitFunction(StringRef name, Value a, Value b) {
  if (name == "min")
    return LLVM::SMinOp::create(builder, loc, a, b);
  if (name == "max")
    return LLVM::SMaxOp::create(builder, loc, a, b);
  Value isZero = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, b,
                                      constant(0));
  b = LLVM::SelectOp::create(builder, loc, isZero, constant(1), b);
  if (name == "floordiv")
    return emitFloorDiv(a, b);
  Value zero = constant(0);
  if (name == "ceildiv") {
    Value negated = emitFloorDiv(make<LLVM::SubOp>(zero, a), b);
    return make<LLVM::SubOp>(zero, negated);
  }
  assert(name == "mod" && "a function of expressions");
  return make<LLVM::SubOp>(a, make<LLVM::MulOp>(emitFloorDiv(a, b), b));
}

Value cinch::emitExpr(OpBuilder &builder, Location loc, const plan::Expr &expr,
                      llvm::function_ref<Value(StringRef)> getSymbol) {
  std::string text = expr.str();
  return Emitter(builder, loc, text, getSymbol).emitSum();
}
