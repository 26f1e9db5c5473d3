//===- ModelHash.cpp - which model statistics are of ----------------------===//
#include "passes/Quantize/ModelHash.h"
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {

/// A hash of pieces in order.
class Hash {
public:
  void add(StringRef piece) {
    char pair[16];
    llvm::support::endian::write64le(pair, state);
    llvm::support::endian::write64le(pair + 8, llvm::xxh3_64bits(piece));
    state = llvm::xxh3_64bits(StringRef(pair, sizeof(pair)));
  }
  std::string str() const {
    return llvm::utohexstr(state, /*LowerCase=*/true, /*Width=*/16);
  }

private:
  uint64_t state = 0;
};

} // namespace

static bool isFloat(Value value) {
  return isa<RankedTensorType>(value.getType()) &&
         isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

static llvm::Error addConstant(TypedAttr value, Hash &hash) {
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes = getConstantBytes(value, storage);
  if (!bytes)
    return bytes.takeError();
  hash.add({bytes->data(), bytes->size()});
  return llvm::Error::success();
}

llvm::Expected<std::string> quantize::hashModel(func::FuncOp function) {
  Hash hash;
  llvm::Error error = llvm::Error::success();
  auto addValue = [&](Value value) {
    if (!isFloat(value))
      return;
    std::string type;
    llvm::raw_string_ostream(type) << getElementTypeOrSelf(value.getType());
    hash.add(type);
    TypedAttr constant = getConstantValue(value);
    if (constant && !error)
      error = addConstant(constant, hash);
    else
      hash.add(getValueName(value));
  };
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool concerns = llvm::any_of(op->getResults(), isFloat) ||
                    llvm::any_of(op->getOperands(), isFloat);
    if (isa<ConstantOp>(op) || !concerns)
      return;
    hash.add(op->getName().getStringRef());
    for (NamedAttribute attribute : op->getAttrs()) {
      if (attribute.getName() == "names")
        continue;
      std::string text;
      llvm::raw_string_ostream(text) << attribute.getValue();
      hash.add(attribute.getName().getValue());
      hash.add(text);
    }
    llvm::for_each(op->getOperands(), addValue);
    llvm::for_each(op->getResults(), addValue);
  });
  if (error)
    return error;
  return hash.str();
}
