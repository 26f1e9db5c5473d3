//===- Report.h - what was compiled, and what it needs --------------------===//
#ifndef CINCH_LIB_PIPELINE_REPORT_H
#define CINCH_LIB_PIPELINE_REPORT_H

#include "lib/Pipeline/DeviceReport.h"
#include "lib/Pipeline/PassRecords.h"
#include "lib/Pipeline/Quantization.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

namespace cinch {

struct ReportInfo {
  std::string model, cpu, pipeline;
  std::string chip; ///< GPU, such as sm_80; empty: none
  /// Sizes of symbols that have no bound.
  std::vector<std::pair<std::string, int64_t>> sizes;
  std::vector<PassRecord> passes;
  std::optional<PrecisionError> precision; ///< if there was one to measure
  std::optional<Quantization> quantization;
  /// Of device functions, by name; empty: not known.
  std::vector<std::pair<std::string, FunctionResources>> resources;
};

/// Everything that all forms of the report print. It refers to attributes of
/// the module. Sizes are those of `sizes`: the bound of a symbol, or what
/// ReportInfo says, or 128 (its smallest size if that is larger).
struct Report {
  struct Kernel {
    llvm::StringRef name, op, kind, flops, bytes; ///< the last two: expressions
    std::optional<int64_t> flopsAtSizes, bytesAtSizes; ///< of one call
    int64_t step;
    mlir::ArrayAttr inputs; ///< names of what it reads
    mlir::ArrayAttr values; ///< names of what was fused, as in `op`
    llvm::StringRef function;
    /// Fewest tiles worth a thread of a CPU; 0: as its FLOPs in a run say.
    std::optional<int64_t> grain;
    const DeviceFunction *device = nullptr; ///< null: for a CPU
  };
  struct Slot {
    llvm::StringRef name, bytes; ///< bytes: an expression
    std::optional<int64_t> bytesAtSizes;
    int64_t first, last; ///< steps, inclusive
    int64_t offset = -1; ///< -1: there is no plan at these sizes
  };
  /// Live bytes from this step to the next entry.
  struct Moment {
    int64_t step, bytes;
  };
  struct Size {
    llvm::StringRef name;
    int64_t value, min;
    bool isBound; ///< no larger size is admitted
  };

  ReportInfo info;
  std::vector<DeviceFunction> functions; ///< of a GPU
  std::vector<Kernel> kernels;
  std::vector<Slot> slots;
  std::vector<Size> sizes;
  std::vector<Moment> timeline;
  std::vector<const Slot *> aliveAtPeak; ///< largest first
  int64_t peakStep = 0;
  int64_t firstStep = 0; ///< of kernels and slots; constants come before
  int64_t numSteps = 0;
  int64_t weightBytes = 0;
  bool isBounded = false; ///< the plan is the compiler's guarantee
  /// Of the plan at `sizes`; nullopt where a size of a slot is not known.
  std::optional<int64_t> arenaBytes, lowerBoundBytes;
  std::string method;
  mlir::DictionaryAttr counts; ///< of plan-memory

  /// Collects; fails if a size of `info` names no symbol, one that has a bound,
  /// or a size that is not admitted.
  static llvm::Expected<Report> collect(mlir::ModuleOp module, ReportInfo info);

private:
  llvm::Error addSizes(mlir::ModuleOp module);
  void addKernels(mlir::ModuleOp module);
  void addCode(mlir::ModuleOp module, Kernel &kernel) const;
  void addSlots(mlir::ModuleOp module);
  void addPlan(mlir::ModuleOp module);
  void addTimeline();
  std::optional<int64_t> evaluate(llvm::StringRef text) const;
};

/// Kernels (operators fused, library or generated, FLOPs, bytes), the memory
/// timeline, the values alive at the peak, the plan against its lower bound,
/// and what the passes did.
void writeJsonReport(const Report &report, llvm::raw_ostream &os);
void writeTextReport(const Report &report, llvm::raw_ostream &os);
/// One page that refers to nothing outside.
void writeHtmlReport(const Report &report, llvm::raw_ostream &os);
/// The one of these that `extension` (.json, .html, .txt) stands for.
void writeReport(const Report &report, llvm::StringRef extension,
                 llvm::raw_ostream &os);

/// The kernels alone: for a GPU with their device functions, schedules and what
/// these need, else with kind and grain. JSON if `extension` is .json, else
/// text.
void writeKernelReport(const Report &report, llvm::StringRef extension,
                       llvm::raw_ostream &os);

/// What quantization did, as text.
void writeQuantizationText(const Quantization &quantization,
                           llvm::raw_ostream &os);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_REPORT_H
