//===- PassRecords.cpp - what each pass of a compilation changed ----------===//
#include "lib/Pipeline/PassRecords.h"
#include "dialects/Exec/Exec.h"
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace cinch;

namespace {

class PassRecorder : public PassInstrumentation {
public:
  explicit PassRecorder(std::vector<PassRecord> &records) : records(records) {}
  void runBeforePass(Pass *pass, Operation *op) override;
  void runAfterPass(Pass *pass, Operation *op) override;
  void runAfterPassFailed(Pass *pass, Operation *) override {
    if (isNamed(pass))
      --depth;
  }

private:
  /// Whether `pass` is no adaptor of a nested pipeline.
  static bool isNamed(Pass *pass) { return !pass->getArgument().empty(); }

  std::vector<PassRecord> &records;
  ProgramSize before;
  int depth = 0; ///< a pass may run others, which are part of it
};

/// The attribute in which a pass leaves its counts, on the operation it ran on.
struct CountsAttribute {
  StringLiteral pass, name;
};

} // namespace

static constexpr CountsAttribute countsAttributes[] = {
    {"graph-simplify", "graph.simplify_report"},
    {"sink-transposes", "graph.sink_transposes_report"},
    {"fold-constants", "graph.fold_constants_report"},
    {"fold-batch-norm", "graph.fold_batch_norm_report"},
    {"fold-normalization", "graph.fold_normalization_report"},
    {"rotate-activations", "graph.rotate_activations_report"},
    {"smooth-activations", "graph.smooth_activations_report"},
    {"choose-quantization", "graph.choose_quantization_report"},
    {"allocate-bits", "graph.allocate_bits_report"},
    {"add-low-rank-branch", "graph.add_low_rank_branch_report"},
    {"quantize-weights", "graph.quantize_weights_report"},
    {"compensate-low-rank", "graph.compensate_low_rank_report"},
    {"quantize-activations", "graph.quantize_activations_report"},
    {"convert-precision", "graph.convert_precision_report"},
    {"form-integer-products", "graph.form_integer_products_report"},
    {"form-state", "graph.state_report"},
    {"stream-rows", "graph.stream_rows_report"},
    {"bind-state", "exec.state_report"},
    {"schedule", "exec.schedule"},
    {"plan-memory", "exec.plan_report"}};

/// Bytes of the tensor that a constant holds, 0 for what is no tensor.
static int64_t getConstantBytes(Operation *constant) {
  auto type = dyn_cast<RankedTensorType>(constant->getResult(0).getType());
  return type ? graph::getStorageBytes(type).value_or(0) : 0;
}

ProgramSize cinch::measureProgram(Operation *op) {
  ProgramSize size;
  llvm::DenseSet<Attribute> seen;
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  module->walk([&](Operation *inner) {
    if (isa<ModuleOp, func::FuncOp>(inner) ||
        inner->hasTrait<OpTrait::IsTerminator>())
      return;
    size.operations++;
    if (!inner->hasTrait<OpTrait::ConstantLike>() &&
        !isa<exec::WeightOp>(inner))
      return;
    size.constants++;
    if (seen.insert(inner->getAttr("value")).second)
      size.constantBytes += getConstantBytes(inner);
  });
  return size;
}

void PassRecorder::runBeforePass(Pass *pass, Operation *op) {
  if (isNamed(pass) && depth++ == 0)
    before = measureProgram(op);
}

void PassRecorder::runAfterPass(Pass *pass, Operation *op) {
  if (!isNamed(pass) || --depth != 0)
    return;
  PassRecord record;
  record.pass = pass->getArgument().str();
  record.before = before;
  record.after = measureProgram(op);
  for (const CountsAttribute &place : countsAttributes) {
    auto counts = op->getAttrOfType<DictionaryAttr>(place.name);
    if (record.pass != place.pass || !counts)
      continue;
    for (NamedAttribute count : counts)
      if (auto number = dyn_cast<IntegerAttr>(count.getValue()))
        record.counts.push_back({count.getName().str(), number.getInt()});
  }
  records.push_back(std::move(record));
}

void cinch::recordPasses(PassManager &passes,
                         std::vector<PassRecord> &records) {
  passes.addInstrumentation(std::make_unique<PassRecorder>(records));
}
