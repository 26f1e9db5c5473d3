//===- Refusals.cpp - operators that cannot be imported, and why ----------===//
#include "lib/Import/Node.h"

using namespace cinch;
using namespace cinch::import;

void import::addRefusals(llvm::StringMap<StringRef> &reasons) {
  for (StringRef name : {"NonZero", "Unique", "NonMaxSuppression"})
    reasons[name] = "the size of the output depends on the data (only sizes "
                    "known before the run are supported)";
  for (StringRef name : {"RandomNormal", "RandomNormalLike", "RandomUniform",
                         "RandomUniformLike", "Bernoulli", "Multinomial"})
    reasons[name] =
        "random numbers are not supported (make them an input of the model)";
  for (StringRef name : {"StringConcat", "StringNormalizer", "StringSplit",
                         "RegexFullMatch", "TfIdfVectorizer"})
    reasons[name] = "strings are not supported (process text before the model)";
  for (StringRef name :
       {"SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase",
        "SequenceInsert", "SequenceLength", "SequenceMap", "SplitToSequence",
        "ConcatFromSequence"})
    reasons[name] = "sequences are not supported (use tensors)";
  for (StringRef name :
       {"Optional", "OptionalGetElement", "OptionalHasElement"})
    reasons[name] = "optional values are not supported (use tensors)";
  reasons["ImageDecoder"] =
      "image files are not supported (decode before the model)";
  for (StringRef name :
       {"MaxUnpool", "MaxRoiPool", "RoiAlign", "DeformConv", "Col2Im", "DFT",
        "STFT", "Det", "MelWeightMatrix", "LinearAttention", "CumProd"})
    reasons[name] = "operator has no form in the graph dialect yet (express it "
                    "with others)";
}
