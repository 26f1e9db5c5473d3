//===- AddLowRankBranch.cpp - what few bits lose, beside them -------------===//
//
// A few directions of a weight are so large that they set its scales. Two thin
// matrices of 16 bits hold these for a few per cent of the arithmetic, and what
// is left fits into 4 bits (Li et al., "SVDQuant", 2025).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/BranchBuilder.h"
#include "passes/Quantize/FloatConstants.h"
#include "passes/Quantize/GptqLayer.h"
#include "passes/Quantize/LowRankBranch.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/RoundMatrix.h"
#include "passes/Quantize/WeightMatrix.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace cinch::quantize {
#define GEN_PASS_DEF_ADDLOWRANKBRANCHPASS
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
  int64_t unplanned = 0, shared = 0, small = 0, other = 0, useless = 0,
          branched = 0, unselected = 0;
  double error = 0, errorBefore = 0, whole = 0;
};

/// A product and how its weight will be rounded.
struct Reader {
  LinearOp linear;
  std::string name; ///< of the weight
  ValuePlan plan;
};

struct AddLowRankBranch
    : public quantize::impl::AddLowRankBranchPassBase<AddLowRankBranch> {
  using AddLowRankBranchPassBase::AddLowRankBranchPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error checkOptions() const;
  /// Groups of products that get one branch.
  std::vector<std::vector<Reader>> collect(func::FuncOp function,
                                           const Selector &selector,
                                           const QuantizationPlan &plan);
  llvm::Error add(ArrayRef<Reader> readers, const Calibration &known,
                  QuantizationPlan &plan);
  llvm::Error rewrite(ArrayRef<Reader> readers, const LowRankBranch &branch,
                      BranchBuilder &builder, QuantizationPlan &plan);
  /// One product by the residual, and `down` by its columns of the second
  /// factor.
  llvm::Error rewriteProduct(const Reader &reader, Value down,
                             const Matrix &residual, const Matrix &right,
                             BranchBuilder &branches);
  void setReport(func::FuncOp function);

  Counts counts;
};

} // namespace

llvm::Error AddLowRankBranch::checkOptions() const {
  if (rank < 1)
    return llvm::createStringError("expected rank above 0, but got " +
                                   llvm::Twine(rank));
  if (maxRounds < 1)
    return llvm::createStringError("expected max-rounds above 0, but got " +
                                   llvm::Twine(maxRounds));
  return llvm::Error::success();
}

std::vector<std::vector<Reader>>
AddLowRankBranch::collect(func::FuncOp function, const Selector &selector,
                          const QuantizationPlan &plan) {
  // A block, so that the first product is before the others, or one product.
  llvm::MapVector<std::pair<Value, void *>, std::vector<Reader>> groups;
  for (Operation *product : getProducts(function)) {
    auto linear = LinearOp::match(product);
    if (!linear)
      continue;
    Value weight = product->getOperand(1);
    std::string name = getValueName(weight);
    int64_t elements = linear->numIn * linear->numOut;
    if (!selector.matches(product))
      ++counts.unselected;
    else if (StringRef(name).ends_with("/residual"))
      ++counts.branched;
    else if (!plan.chooses(name))
      ++counts.unplanned;
    else if (!isa<MatmulOp>(product))
      ++counts.other;
    else if (!weight.hasOneUse())
      ++counts.shared;
    else if (rank * (linear->numIn + linear->numOut) >= elements)
      ++counts.small;
    else {
      void *place = share ? static_cast<void *>(product->getBlock()) : product;
      groups[{product->getOperand(0), place}].push_back(
          {*linear, name, *plan.find(name)});
    }
  }
  std::vector<std::vector<Reader>> result;
  for (auto &entry : groups)
    result.push_back(std::move(entry.second));
  return result;
}

/// Calls `visit` with each reader and its first column in the matrix of all.
static void
forEachPart(ArrayRef<Reader> readers,
            llvm::function_ref<void(const Reader &, int64_t)> visit) {
  int64_t first = 0;
  for (const Reader &reader : readers) {
    visit(reader, first);
    first += reader.linear.numOut;
  }
}

llvm::Error AddLowRankBranch::add(ArrayRef<Reader> readers,
                                  const Calibration &known,
                                  QuantizationPlan &plan) {
  const std::string &name = readers.front().name;
  int64_t numInputs = readers.front().linear.numIn, numOutputs = 0;
  for (const Reader &reader : readers)
    numOutputs += reader.linear.numOut;
  Matrix weights(numInputs, numOutputs);
  int64_t next = 0;
  for (const Reader &reader : readers) {
    llvm::Expected<Matrix> weight = readWeight(reader.linear);
    if (!weight)
      return llvm::createStringError("'" + reader.name + "' " +
                                     llvm::toString(weight.takeError()));
    weights.setColumns(next, *weight);
    next += reader.linear.numOut;
  }
  llvm::Expected<Matrix> moment =
      findSecondMoment(readers.front().linear, known);
  if (!moment)
    return llvm::createStringError("'" + name + "' " +
                                   llvm::toString(moment.takeError()));
  const Matrix &gram = *moment;
  auto getError = [&](const Matrix &error) {
    double norm = error.getNorm();
    return gram.isEmpty() ? norm * norm : getGramNorm(gram, error);
  };
  auto round = [&](const Matrix &residual) {
    Matrix rounded(numInputs, numOutputs);
    forEachPart(readers, [&](const Reader &reader, int64_t first) {
      Matrix part = residual.getColumns(first, reader.linear.numOut);
      rounded.setColumns(
          first,
          roundMatrix(
              part,
              getMatrixSharing(numInputs, reader.linear.numOut, reader.plan),
              *reader.plan.format, reader.plan.method == Method::Mse));
    });
    return rounded;
  };
  bool isSmall = isa<DenseElementsAttr>(
      getConstantValue(readers.front().linear.op->getOperand(1)));
  BranchBuilder builder(&getContext(), precision, isSmall);
  auto store = [&](Matrix factor) { return builder.store(std::move(factor)); };
  BranchOptions options;
  options.rank = rank;
  options.maxRounds = maxRounds;
  std::optional<LowRankBranch> branch =
      computeLowRankBranch(weights, options, round, store, getError);
  if (!branch)
    return llvm::createStringError(
        "'" + name + "' has a branch beyond the range of " + "its precision");
  counts.error += branch->error;
  counts.errorBefore += branch->errorWithout;
  counts.whole += getError(weights);
  if (branch->left.isEmpty()) {
    counts.useless += static_cast<int64_t>(readers.size());
    return llvm::Error::success();
  }
  return rewrite(readers, *branch, builder, plan);
}

llvm::Error AddLowRankBranch::rewrite(ArrayRef<Reader> readers,
                                      const LowRankBranch &branch,
                                      BranchBuilder &builder,
                                      QuantizationPlan &plan) {
  auto firstProduct = cast<MatmulOp>(readers.front().linear.op);
  llvm::Expected<Value> down =
      builder.addDown(firstProduct, readers.front().name, branch.left);
  if (!down)
    return down.takeError();
  int64_t first = 0;
  for (const Reader &reader : readers) {
    int64_t numOut = reader.linear.numOut;
    if (llvm::Error error = rewriteProduct(
            reader, *down, branch.residual.getColumns(first, numOut),
            branch.right.getColumns(first, numOut), builder))
      return error;
    plan.values[reader.name + "/residual"] = reader.plan;
    plan.values.erase(reader.name);
    first += numOut;
  }
  ++counts.branches;
  counts.bytes += builder.getBytes();
  return llvm::Error::success();
}

llvm::Error AddLowRankBranch::rewriteProduct(const Reader &reader, Value down,
                                             const Matrix &residual,
                                             const Matrix &right,
                                             BranchBuilder &branches) {
  auto product = cast<MatmulOp>(reader.linear.op);
  auto weight = product.getRhs().getDefiningOp<ConstantOp>();
  Matrix stored = reader.linear.rowsAreIn ? residual : residual.transpose();
  llvm::Expected<TypedAttr> elements =
      makeFloats(cast<RankedTensorType>(weight.getType()), stored.getElements(),
                 isa<DenseElementsAttr>(weight.getValue()));
  if (!elements)
    return elements.takeError();
  OpBuilder builder(product);
  Value kept = makeNamedConstant(builder, product.getLoc(),
                                 reader.name + "/residual", *elements);
  if (llvm::Error error =
          branches.addUp(product, reader.name, down, right, kept, "residual"))
    return error;
  weight.erase();
  ++counts.products;
  return llvm::Error::success();
}

void AddLowRankBranch::setReport(func::FuncOp function) {
  function->setAttr(
      "graph.add_low_rank_branch_report",
      getNumbersAttr(
          &getContext(),
          {{"branched", counts.branched},
           {"branches", counts.branches},
           {"bytes", counts.bytes},
           {"error_before_ppm", getRootPpm(counts.errorBefore, counts.whole)},
           {"error_ppm", getRootPpm(counts.error, counts.whole)},
           {"other", counts.other},
           {"products", counts.products},
           {"shared", counts.shared},
           {"small", counts.small},
           {"unplanned", counts.unplanned},
           {"unselected", counts.unselected},
           {"useless", counts.useless}}));
}

llvm::Error AddLowRankBranch::run(func::FuncOp function) {
  if (llvm::Error error = checkOptions())
    return error;
  auto selector = parseSelector(function, getArgument(), select);
  if (!selector)
    return selector.takeError();
  llvm::Expected<QuantizationPlan> plan = QuantizationPlan::get(function);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Calibration> known = Calibration::read(function, calibration);
  if (!known)
    return known.takeError();
  counts = Counts();
  for (const std::vector<Reader> &readers : collect(function, *selector, *plan))
    if (llvm::Error error = add(readers, *known, *plan))
      return error;
  if (counts.branches > 0)
    plan->set(function);
  else if (counts.branched == 0)
    function.emitWarning("add-low-rank-branch: there is no branch: ")
        << counts.unplanned << " weights are not in the plan, " << counts.small
        << " are small, " << counts.shared << " are shared, " << counts.useless
        << " gain nothing, " << counts.unselected
        << " products are not selected";
  if (report)
    setReport(function);
  return llvm::Error::success();
}

void AddLowRankBranch::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
