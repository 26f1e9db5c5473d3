//===- Samples.h - inputs of a model from files ---------------------------===//
#ifndef CINCH_LIB_PIPELINE_SAMPLES_H
#define CINCH_LIB_PIPELINE_SAMPLES_H

#include "lib/Pipeline/SampleProgram.h"

namespace cinch {

/// One set of inputs, in the order of the signature.
using Sample = std::vector<SampleTensor>;

/// Reads all sets of inputs of `program` at `path`:
/// - a .npz file with one array per input, by name: one set if the arrays have
///   the ranks of the inputs, one per index of a leading axis if all have one
///   axis more;
/// - a folder of such files and of folders `test_data_set_N` with `input_K.pb`
///   (ONNX's TensorProto, by position), in the order of their names.
/// An error, which names the file and the input: a name that is missing or that
/// the model lacks, an element type or shape that differs, NaN or infinity, no
/// set at all.
llvm::Expected<std::vector<Sample>> readSamples(const SampleProgram &program,
                                                const std::string &path);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_SAMPLES_H
