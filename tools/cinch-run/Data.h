//===- Data.h - inputs and outputs of a run -------------------------------===//
#ifndef CINCH_TOOLS_CINCHRUN_DATA_H
#define CINCH_TOOLS_CINCHRUN_DATA_H

#include "lib/TensorFiles/Tensor.h"
#include "tools/cinch-run/Options.h"

namespace cinch::run {

/// An input or output: its name in the signature and its value.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Makes the inputs of `model` from files, or random ones.
bool makeInputs(const cinch_model_t *model, const Options &options,
                std::vector<NamedTensor> &out, std::string &error);

/// Writes `outputs` to an .npz if `path` ends so, else to a folder, which is
/// created, as output_k.pb.
bool writeOutputs(const std::string &path,
                  const std::vector<NamedTensor> &outputs, std::string &error);

/// How one output agrees with what is expected.
struct Comparison {
  bool isEqual = false; ///< within the tolerances
  double maxError = 0;  ///< largest |actual - expected|
  double maxValue = 0;  ///< largest |expected|
  int64_t mismatches = 0;
  std::string message; ///< the first mismatch, or what differs in type or shape
};

Comparison compare(const Tensor &actual, const Tensor &expected, double rtol,
                   double atol);

} // namespace cinch::run

#endif // CINCH_TOOLS_CINCHRUN_DATA_H
