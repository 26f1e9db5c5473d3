//===- Contraction.cpp - shape rules of matmul, convolution and their kin -===//
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::inferShapes(ShapeContext &context) {
  Dims lhs = context.operands[0].dims, rhs = context.operands[1].dims;
  if (lhs.empty() || rhs.empty() || (getTransposeLhs() && lhs.size() < 2) ||
      (getTransposeRhs() && rhs.size() < 2))
    return context.emitError()
           << "expected operands of at least one axis, two if transposed, but "
              "got "
           << toString(lhs) << " and " << toString(rhs); // C3
  bool isVectorLhs = lhs.size() == 1, isVectorRhs = rhs.size() == 1;
  if (getTransposeLhs())
    std::swap(lhs[lhs.size() - 1], lhs[lhs.size() - 2]);
  if (getTransposeRhs())
    std::swap(rhs[rhs.size() - 1], rhs[rhs.size() - 2]);
  const Expr &innerLhs = lhs.back(),
             &innerRhs = rhs[isVectorRhs ? 0 : rhs.size() - 2];
  if (!requireEqual(innerLhs, innerRhs, context, "inner dimensions agree"))
    return context.emitError()
           << "expected inner dimensions that agree, but got " << toString(lhs)
           << " and " << toString(rhs); // C1
  auto batchLhs = ArrayRef(lhs).drop_back(isVectorLhs ? 1 : 2),
       batchRhs = ArrayRef(rhs).drop_back(isVectorRhs ? 1 : 2);
  auto dims = broadcastDims(batchLhs, batchRhs, context);
  if (!dims)
    return context.emitError()
           << "expected batch dimensions that broadcast, but got "
           << toString(lhs) << " and " << toString(rhs); // C2
  if (!isVectorLhs)
    dims->push_back(lhs[lhs.size() - 2]);
  if (!isVectorRhs)
    dims->push_back(rhs.back());
  return setDims(context, std::move(*dims));
}

Expr MatmulOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  const Dims &lhs = operands[0];
  return Expr(2) * countElements(results[0]) *
         (getTransposeLhs() ? lhs[lhs.size() - 2] : lhs.back());
}

//===----------------------------------------------------------------------===//
// conv, conv_transpose
//===----------------------------------------------------------------------===//

/// Checks what both convolutions ask of their attributes: C1, C3.
static LogicalResult checkConvolution(ShapeContext &context,
                                      ArrayRef<int64_t> strides,
                                      ArrayRef<int64_t> pads,
                                      ArrayRef<int64_t> dilations,
                                      int64_t group) {
  const Dims &input = context.operands[0].dims,
             &filter = context.operands[1].dims;
  if (input.size() < 2 || input.size() != filter.size())
    return context.emitError()
           << "expected input and filter of one rank, at least 2, but got "
           << toString(input) << " and " << toString(filter);
  size_t rank = input.size() - 2;
  if (failed(checkSize(context, "strides", strides, rank)) ||
      failed(checkSize(context, "pads", pads, 2 * rank)) ||
      failed(checkSize(context, "dilations", dilations, rank)))
    return failure();
  if (failed(checkAtLeast(context, "strides", strides, 1)) ||
      failed(checkAtLeast(context, "pads", pads, 0)) ||
      failed(checkAtLeast(context, "dilations", dilations, 1)))
    return failure();
  return checkAtLeast(context, "group", group, 1);
}

LogicalResult ConvOp::inferShapes(ShapeContext &context) {
  if (failed(checkConvolution(context, getStrides(), getPads(), getDilations(),
                              getGroup())))
    return failure();
  const Dims &input = context.operands[0].dims,
             &filter = context.operands[1].dims;
  int64_t group = getGroup();
  if (!requireEqual(input[1], filter[1] * group, context,
                    "channels of input and filter agree") ||
      !requireEqual(Expr::mod(filter[0], group), 0, context,
                    "filters are a multiple of group"))
    return context.emitError()
           << "expected channels that agree in " << group << " groups, but got "
           << toString(input) << " and " << toString(filter); // C2
  Dims dims = {input[0], filter[0]};
  size_t rank = input.size() - 2;
  for (size_t i = 0; i < rank; ++i) {
    Expr window = (filter[2 + i] - 1) * getDilations()[i] + 1;
    Expr room = input[2 + i] + getPads()[i] + getPads()[rank + i] - window;
    if (room.asConstant().value_or(0) < 0)
      return context.emitError()
             << "expected a kernel that fits the padded input, but got "
             << toString(input) << " and " << toString(filter);
    dims.push_back(Expr::floorDiv(room, getStrides()[i]) + 1);
  }
  return setDims(context, std::move(dims));
}

Expr ConvOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  return Expr(2) * countElements(results[0]) *
         countElements(ArrayRef(operands[1]).drop_front());
}

LogicalResult ConvTransposeOp::inferShapes(ShapeContext &context) {
  if (failed(checkConvolution(context, getStrides(), getPads(), getDilations(),
                              getGroup())))
    return failure();
  const Dims &input = context.operands[0].dims,
             &filter = context.operands[1].dims;
  size_t rank = input.size() - 2;
  if (failed(checkSize(context, "output_padding", getOutputPadding(), rank)) ||
      failed(checkAtLeast(context, "output_padding", getOutputPadding(), 0)))
    return failure();
  int64_t group = getGroup();
  if (!requireEqual(input[1], filter[0], context,
                    "channels of input and filter agree") ||
      !requireEqual(Expr::mod(input[1], group), 0, context,
                    "channels are a multiple of group"))
    return context.emitError()
           << "expected channels that agree in " << group << " groups, but got "
           << toString(input) << " and " << toString(filter); // C2
  Dims dims = {input[0], filter[1] * group};
  for (size_t i = 0; i < rank; ++i)
    dims.push_back((input[2 + i] - 1) * getStrides()[i] +
                   (filter[2 + i] - 1) * getDilations()[i] + 1 +
                   getOutputPadding()[i] - getPads()[i] - getPads()[rank + i]);
  return setDims(context, std::move(dims));
}

Expr ConvTransposeOp::getFlops(ArrayRef<Dims> operands,
                               ArrayRef<Dims> results) {
  return Expr(2) * countElements(operands[0]) *
         countElements(ArrayRef(operands[1]).drop_front());
}

//===----------------------------------------------------------------------===//
// einsum
//===----------------------------------------------------------------------===//

LogicalResult EinsumOp::inferShapes(ShapeContext &context) {
  auto [lhs, output] = getEquation().split("->");
  SmallVector<StringRef> terms;
  lhs.split(terms, ',');
  auto isTerm = [](StringRef term) {
    return llvm::all_of(term, llvm::isAlpha);
  };
  if (!getEquation().contains("->") || !llvm::all_of(terms, isTerm) ||
      !isTerm(output))
    return context.emitError()
           << "expected an equation of letters such as 'ij,jk->ik', but got '"
           << getEquation() << "'";
  if (terms.size() != context.operands.size())
    return context.emitError()
           << "expected " << terms.size() << " operands of '" << getEquation()
           << "', but got " << context.operands.size(); // C1
  std::array<std::optional<Expr>, 128> letters;
  for (auto [term, operand] : llvm::zip(terms, context.operands)) {
    if (term.size() != operand.dims.size())
      return context.emitError()
             << "expected one letter per axis, but got '" << term << "' for "
             << toString(operand.dims); // C1
    for (auto [letter, dim] : llvm::zip(term, operand.dims)) {
      auto &known = letters[static_cast<unsigned char>(letter)];
      if (known &&
          !requireEqual(*known, dim, context,
                        "equal letters of einsum have equal dimensions"))
        return context.emitError()
               << "expected one dimension for '" << letter << "' of '"
               << getEquation() << "', but got " << known->str() << " and "
               << dim.str(); // C2
      if (!known || dim.asConstant())
        known = dim;
    }
  }
  Dims dims;
  for (auto [position, letter] : llvm::enumerate(output)) {
    auto &known = letters[static_cast<unsigned char>(letter)];
    if (!known || output.find(letter) != position)
      return context.emitError()
             << "expected each output letter once and in a term, but got '"
             << getEquation() << "'";
    dims.push_back(*known);
  }
  return setDims(context, std::move(dims));
}

Expr EinsumOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  SmallVector<StringRef> terms;
  getEquation().split("->").first.split(terms, ',');
  Expr count = static_cast<int64_t>(std::max<size_t>(operands.size(), 2));
  llvm::SmallDenseSet<char> seen;
  for (auto [term, dims] : llvm::zip(terms, operands))
    for (auto [letter, dim] : llvm::zip(term, dims))
      if (seen.insert(letter).second)
        count = count * dim;
  return count;
}
