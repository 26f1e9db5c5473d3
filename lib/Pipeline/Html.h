//===- Html.h - pieces of the report as a page ----------------------------===//
#ifndef CINCH_LIB_PIPELINE_HTML_H
#define CINCH_LIB_PIPELINE_HTML_H

#include "lib/Pipeline/Report.h"

namespace cinch::html {

extern const llvm::StringLiteral style, script;

/// Text of a model as text or attribute value of a page: escaped, with U+FFFD
/// for what is no UTF-8 and for control characters.
std::string escape(llvm::StringRef text);
/// `1.31 MiB`, `96 bytes`.
std::string formatBytes(int64_t bytes);
/// `12.3 M`, with decimal prefixes.
std::string formatCount(int64_t count);

/// Live bytes by step, with the peak, as SVG.
void drawTimeline(const Report &report, llvm::raw_ostream &os);
/// The slots as blocks, steps by arena offsets, as SVG.
void drawPlan(const Report &report, llvm::raw_ostream &os);

/// A table of `values` and the reasons why they stay as they are.
void writeKept(llvm::StringRef id, llvm::ArrayRef<KeptValue> values,
               llvm::raw_ostream &os);
/// The section on quantization, with a table of products and histograms.
void writeQuantization(const Quantization &quantization, llvm::raw_ostream &os);

} // namespace cinch::html

#endif // CINCH_LIB_PIPELINE_HTML_H
