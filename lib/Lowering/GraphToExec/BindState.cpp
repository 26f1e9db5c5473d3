//===- BindState.cpp - outputs written over the inputs they continue ------===//
//
// Only addresses change: a buffer with room for more rows has gaps between the
// rows of one outer index and those of the next. Kernels that compute their
// addresses from indices need the size of the gaps and nothing else.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/GraphToExec/Passes.h"
#include "passes/Common/Report.h"
#include "passes/Memory/Program.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace cinch {
#define GEN_PASS_DEF_BINDSTATEPASS
#include "lib/Lowering/GraphToExec/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

namespace {

/// An argument of a kernel body and the axis of the rows in it.
struct RowsUse {
  func::FuncOp body;
  unsigned argument;
  int64_t axis;
};

/// Examines one pair; `obstacle` says why it cannot be bound.
class Pair {
public:
  Pair(const Program &program, DictionaryAttr record);
  LogicalResult examine();
  /// Writes what was found onto the kernel bodies.
  void bind();

  std::string obstacle;
  int64_t input, output, axis;

private:
  LogicalResult stop(const Twine &reason) {
    obstacle = reason.str();
    return failure();
  }
  bool isOutermost() const;
  LogicalResult examineAppend();
  LogicalResult examineReaders(Value value, int64_t rows);
  LogicalResult addUse(exec::KernelOp kernel, unsigned argument, int64_t rows);

  const Program &program;
  Value past, present;
  SmallVector<RowsUse> uses;
  func::FuncOp append; ///< the body that makes present; null: an assemble
  unsigned appended = 0;
};

struct BindStatePass : public cinch::impl::BindStatePassBase<BindStatePass> {
  void runOnOperation() override;
};

} // namespace

Pair::Pair(const Program &program, DictionaryAttr record)
    : input(record.getAs<IntegerAttr>("input").getInt()),
      output(record.getAs<IntegerAttr>("output").getInt()),
      axis(record.getAs<IntegerAttr>("axis").getInt()), program(program) {
  func::FuncOp entry = program.getEntry();
  past = entry.getArgument(input);
  present = entry.front().getTerminator()->getOperand(output);
}

/// Whether the buffer has no gaps, however many rows it has room for.
bool Pair::isOutermost() const {
  return llvm::all_of(program.getDims(present).take_front(axis),
                      [](const Expr &dim) { return dim == Expr(1); });
}

static func::FuncOp getBody(exec::KernelOp kernel) {
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      kernel, kernel.getCalleeAttr());
}

/// Whether all accesses of `argument` in `body` name an element by its indices,
/// so that the lowering computes their addresses.
static bool isIndexed(func::FuncOp body, BlockArgument argument) {
  if (!llvm::is_contained({"generic", "contraction", "attention"},
                          exec::getKernelKind(body)))
    return false;
  auto isPlain = [](linalg::GenericOp op) {
    return llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
      return map.isProjectedPermutation(/*allowZeroInResults=*/true);
    });
  };
  return llvm::all_of(argument.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    // Convolutions have addresses of their own.
    if (auto generic = dyn_cast<linalg::GenericOp>(user))
      return exec::getKernelKind(body) != "contraction" || isPlain(generic);
    return isa<tensor::ExtractOp, tensor::DimOp, linalg::FillOp>(user);
  });
}

LogicalResult Pair::addUse(exec::KernelOp kernel, unsigned argument,
                           int64_t rows) {
  func::FuncOp body = getBody(kernel);
  for (auto pair : kernel.getUpdates().getAsRange<DenseI64ArrayAttr>())
    if (pair[0] == argument)
      return stop("a kernel updates it");
  bool isBlocked = llvm::any_of(body.getArgumentTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getEncoding();
  });
  if (isBlocked)
    return stop("a kernel has operands in blocks");
  if (!isIndexed(body, body.getArgument(argument)))
    return stop("the kernel of '" + program.getName(kernel->getResult(0)) +
                "' does not address it by indices");
  auto type = cast<RankedTensorType>(body.getArgumentTypes()[argument]);
  if (!type.isDynamicDim(rows))
    return stop("the number of its rows is fixed");
  auto known = body->getAttrOfType<DenseI64ArrayAttr>(exec::rowsAttrName);
  int64_t other = known ? known[argument] : -1;
  for (const RowsUse &use : uses)
    if (use.body == body && use.argument == argument)
      other = use.axis;
  if (other >= 0 && other != rows)
    return stop("a kernel reads rows along two axes");
  uses.push_back({body, argument, rows});
  return success();
}

/// The kernel that makes present writes it row by row, and nothing else.
LogicalResult Pair::examineAppend() {
  OpOperand &use = *past.getUses().begin();
  if (use.getOwner() != present.getDefiningOp())
    return stop("the input is not read where the output is written");
  if (auto assemble = dyn_cast<exec::AssembleOp>(use.getOwner()))
    return use.getOperandNumber() == 0
               ? success()
               : stop("its rows do not come first in the output");
  auto kernel = dyn_cast<exec::KernelOp>(use.getOwner());
  if (!kernel || kernel.getNumResults() != 1)
    return stop("the kernel that writes the output has several results");
  append = getBody(kernel);
  appended = use.getOperandNumber();
  if (exec::getKernelKind(append) != "generic")
    return stop("the output is not written row by row");
  Value root = append.front().getTerminator()->getOperand(0);
  auto generic = root.getDefiningOp<linalg::GenericOp>();
  if (!generic || !isa<AffineDimExpr>(
                      generic.getIndexingMapMatchingResult(cast<OpResult>(root))
                          .getResult(axis)))
    return stop("the output is not written row by row");
  auto known = append->getAttrOfType<IntegerAttr>(exec::appendAttrName);
  if (known && known.getInt() != appended)
    return stop("a kernel continues two inputs");
  return success(succeeded(addUse(kernel, appended, axis)) &&
                 succeeded(addUse(kernel, append.getNumArguments() - 1, axis)));
}

/// The axis of `view` that is axis `rows` of its input; nullopt if the rows are
/// taken apart or joined with another axis.
static std::optional<int64_t> findRows(const Program &program,
                                       exec::ViewOp view, int64_t rows) {
  ArrayRef<Expr> from = program.getDims(view.getInput()),
                 to = program.getDims(view.getResult());
  auto product = [](ArrayRef<Expr> dims) {
    Expr result(1);
    for (const Expr &dim : dims)
      result = result * dim;
    return result;
  };
  if (view.getOffset() != "0" || product(from) != product(to))
    return std::nullopt;
  for (size_t axis = 0; axis < to.size(); ++axis)
    if (to[axis] == from[rows] &&
        product(to.take_front(axis)) == product(from.take_front(rows)))
      return axis;
  return std::nullopt;
}

LogicalResult Pair::examineReaders(Value value, int64_t rows) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user->hasTrait<OpTrait::IsTerminator>() && value == present &&
        user->getParentOp() == program.getEntry())
      continue;
    if (auto view = dyn_cast<exec::ViewOp>(user)) {
      std::optional<int64_t> axis = findRows(program, view, rows);
      if (!axis)
        return stop("its rows are reshaped in '" +
                    program.getName(view.getResult()) + "'");
      if (failed(examineReaders(view.getResult(), *axis)))
        return failure();
      continue;
    }
    auto kernel = dyn_cast<exec::KernelOp>(user);
    if (!kernel)
      return stop("it is used by '" + user->getName().getStringRef() + "'");
    if (failed(addUse(kernel, use.getOperandNumber(), rows)))
      return failure();
  }
  return success();
}

LogicalResult Pair::examine() {
  if (graph::isPacked(getElementTypeOrSelf(past.getType())))
    return stop("its elements share bytes");
  if (!past.hasOneUse() ||
      llvm::count(program.getEntry().front().getTerminator()->getOperands(),
                  present) != 1)
    return stop("the input is read, or the output returned, more than once");
  if (failed(examineAppend()))
    return failure();
  if (append)
    return examineReaders(present, axis);
  return isOutermost() ? success() : stop("the output is made of parts");
}

void Pair::bind() {
  Builder builder(program.getEntry().getContext());
  for (const RowsUse &use : uses) {
    func::FuncOp body = use.body;
    SmallVector<int64_t> axes(body.getNumArguments(), -1);
    if (auto known = body->getAttrOfType<DenseI64ArrayAttr>(exec::rowsAttrName))
      axes.assign(known.asArrayRef().begin(), known.asArrayRef().end());
    axes[use.argument] = use.axis;
    body->setAttr(exec::rowsAttrName, builder.getDenseI64ArrayAttr(axes));
  }
  if (!append)
    return;
  append->setAttr(exec::appendAttrName, builder.getI64IntegerAttr(appended));
  // What lies in the place of present is the caller's, with gaps.
  cast<exec::KernelOp>(present.getDefiningOp())
      .setInPlaceAttr(builder.getArrayAttr({}));
}

void BindStatePass::runOnOperation() {
  FailureOr<func::FuncOp> entry = memory::getEntry(getOperation());
  if (failed(entry))
    return signalPassFailure();
  getOperation()->removeAttr("exec.states");
  auto records = (*entry)->getAttrOfType<ArrayAttr>("graph.states");
  if (!records)
    return;
  FailureOr<Program> program = Program::analyze(*entry);
  if (failed(program))
    return signalPassFailure();
  SmallVector<Attribute> bound;
  for (auto record : records.getAsRange<DictionaryAttr>()) {
    Pair pair(*program, record);
    if (succeeded(pair.examine())) {
      pair.bind();
      bound.push_back(getNumbersAttr(&getContext(), {{"axis", pair.axis},
                                                     {"input", pair.input},
                                                     {"output", pair.output}}));
      continue;
    }
    if (!record.get("named"))
      continue;
    emitError(entry->getLoc())
        << "bind-state: input '"
        << program->getName(entry->getArgument(pair.input))
        << "' cannot be continued in place: " << pair.obstacle;
    return signalPassFailure();
  }
  getOperation()->setAttr("exec.states", ArrayAttr::get(&getContext(), bound));
  getOperation()->setAttr(
      "exec.state_report",
      getNumbersAttr(&getContext(), {{"bound", bound.size()},
                                     {"left", records.size() - bound.size()}}));
}
