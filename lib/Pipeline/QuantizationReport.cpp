//===- QuantizationReport.cpp - the report on few bits --------------------===//
#include "lib/Pipeline/Html.h"
#include "lib/Pipeline/Json.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::html;
using llvm::json::OStream;

/// JSON has no infinities.
static void putNumber(OStream &json, StringRef key, double value) {
  if (std::isfinite(value))
    json.attribute(key, value);
  else
    json.attribute(key, nullptr);
}

static void writeLayer(OStream &json, const QuantizedLayer &layer) {
  json::putText(json, "name", layer.name);
  json.attribute("op", layer.op);
  json.attribute("weights", layer.weights);
  json.attribute("activations", layer.activations);
  if (layer.isMeasured)
    putNumber(json, "sqnr_db", layer.getRatio());
}

static void writeClipped(OStream &json, const ClippedValue &value) {
  json::putText(json, "name", value.name);
  json.attribute("low", value.low);
  json.attribute("high", value.high);
}

void json::putQuantization(OStream &json, const Quantization &quantization) {
  auto putList = [&](StringRef key, const auto &list, auto write) {
    json.attributeArray(key, [&] {
      for (const auto &entry : list)
        json.object([&] { write(entry); });
    });
  };
  json.attribute("recipe", quantization.recipe);
  json.attribute("calibration_samples", quantization.calibrationSamples);
  json.attribute("samples", quantization.samples);
  json::putText(json, "source", quantization.source);
  json.attribute("goal", quantization.goal);
  json.attribute("weight_bytes_before", quantization.weightBytesBefore);
  json.attribute("weight_bytes_after", quantization.weightBytesAfter);
  putList("outputs", quantization.outputs, [&](const OutputError &output) {
    json::putText(json, "name", output.name);
    putNumber(json, "max_error", output.maxError);
    putNumber(json, "rms_error", output.rmsError);
  });
  putList("layers", quantization.layers,
          [&](const QuantizedLayer &layer) { writeLayer(json, layer); });
  putList("ranges", quantization.clipped,
          [&](const ClippedValue &value) { writeClipped(json, value); });
  putList("kept", quantization.kept, [&](const KeptValue &value) {
    json::putText(json, "name", value.name);
    json::putText(json, "reason", value.reason);
  });
  putList("attempts", quantization.attempts, [&](const QuantizeAttempt &tried) {
    json.attribute("recipe", tried.recipe);
    putNumber(json, "rms_error", tried.error);
    json.attribute("weight_bytes", tried.weightBytes);
  });
}

/// "31.2 dB", or why there is none.
static std::string formatRatio(const QuantizedLayer &layer) {
  if (!layer.isMeasured)
    return "not measured";
  if (layer.noise == 0)
    return "exact";
  return llvm::formatv("{0:f1} dB", layer.getRatio()).str();
}

/// One sentence on what was compared.
static std::string describeSamples(const Quantization &quantization) {
  if (quantization.samples == 0)
    return "Not compared with f32.";
  return llvm::formatv("Compared with f32 on {0} sets of inputs ({1}).",
                       quantization.samples,
                       quantization.source.empty() ? "random"
                                                   : quantization.source)
      .str();
}

void cinch::writeQuantizationText(const Quantization &quantization,
                                  llvm::raw_ostream &os) {
  os << "\nQuantization " << quantization.recipe << "\n  calibrated on "
     << quantization.calibrationSamples << " samples, constants "
     << quantization.weightBytesBefore << " -> "
     << quantization.weightBytesAfter << " bytes\n  "
     << describeSamples(quantization) << "\n";
  for (const OutputError &output : quantization.outputs)
    os << "  output " << output.name << ": error "
       << llvm::format("%.2e of the norm, %.2e of the largest value\n",
                       output.rmsError, output.maxError);
  for (const QuantizeAttempt &tried : quantization.attempts)
    os << "  tried " << tried.recipe
       << llvm::format(": error %.2e, ", tried.error) << tried.weightBytes
       << " bytes of constants\n";
  os << "\nQuantized products: weights; activations; signal to noise, with the "
        "noise of all before\n";
  for (const QuantizedLayer &layer : quantization.layers)
    os << "  " << layer.name << ", " << layer.op << ": " << layer.weights
       << "; " << layer.activations << "; " << formatRatio(layer) << "\n";
  os << "\nStatic ranges\n";
  for (const ClippedValue &value : quantization.clipped)
    os << "  " << value.name
       << llvm::format(": %.4g to %.4g\n", value.low, value.high);
  os << "\nWeights and values that are not quantized\n";
  for (const KeptValue &value : quantization.kept)
    os << "  " << value.name << ": " << value.reason << "\n";
}

/// The numbers of a value by their logarithmic frequency, with the range that
/// has codes, as SVG.
static void drawHistogram(const ClippedValue &value, llvm::raw_ostream &os) {
  constexpr int numBars = 128, height = 90, width = 2 * numBars;
  const std::vector<int64_t> &counts = value.histogram.getCounts();
  if (counts.empty())
    return;
  // As much of the range as has numbers, symmetric.
  int reach = 1, middle = quantize::Histogram::numBins / 2;
  for (int bin = 0; bin < quantize::Histogram::numBins; ++bin)
    if (counts[bin] != 0)
      reach = std::max(reach, bin < middle ? middle - bin : bin - middle + 1);
  std::vector<double> bars(numBars);
  for (int bin = middle - reach; bin < middle + reach; ++bin)
    bars[(bin - middle + reach) * numBars / (2 * reach)] += counts[bin];
  double highest = std::log1p(*llvm::max_element(bars));
  double largest = reach * value.histogram.getBinWidth();
  os << "<figure><svg viewBox=\"0 0 " << width << " " << height + 16
     << "\" role=\"img\" aria-label=\"histogram\"><path class=\"live\" d=\"M0 "
     << height;
  for (auto [bar, count] : llvm::enumerate(bars))
    os << "V"
       << llvm::format("%.1f",
                       height - (height - 8) * std::log1p(count) / highest)
       << "H" << 2 * (bar + 1);
  os << "V" << height << "Z\"/>";
  for (double end : {value.low, value.high}) {
    double x = (end / largest + 1) / 2 * width;
    if (x >= 0 && x <= width)
      os << "<path class=\"bound\" d=\"M" << llvm::format("%.1f", x) << " 0V"
         << height << "\"/>";
  }
  os << "<text class=\"tick\" x=\"0\" y=\"" << height + 12 << "\">"
     << llvm::format("%.3g", -largest) << "</text><text class=\"tick end\" x=\""
     << width << "\" y=\"" << height + 12 << "\">"
     << llvm::format("%.3g", largest) << "</text></svg><figcaption>"
     << escape(value.name)
     << llvm::format("<br>codes from %.3g to %.3g", value.low, value.high)
     << "</figcaption></figure>\n";
}

/// The table of products, with a bar of the signal to noise ratio.
static void writeLayers(const Quantization &quantization,
                        llvm::raw_ostream &os) {
  os << "<div class=\"table\"><table id=\"quantized\" "
        "class=\"sortable\"><thead>"
        "<tr><th><button type=\"button\">product</button></th><th><button "
        "type=\"button\">weights</button></th><th><button type=\"button\">"
        "activations</button></th><th class=\"num\"><button type=\"button\">"
        "signal to noise</button></th><th></th></tr></thead><tbody>\n";
  double best = 1;
  for (const QuantizedLayer &layer : quantization.layers)
    if (layer.isMeasured && std::isfinite(layer.getRatio()))
      best = std::max(best, layer.getRatio());
  for (const QuantizedLayer &layer : quantization.layers) {
    double share =
        layer.isMeasured ? std::clamp(layer.getRatio() / best, 0.0, 1.0) : 0;
    os << "<tr><td class=\"id\">" << escape(layer.name)
       << " <span class=\"op\">" << layer.op << "</span></td><td>"
       << layer.weights << "</td><td>" << layer.activations
       << "</td><td class=\"num\" data-key=\""
       << (std::isfinite(layer.getRatio()) ? layer.getRatio() : 1e9) << "\">"
       << formatRatio(layer)
       << "</td><td class=\"bar\"><svg viewBox=\"0 0 100 12\" "
          "preserveAspectRatio=\"none\"><rect width=\""
       << llvm::format("%.1f", 100 * share)
       << "\" height=\"12\"/></svg></td></tr>\n";
  }
  os << "</tbody></table></div>\n";
}

void html::writeQuantization(const Quantization &quantization,
                             llvm::raw_ostream &os) {
  os << "<h2>Quantization</h2>\n<p>Recipe " << quantization.recipe
     << ", calibrated on " << quantization.calibrationSamples
     << " samples; constants " << formatBytes(quantization.weightBytesBefore)
     << " → " << formatBytes(quantization.weightBytesAfter) << ". "
     << escape(describeSamples(quantization)) << "</p>\n";
  if (!quantization.attempts.empty())
    os << "<p>Tried, from cheap to dear:</p>\n<ul>\n";
  for (const QuantizeAttempt &tried : quantization.attempts)
    os << "<li>" << tried.recipe << llvm::format(": error %.2e, ", tried.error)
       << formatBytes(tried.weightBytes) << "</li>\n";
  if (!quantization.attempts.empty())
    os << "</ul>\n";
  if (!quantization.outputs.empty())
    os << "<ul>\n";
  for (const OutputError &output : quantization.outputs)
    os << "<li>output " << escape(output.name)
       << llvm::format(": error %.2e of the norm, %.2e of the largest value",
                       output.rmsError, output.maxError)
       << "</li>\n";
  if (!quantization.outputs.empty())
    os << "</ul>\n";
  os << "<p>Signal to noise is measured behind each product and counts the "
        "noise of all before it.</p>\n";
  writeLayers(quantization, os);
  if (!quantization.clipped.empty())
    os << "<p>What static ranges hold: how often numbers occur (logarithmic), "
          "and the first and last code.</p>\n<div class=\"plots\">\n";
  for (const ClippedValue &value : quantization.clipped)
    drawHistogram(value, os);
  if (!quantization.clipped.empty())
    os << "</div>\n";
  if (quantization.kept.empty())
    return;
  os << "<p>Not quantized, and why:</p>\n";
  writeKept("unquantized", quantization.kept, os);
}
