//===- Json.h - pieces of the report as JSON ------------------------------===//
#ifndef CINCH_LIB_PIPELINE_JSON_H
#define CINCH_LIB_PIPELINE_JSON_H

#include "lib/Pipeline/Report.h"
#include "llvm/Support/JSON.h"

namespace cinch::json {

/// A number, or null.
inline void putOptional(llvm::json::OStream &json, llvm::StringRef key,
                        std::optional<int64_t> value) {
  if (value)
    json.attribute(key, *value);
  else
    json.attribute(key, nullptr);
}

/// Strings of a model may be no UTF-8.
inline void putText(llvm::json::OStream &json, llvm::StringRef key,
                    llvm::StringRef text) {
  json.attribute(key, llvm::json::fixUTF8(text));
}

/// The members that say what a kernel was lowered to.
void putKernelCode(llvm::json::OStream &json, const Report::Kernel &kernel);

/// The members that say what quantization did.
void putQuantization(llvm::json::OStream &json,
                     const Quantization &quantization);

} // namespace cinch::json

#endif // CINCH_LIB_PIPELINE_JSON_H
