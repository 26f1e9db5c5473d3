//===- CompensateLowRank.cpp - low-rank corrections of few bits -----------===//
//
// What rounding took from a weight is a matrix whose largest directions, as the
// outputs see them, two thin matrices add again: the error of 3 or 4 bits falls
// for a few per cent of the bytes, without training (Liu et al., "EoRA", 2024).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Algebra/LowRank.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/BranchBuilder.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/Codes.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/WeightMatrix.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

namespace cinch::quantize {
#define GEN_PASS_DEF_COMPENSATELOWRANKPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;
using algebra::Matrix;

namespace {

struct Counts {
  int64_t branches = 0, products = 0, bytes = 0;
  int64_t unknown = 0, small = 0, other = 0, useless = 0, unselected = 0,
          unshown = 0;
  double error = 0, errorBefore = 0, whole = 0;
};

/// A product of a rounded weight.
struct Reader {
  MatmulOp product;
  DequantizeOp weight;
  TypedAttr original;
  std::string name; ///< of the weight that was
  bool isTransposed;
  int64_t numInputs, numOutputs;
};

struct CompensateLowRank
    : public quantize::impl::CompensateLowRankPassBase<CompensateLowRank> {
  using CompensateLowRankPassBase::CompensateLowRankPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  /// Groups of products that get one branch.
  std::vector<std::vector<Reader>> collect(func::FuncOp function,
                                           const Selector &selector);
  llvm::Error add(ArrayRef<Reader> readers, const Calibration &known);
  llvm::Error rewrite(ArrayRef<Reader> readers,
                      const algebra::LowRank &correction,
                      BranchBuilder &builder);
  void setReport(func::FuncOp function);

  llvm::SetVector<Operation *> done; ///< constants that need no original now
  Counts counts;
};

} // namespace

std::vector<std::vector<Reader>>
CompensateLowRank::collect(func::FuncOp function, const Selector &selector) {
  // A block, so that the first product is before the others, or one product.
  llvm::MapVector<std::pair<Value, void *>, std::vector<Reader>> groups;
  for (Operation *op : getProducts(function)) {
    if (!hasQuantizedWeight(op))
      continue;
    auto weight = op->getOperand(1).getDefiningOp<DequantizeOp>();
    auto codes = findCodes(weight);
    auto original = codes
                        ? codes->getAttrOfType<TypedAttr>(originalAttributeName)
                        : TypedAttr();
    auto product = dyn_cast<MatmulOp>(op);
    if (!selector.matches(op)) {
      ++counts.unselected;
      continue;
    }
    if (!original) {
      ++counts.unknown;
      continue;
    }
    done.insert(codes);
    if (rank == 0)
      continue;
    if (!product || weight.getType().getRank() != 2) {
      ++counts.other;
    } else {
      std::string name = getValueName(codes);
      if (StringRef(name).ends_with("/q"))
        name.resize(name.size() - 2);
      bool isTransposed = product.getTransposeRhs();
      int64_t in = weight.getType().getDimSize(isTransposed ? 1 : 0),
              out = weight.getType().getDimSize(isTransposed ? 0 : 1);
      Reader reader{product, weight, original, name, isTransposed, in, out};
      void *place = share ? static_cast<void *>(op->getBlock()) : op;
      if (rank * (in + out) >= in * out)
        ++counts.small;
      else
        groups[{product.getLhs(), place}].push_back(std::move(reader));
    }
  }
  std::vector<std::vector<Reader>> result;
  for (auto &entry : groups)
    result.push_back(std::move(entry.second));
  return result;
}

llvm::Error CompensateLowRank::add(ArrayRef<Reader> readers,
                                   const Calibration &known) {
  const std::string &name = readers.front().name;
  int64_t numInputs = readers.front().numInputs, numOutputs = 0;
  for (const Reader &reader : readers)
    numOutputs += reader.numOutputs;
  Matrix weights(numInputs, numOutputs), lost(numInputs, numOutputs);
  int64_t first = 0;
  for (const Reader &reader : readers) {
    llvm::Expected<Matrix> weight =
        readMatrix(reader.original, reader.isTransposed);
    if (!weight)
      return llvm::createStringError("'" + reader.name + "' " +
                                     llvm::toString(weight.takeError()));
    llvm::Expected<Matrix> stored =
        readDequantized(reader.weight, reader.isTransposed);
    if (!stored)
      return llvm::createStringError("'" + reader.name + "' " +
                                     llvm::toString(stored.takeError()));
    weights.setColumns(first, *weight);
    lost.setColumns(first, *weight - *stored);
    first += reader.numOutputs;
  }
  MatmulOp leader = readers.front().product;
  std::vector<double> moment =
      known.findSecondMoment(getValueName(leader.getLhs()));
  std::optional<algebra::GramRoot> root;
  Matrix gram;
  if (moment.empty()) {
    counts.unshown += static_cast<int64_t>(readers.size());
  } else {
    if (static_cast<int64_t>(moment.size()) != numInputs * numInputs)
      return llvm::createStringError(
          "'" + name + "' has " + llvm::Twine(numInputs) +
          " inputs, but another number of channels in the "
          "statistics");
    gram = Matrix(numInputs, numInputs, ArrayRef<double>(moment));
    root = algebra::computeGramRoot(gram);
    if (!root)
      return llvm::createStringError(
          "'" + name +
          "' has inputs whose second moment in the "
          "statistics is none: it is not finite, or far from "
          "positive");
  }
  auto getError = [&](const Matrix &error) {
    double norm = error.getNorm();
    return gram.isEmpty() ? norm * norm : getGramNorm(gram, error);
  };
  bool isSmall = isa<DenseElementsAttr>(readers.front().original);
  BranchBuilder builder(&getContext(), precision, isSmall);
  algebra::RandomizedSvd randomized;
  std::optional<algebra::LowRank> correction =
      root ? computeWhitenedLowRank(lost, *root, rank, &randomized)
           : computeLowRank(lost, rank, &randomized);
  if (!correction)
    return llvm::createStringError("'" + name +
                                   "' has an error that is not finite");
  balance(*correction);
  correction->left = builder.store(std::move(correction->left));
  correction->right = builder.store(std::move(correction->right));
  Matrix rest = lost - multiply(correction->left, correction->right);
  if (!rest.isFinite())
    return llvm::createStringError("'" + name +
                                   "' has a branch beyond the range of its "
                                   "precision");
  double errorBefore = getError(lost), error = getError(rest);
  counts.errorBefore += errorBefore;
  counts.whole += getError(weights);
  if (!(error < errorBefore)) {
    counts.useless += static_cast<int64_t>(readers.size());
    counts.error += errorBefore;
    return llvm::Error::success();
  }
  counts.error += error;
  return rewrite(readers, *correction, builder);
}

llvm::Error CompensateLowRank::rewrite(ArrayRef<Reader> readers,
                                       const algebra::LowRank &correction,
                                       BranchBuilder &builder) {
  const Reader &leader = readers.front();
  llvm::Expected<Value> down =
      builder.addDown(leader.product, leader.name, correction.left);
  if (!down)
    return down.takeError();
  int64_t first = 0;
  for (const Reader &reader : readers) {
    DequantizeOp weight = reader.weight;
    if (llvm::Error error =
            builder.addUp(reader.product, reader.name, *down,
                          correction.right.getColumns(first, reader.numOutputs),
                          weight, "rounded"))
      return error;
    first += reader.numOutputs;
    ++counts.products;
  }
  ++counts.branches;
  counts.bytes += builder.getBytes();
  return llvm::Error::success();
}

void CompensateLowRank::setReport(func::FuncOp function) {
  function->setAttr(
      "graph.compensate_low_rank_report",
      getNumbersAttr(
          &getContext(),
          {{"branches", counts.branches},
           {"bytes", counts.bytes},
           {"error_before_ppm", getRootPpm(counts.errorBefore, counts.whole)},
           {"error_ppm", getRootPpm(counts.error, counts.whole)},
           {"other", counts.other},
           {"products", counts.products},
           {"small", counts.small},
           {"unknown", counts.unknown},
           {"unselected", counts.unselected},
           {"unshown", counts.unshown},
           {"useless", counts.useless}}));
}

llvm::Error CompensateLowRank::run(func::FuncOp function) {
  if (rank < 0)
    return llvm::createStringError("expected rank of at least 0, but got " +
                                   llvm::Twine(rank));
  auto selector = parseSelector(function, getArgument(), select);
  if (!selector)
    return selector.takeError();
  llvm::Expected<Calibration> known = Calibration::read(function, calibration);
  if (!known)
    return known.takeError();
  counts = Counts();
  done.clear();
  std::vector<std::vector<Reader>> groups = collect(function, *selector);
  for (const std::vector<Reader> &readers : groups)
    if (llvm::Error error = add(readers, *known))
      return error;
  for (Operation *codes : done)
    codes->removeAttr(originalAttributeName);
  if (groups.empty() && rank > 0)
    function.emitWarning("compensate-low-rank: there is no branch: ")
        << counts.unknown
        << " products have a weight whose original quantize-weights did not "
           "keep (keep-originals), "
        << counts.small << " are small, " << counts.other << " are no matmul, "
        << counts.unselected << " are not selected";
  if (report)
    setReport(function);
  return llvm::Error::success();
}

void CompensateLowRank::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
