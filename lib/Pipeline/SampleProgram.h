//===- SampleProgram.h - a program that is run on random inputs -----------===//
#ifndef CINCH_LIB_PIPELINE_SAMPLEPROGRAM_H
#define CINCH_LIB_PIPELINE_SAMPLEPROGRAM_H

#include "lib/Pipeline/LoadedProgram.h"

namespace cinch {

/// A tensor with its memory.
struct SampleTensor {
  std::string name;
  cinch_dtype_t dtype;
  llvm::SmallVector<int64_t> shape;
  int64_t count = 1; ///< of elements
  std::optional<AlignedBytes> bytes;

  /// Makes memory for `shape`, unless there is enough, and sets `count`; an
  /// error if it is too large.
  llvm::Error allocate();
  /// Element `index` of a tensor of floats.
  double getFloat(int64_t index) const;
  cinch_tensor_t getView() {
    return {bytes->begin(), dtype, static_cast<int32_t>(shape.size()),
            shape.data(), nullptr};
  }
};

/// Sizes of symbols, by name.
using SampleSizes = std::vector<std::pair<std::string, int64_t>>;

/// A program compiled for this machine, to be run on random inputs.
class SampleProgram {
public:
  /// Compiles `module`, which is on the graph level, and leaves it as it is.
  llvm::Error load(mlir::ModuleOp module);
  /// The inputs of cinch-run for `seed`. A symbol has its size in `sizes`,
  /// moved into its bounds, else the smallest one that is not 0; integers are 0
  /// or 1. An error if a dimension is no symbol.
  llvm::Expected<std::vector<SampleTensor>>
  makeInputs(uint64_t seed, const SampleSizes &sizes) const;
  /// All outputs.
  llvm::Expected<std::vector<SampleTensor>>
  run(std::vector<SampleTensor> &inputs) const;
  /// The same into `outputs`, of an earlier run or empty, whose memory is used
  /// again: that of large outputs costs more than the run.
  llvm::Error run(std::vector<SampleTensor> &inputs,
                  std::vector<SampleTensor> &outputs) const;

  cinch_model_t *getModel() const { return program.getModel(); }

private:
  LoadedProgram program;
  cinch_model_info_t info = {};
};

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_SAMPLEPROGRAM_H
