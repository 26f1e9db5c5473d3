//===- StoredValues.cpp - values that kernels leave in memory -------------===//
//
// Kernels are formed later, from a graph that other passes have changed. So
// their rules are followed here in the large only: in reverse order, what is
// element by element joins what reads it, up to what needs a whole value. A
// value taken for stored that is not costs its rounding, and one not seen its
// bytes.
//
//===----------------------------------------------------------------------===//
#include "passes/Quantize/StoredValues.h"
#include "dialects/Graph/Graph.h"
#include "passes/Quantize/Products.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {

enum class Kind { Elementwise, Movement, Product, Rows, Other };

/// Follows the operations of one block from the last to the first.
class Finder {
public:
  SmallVector<StoredValue> find(Block &block);

private:
  /// What will share a kernel.
  struct Cluster {
    bool hasProduct = false, hasRows = false;
  };
  void markEnds(Block &block);
  bool joins(Operation *op, Kind kind, size_t cluster) const;
  bool endsProduct(Operation *op) const;
  bool isWhole(Operation *user) const;

  llvm::DenseMap<Operation *, size_t> clusterOf;
  SmallVector<Cluster> clusters;
  DenseSet<Operation *> ends; ///< computed where a product writes its result
};

} // namespace

static Kind getKind(Operation *op) {
  if (op->hasTrait<Elementwise>() || isa<QuantizeOp, DequantizeOp>(op))
    return Kind::Elementwise;
  if (isa<ReshapeOp, SqueezeOp, UnsqueezeOp, FlattenOp, TransposeOp, SliceOp,
          BroadcastOp, ConcatOp>(op))
    return Kind::Movement;
  if (isProduct(op))
    return Kind::Product;
  if (isa<LayerNormOp, RMSNormOp, SoftmaxOp, LogSoftmaxOp, ReduceSumOp,
          ReduceMeanOp, ReduceMaxOp, ReduceMinOp>(op))
    return Kind::Rows;
  return Kind::Other;
}

/// The operations that read elements of `value`.
static llvm::SetVector<Operation *> getElementReaders(Value value) {
  llvm::SetVector<Operation *> readers;
  for (Operation *user : value.getUsers())
    if (!isa<ShapeOp, SizeOp>(user))
      readers.insert(user);
  return readers;
}

/// Whether all that `use` is moved to, and scaled by constants, is of products.
static bool isOnlyForProducts(OpOperand &use,
                              function_ref<bool(OpOperand &)> isOfProduct) {
  Operation *user = use.getOwner();
  if (isOfProduct(use) || isa<QuantizeOp, ShapeOp, SizeOp>(user))
    return true;
  Kind kind = getKind(user);
  bool isScaled =
      kind == Kind::Elementwise &&
      llvm::all_of(user->getOpOperands(), [&](OpOperand &operand) {
        return &operand == &use || operand.get().getDefiningOp<ConstantOp>();
      });
  return (kind == Kind::Movement || isScaled) && !user->use_empty() &&
         llvm::all_of(user->getUses(), [&](OpOperand &next) {
           return isOnlyForProducts(next, isOfProduct);
         });
}

SmallVector<OpOperand *>
quantize::getOtherUses(Value value, bool endsProduct,
                       function_ref<bool(OpOperand &)> isOfProduct) {
  SmallVector<OpOperand *> others, forProducts;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isOfProduct(use) || !isa<GraphDialect>(user->getDialect()) ||
        isa<QuantizeOp, ShapeOp, SizeOp>(user))
      continue;
    (isOnlyForProducts(use, isOfProduct) ? forProducts : others)
        .push_back(&use);
  }
  if (endsProduct && !others.empty())
    others.append(forProducts);
  return others;
}

/// Products, and what follows them element by element.
void Finder::markEnds(Block &block) {
  for (Operation &op : block) {
    Kind kind = getKind(&op);
    bool follows =
        kind == Kind::Elementwise &&
        llvm::any_of(op.getOperands(), [&](Value operand) {
          Operation *producer = operand.getDefiningOp();
          return producer && ends.contains(producer) &&
                 cast<ShapedType>(operand.getType()).getShape() ==
                     cast<ShapedType>(op.getResult(0).getType()).getShape();
        });
    if (kind == Kind::Product || follows)
      ends.insert(&op);
  }
}

/// Whether `user`, or what it only moves elements to, multiplies or otherwise
/// needs its operand in memory.
bool Finder::isWhole(Operation *user) const {
  switch (getKind(user)) {
  case Kind::Elementwise:
  case Kind::Rows:
    return false;
  case Kind::Product:
  case Kind::Other:
    return true;
  case Kind::Movement: // what is joined is part of what that stores
    return !isa<ConcatOp>(user) &&
           llvm::any_of(user->getResult(0).getUsers(),
                        [&](Operation *next) { return isWhole(next); });
  }
  llvm_unreachable("unknown kind");
}

/// Whether `op` is computed where a product writes its result, which no other
/// kernel reads.
bool Finder::endsProduct(Operation *op) const {
  return ends.contains(op) &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           Operation *producer = operand.getDefiningOp();
           return producer && ends.contains(producer) &&
                  llvm::all_of(producer->getUsers(), [&](Operation *user) {
                    return user == op || !clusterOf.contains(user);
                  });
         });
}

/// Whether `op` is computed in the kernel of all that reads it.
bool Finder::joins(Operation *op, Kind kind, size_t number) const {
  const Cluster &cluster = clusters[number];
  auto users = op->getResult(0).getUsers();
  if (llvm::any_of(users, [&](Operation *user) { return isWhole(user); }))
    return kind == Kind::Movement && !isa<ConcatOp>(op);
  switch (kind) {
  case Kind::Product:
    return !cluster.hasProduct && !cluster.hasRows &&
           llvm::none_of(users, [](Operation *user) {
             return getKind(user) == Kind::Movement;
           });
  case Kind::Rows:
    return !cluster.hasProduct;
  case Kind::Elementwise:
    return !(cluster.hasProduct || cluster.hasRows) || !endsProduct(op);
  case Kind::Movement:
    return true;
  case Kind::Other:
    return false;
  }
  llvm_unreachable("unknown kind");
}

/// Whether a softmax reads `value`, or what is computed from it element by
/// element: its exponentials magnify errors, and it is not stored in an
/// attention.
static bool feedsSoftmax(Value value, unsigned depth = 0) {
  constexpr unsigned maxDepth = 8;
  return depth < maxDepth &&
         llvm::any_of(
             value.getUsers(),
             [&](Operation *user) {
               if (isa<SoftmaxOp, LogSoftmaxOp>(user))
                 return true;
               Kind kind = getKind(user);
               return (kind == Kind::Elementwise || kind == Kind::Movement) &&
                      feedsSoftmax(user->getResult(0), depth + 1);
             });
}

/// Whether channels are axis 1: what convolutions and pools read and write.
static bool isImage(Value value, unsigned depth = 0) {
  constexpr unsigned maxDepth = 8;
  auto isOfImages = [](Operation *op) {
    return isa<ConvOp, ConvTransposeOp, MaxPoolOp, AveragePoolOp, BatchNormOp,
               ResizeOp>(op);
  };
  if (llvm::any_of(value.getUsers(), isOfImages))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op || depth == maxDepth)
    return false;
  if (isOfImages(op))
    return true;
  return getKind(op) == Kind::Elementwise &&
         llvm::any_of(op->getOperands(), [&](Value operand) {
           auto type = dyn_cast<RankedTensorType>(operand.getType());
           return type &&
                  type.getRank() ==
                      cast<ShapedType>(value.getType()).getRank() &&
                  isImage(operand, depth + 1);
         });
}

/// The value whose elements `value` has in another order.
static Value skipMovement(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (getKind(op) != Kind::Movement || isa<ConcatOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

static std::optional<StoredValue> describe(Value value,
                                           const DenseSet<Operation *> &ends) {
  Operation *op = value.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type || type.getRank() < 2 || !type.getElementType().isF32() ||
      isa<ConstantOp, SoftmaxOp, DequantizeOp>(op) ||
      llvm::any_of(value.getUsers(), llvm::IsaPred<func::ReturnOp>) ||
      getValueName(value).empty() || feedsSoftmax(value))
    return std::nullopt;
  unsigned axis = isImage(value) ? 1 : type.getRank() - 1;
  if (type.isDynamicDim(axis))
    return std::nullopt;
  return StoredValue{value, axis, ends.contains(op)};
}

SmallVector<StoredValue> Finder::find(Block &block) {
  markEnds(block);
  llvm::SetVector<Value> values;
  for (Operation &operation : llvm::reverse(block)) {
    Operation *op = &operation;
    if (op->getNumResults() != 1 || isa<ConstantOp>(op) ||
        !isa<GraphDialect>(op->getDialect()))
      continue;
    Kind kind = getKind(op);
    llvm::SetVector<Operation *> readers = getElementReaders(op->getResult(0));
    std::optional<size_t> number;
    for (Operation *reader : readers) {
      auto found = clusterOf.find(reader);
      bool isFirst = reader == readers.front();
      if (found == clusterOf.end() || (!isFirst && number != found->second)) {
        number.reset();
        break;
      }
      number = found->second;
    }
    if (!number || !joins(op, kind, *number)) {
      number = clusters.size();
      clusters.emplace_back();
      if (!readers.empty())
        values.insert(skipMovement(op->getResult(0)));
    }
    clusterOf[op] = *number;
    clusters[*number].hasProduct |= kind == Kind::Product;
    clusters[*number].hasRows |= kind == Kind::Rows;
  }
  SmallVector<StoredValue> stored;
  for (Operation &op : block)
    for (Value result : op.getResults())
      if (values.contains(result))
        if (std::optional<StoredValue> value = describe(result, ends))
          stored.push_back(*value);
  return stored;
}

SmallVector<StoredValue> quantize::getStoredValues(func::FuncOp function) {
  return Finder().find(function.front());
}
