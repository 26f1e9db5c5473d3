//===- ContractionRecord.cpp - what a contraction will do -----------------===//
#include "lib/Lowering/KernelToGPU/ContractionRecord.h"

#include "lib/Lowering/KernelToLLVM/KernelFrame.h"
#include "runtime/Plan/Expr.h"

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

/// The number of the word that holds the size of `axis` of argument `number`.
static int64_t getWord(func::FuncOp body, unsigned number, int64_t axis) {
  int64_t word = 0;
  for (auto [other, type] : llvm::enumerate(body.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    ++word;
    if (other == number) {
      for (int64_t before = 0; before < axis; ++before)
        word += tensor.isDynamicDim(before);
      return word;
    }
    if (tensor)
      word += tensor.getNumDynamicDims() + (getRowAxis(body, other) >= 0);
  }
  llvm_unreachable("no such argument");
}

/// The size of a role loop; nullopt if it is not a number nor a word.
static std::optional<Expr> getSize(func::FuncOp body,
                                   const ContractionRoles &roles,
                                   const RoleLoop &loop) {
  if (loop.size)
    return Expr(*loop.size);
  linalg::GenericOp op = roles.op;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand->get());
    if (!argument)
      continue;
    AffineMap map = op.getMatchingIndexingMap(operand);
    for (auto [axis, expr] : llvm::enumerate(map.getResults()))
      if (expr == getAffineDimExpr(loop.loop, op.getContext()))
        return Expr::symbol("word" + std::to_string(getWord(
                                         body, argument.getArgNumber(), axis)));
  }
  return std::nullopt;
}

static std::string describeCopy(const TileCopy &copy,
                                const std::optional<GroupCopy> &groups) {
  if (!copy.isAsync)
    return "by element";
  std::string text = "cp.async of " + std::to_string(copy.width) + " bytes";
  if (copy.isCoded)
    text += ", " + std::to_string(copy.tile.elementBits) +
            " bits an element, decoded in registers";
  if (groups)
    text += ", scales behind the sums of " + std::to_string(groups->size);
  return text;
}

SmallVector<NamedAttribute>
cinch::describeContraction(func::FuncOp body, const ContractionRoles &roles,
                           const ContractionSchedule &schedule) {
  Builder builder(body.getContext());
  SmallVector<NamedAttribute> fields;
  auto add = [&](StringRef name, Attribute value) {
    fields.push_back(builder.getNamedAttr(name, value));
  };
  add("stages", builder.getI64IntegerAttr(schedule.stages));
  add("lhs",
      builder.getStringAttr(describeCopy(schedule.lhs, schedule.lhsGroups)));
  add("rhs",
      builder.getStringAttr(describeCopy(schedule.rhs, schedule.rhsGroups)));
  // Else ptxas spills to have more blocks at once.
  if (schedule.hasGroups())
    add("minimum_blocks", builder.getI64IntegerAttr(1));
  if (schedule.kind)
    add("matrix", builder.getStringAttr(getMatrixName(*schedule.kind)));
  Expr batch = 1, rows = 1, columns = 1, depth = 1;
  for (const RoleLoop &loop : roles.loops) {
    std::optional<Expr> size = getSize(body, roles, loop);
    if (!size)
      return fields;
    Expr &product = loop.role == Role::Batch    ? batch
                    : loop.role == Role::Row    ? rows
                    : loop.role == Role::Column ? columns
                                                : depth;
    product = product * *size;
  }
  Expr rowTiles = Expr::ceilDiv(rows, schedule.rows);
  Expr columnTiles = Expr::ceilDiv(columns, schedule.columns);
  if (schedule.kind) {
    int64_t perStep = schedule.rows / 16 * (schedule.columns / 8) *
                      (schedule.depth / getMatrixDepth(*schedule.kind));
    Expr count = batch * rowTiles * columnTiles *
                 Expr::ceilDiv(depth, schedule.depth) * Expr(perStep);
    add("matrix_count", builder.getStringAttr(count.str()));
  }
  if (schedule.lhs.isAsync && schedule.rhs.isAsync) {
    Expr bits = batch * depth *
                (columnTiles * rows * Expr(schedule.lhs.tile.elementBits) +
                 rowTiles * columns * Expr(schedule.rhs.tile.elementBits));
    Expr bytes = Expr::floorDiv(bits, 8);
    auto addScales = [&](const std::optional<GroupCopy> &groups,
                         const Expr &each) {
      if (groups)
        bytes = bytes + batch * each * Expr::ceilDiv(depth, groups->size) *
                            Expr(groups->getScaleBytes());
    };
    addScales(schedule.lhsGroups, columnTiles * rows);
    addScales(schedule.rhsGroups, rowTiles * columns);
    add("load_bytes", builder.getStringAttr(bytes.str()));
  }
  int64_t resultBytes = 0;
  for (Type type : body.getResultTypes())
    resultBytes +=
        getMemoryType(getElementTypeOrSelf(type)).getIntOrFloatBitWidth() / 8;
  add("store_bytes", builder.getStringAttr(
                         (batch * rows * columns * Expr(resultBytes)).str()));
  return fields;
}
