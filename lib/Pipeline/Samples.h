//===- Samples.h - inputs of a model from files ---------------------------===//
#ifndef CINCH_LIB_PIPELINE_SAMPLES_H
#define CINCH_LIB_PIPELINE_SAMPLES_H

#include "lib/Pipeline/SampleProgram.h"

namespace cinch {

/// One set of inputs, in the order of the signature.
using Sample = std::vector<SampleTensor>;

/// Where samples come from.
struct SampleSource {
  int64_t count = 1; ///< sets of random inputs, those of cinch-run with the
                     ///< seeds 0, 1, ...
  SampleSizes sizes; ///< of symbols in random inputs
  std::string path;  ///< a file or folder instead; empty: random inputs
  int64_t maxSets = INT64_MAX; ///< of a file or folder that are taken
};

/// The samples of `program` from `source`. A path is one of:
/// - a .npz file with one array per input, by name: one set if the arrays have
///   the ranks of the inputs, one per index of a leading axis if all have one
///   axis more;
/// - a folder of such files and of folders `test_data_set_N` with `input_K.pb`
///   (ONNX's TensorProto, by position), in the order of their names.
/// An error, which names the file and the input: a name that is missing or that
/// the model lacks, an element type or shape that differs, NaN or infinity, no
/// set at all.
llvm::Expected<std::vector<Sample>> readSamples(const SampleProgram &program,
                                                const SampleSource &source);

/// Calls `use` for one set after the other, with the share of them that is
/// done, from 0 to 1: the sets of one file are in memory at once. Stops at its
/// first error.
llvm::Error forEachSample(
    const SampleProgram &program, const std::string &path,
    llvm::function_ref<llvm::Error(Sample &sample, double share)> use);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_SAMPLES_H
