//===- InPlace.cpp - which inputs of a kernel its results may replace -----===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/Program.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

namespace {

/// Follows the reads of the inputs of one body.
struct PlaceCheck {
  /// True if every use of `value`, which has the shape of the result, is at the
  /// place that is written, or of the row that is written.
  bool isAligned(Value value, bool isRow = false);
  OpOperand *queries = nullptr; ///< whose rows are at the rows of the result
  DenseMap<Value, bool> known;
};

} // namespace

static ArrayRef<int64_t> getShape(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

/// True if `map` reads each axis at the loop at which `space` has it, or at 0.
static bool readsOwnRow(AffineMap map, AffineMap space) {
  if (map.getNumResults() != space.getNumResults())
    return false;
  return llvm::all_of(
      llvm::zip(map.getResults(), space.getResults()), [](auto pair) {
        auto [place, spacePlace] = pair;
        return place == spacePlace || isa<AffineConstantExpr>(place);
      });
}

/// The map of the first operand that a reduction reads in full: the space of
/// its rows.
static AffineMap getSpaceMap(linalg::GenericOp reduction) {
  for (AffineMap map : reduction.getIndexingMapsArray())
    if (map.isPermutation())
      return map;
  return reduction.getIndexingMapsArray().front();
}

bool PlaceCheck::isAligned(Value value, bool isRow) {
  auto [entry, isNew] = known.try_emplace(value, true);
  if (!isNew)
    return entry->second;
  bool result = llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::DimOp>(user))
      return true;
    if (isa<func::ReturnOp>(user))
      return !isRow;
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(user))
      return !isRow && use.get() == insert.getSource();
    auto generic = dyn_cast<linalg::GenericOp>(user);
    if (!generic || !generic.isDpsInput(&use))
      return false;
    if (&use == queries)
      return !isRow;
    AffineMap map = generic.getMatchingIndexingMap(&use);
    AffineMap outMap =
        generic.getIndexingMapsArray()[generic.getNumDpsInputs()];
    // A row statistic may be read anywhere in its row, but in no other row.
    bool isReduction = generic.getNumReductionLoops() != 0;
    if (isRow && !readsOwnRow(map, isReduction ? getSpaceMap(generic) : outMap))
      return false;
    if (!isRow && (isReduction ? !map.isPermutation() : map != outMap))
      return false;
    return llvm::all_of(generic.getResults(), [&](Value next) {
      bool nextIsRow =
          isReduction || (isRow && getShape(next) == getShape(value));
      return isAligned(next, nextIsRow);
    });
  });
  known[value] = result;
  return result;
}

/// Where the loops of `product` are written in the result of its body; null if
/// there is no one place.
static AffineMap getPlace(linalg::GenericOp product) {
  AffineMap place = product.getIndexingMapsArray().back();
  Value value = product.getResult(0);
  while (value.hasOneUse()) {
    OpOperand &use = *value.getUses().begin();
    if (isa<func::ReturnOp>(use.getOwner()))
      return place;
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!generic || !generic.isDpsInput(&use) || generic.getNumResults() != 1)
      return {};
    AffineMap map = generic.getMatchingIndexingMap(&use);
    if (!map.isPermutation())
      return {};
    place = generic.getIndexingMapsArray()
                .back()
                .compose(inversePermutation(map))
                .compose(place);
    value = generic.getResult(0);
  }
  return {};
}

/// The operand with the queries, if each row of them is where the row of the
/// result is that they are for; else null. The loops of both products are the
/// batch, the row, what differs, and what is summed over.
static OpOperand *findQueries(ArrayRef<Value> products) {
  if (products.size() != 2)
    return nullptr;
  auto scores = products[0].getDefiningOp<linalg::GenericOp>(),
       product = products[1].getDefiningOp<linalg::GenericOp>();
  unsigned numLoops = scores ? scores.getNumLoops() : 0;
  if (numLoops < 3 || !product || product.getNumLoops() != numLoops)
    return nullptr;
  AffineMap place = getPlace(product);
  if (!place)
    return nullptr;
  MLIRContext *context = product.getContext();
  place = place.replace(getAffineDimExpr(numLoops - 2, context),
                        getAffineDimExpr(numLoops - 1, context), numLoops, 0);
  OpOperand *queries = scores.getDpsInputOperand(0);
  return scores.getMatchingIndexingMap(queries) == place ? queries : nullptr;
}

SmallVector<std::pair<unsigned, unsigned>>
cinch::form::findInPlacePairs(func::FuncOp body, unsigned numInputs,
                              ArrayRef<Value> products) {
  SmallVector<std::pair<unsigned, unsigned>> pairs;
  OpOperand *queries = findQueries(products);
  // One result may be written as a whole before the next one is computed.
  if (body.getNumResults() > 1 &&
      llvm::any_of(body.getResultTypes(), [](Type type) {
        return graph::isPacked(getElementTypeOrSelf(type));
      }))
    return pairs;
  for (auto [number, result] : llvm::enumerate(body.getResultTypes()))
    for (unsigned input = 0; input < numInputs; ++input) {
      auto inputType =
          cast<RankedTensorType>(body.getArgument(input).getType());
      auto resultType = cast<RankedTensorType>(result);
      unsigned inputBits = inputType.getElementTypeBitWidth(),
               resultBits = resultType.getElementTypeBitWidth();
      // A byte of several elements is written while its input is still read.
      if (graph::isPacked(inputType.getElementType()) ||
          graph::isPacked(resultType.getElementType()) ||
          std::max(inputBits, 8u) != std::max(resultBits, 8u) ||
          inputType.getRank() != resultType.getRank())
        continue;
      PlaceCheck check;
      check.queries = queries;
      if (check.isAligned(body.getArgument(input)))
        pairs.push_back({input, static_cast<unsigned>(number)});
    }
  return pairs;
}
