//===- HtmlReport.cpp - the report as one page ----------------------------===//
//
// The page has no source of names but the model, which is not trusted: all text
// is escaped, and the page's own policy admits this one script and no network.
//
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/Html.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SHA256.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::html;

std::string html::escape(StringRef text) {
  std::string result;
  for (char c : llvm::json::fixUTF8(text)) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else if (c == '\'')
      result += "&#39;";
    else if ((c >= 0 && c < ' ') || c == 0x7F)
      result += "\xEF\xBF\xBD";
    else
      result += c;
  }
  return result;
}

static std::string formatScaled(int64_t value, double base,
                                ArrayRef<StringRef> units) {
  double scaled = static_cast<double>(value);
  size_t unit = 0;
  while (scaled >= base && unit + 1 < units.size())
    scaled /= base, ++unit;
  std::string text;
  llvm::raw_string_ostream os(text);
  if (unit == 0)
    os << value;
  else
    os << llvm::format("%.3g", scaled);
  os << units[unit];
  return text;
}

std::string html::formatBytes(int64_t bytes) {
  return formatScaled(bytes, 1024,
                      {" B", " KiB", " MiB", " GiB", " TiB", " PiB"});
}

std::string html::formatCount(int64_t count) {
  return formatScaled(count, 1000, {"", " k", " M", " G", " T", " P"});
}

static void writeCard(llvm::raw_ostream &os, const llvm::Twine &value,
                      StringRef name) {
  os << "<div class=\"card\"><b>" << value << "</b><span>" << name
     << "</span></div>\n";
}

/// A number that sorts by its value and shows it in full on hover.
static void writeNumber(llvm::raw_ostream &os, std::optional<int64_t> value,
                        std::string (*format)(int64_t), StringRef expression) {
  os << "<td class=\"num\" data-key=\"" << value.value_or(-1) << "\" title=\""
     << escape(expression) << "\">" << (value ? format(*value) : "?")
     << "</td>";
}

static void writeHead(const Report &report, llvm::raw_ostream &os) {
  auto hash = llvm::SHA256::hash(llvm::arrayRefFromStringRef(script));
  os << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
        "charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" "
        "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src "
        "'sha256-"
     << llvm::encodeBase64(hash)
     << "'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>"
     << escape(report.info.model) << " — Cinch report</title>\n<style>" << style
     << "</style>\n</head>\n<body>\n<h1>" << escape(report.info.model)
     << "</h1>\n<p>compiled for "
     << (report.info.chip.empty() ? "" : escape(report.info.chip) + " and ")
     << escape(report.info.cpu) << ", pipeline "
     << escape(report.info.pipeline);
  for (const Report::Size &size : report.sizes)
    os << (&size == report.sizes.data() ? "; sizes: " : ", ")
       << escape(size.name) << " = " << size.value
       << (!size.isBound            ? " (assumed, no bound)"
           : size.min == size.value ? ""
                                    : " (bound)");
  os << "</p>\n";
}

static void writeSummary(const Report &report, llvm::raw_ostream &os) {
  os << "<div class=\"cards\">\n";
  if (report.arenaBytes) {
    writeCard(os, formatBytes(*report.arenaBytes),
              report.isBounded ? "arena, guaranteed" : "arena at these sizes");
    double ratio = static_cast<double>(*report.arenaBytes) /
                   std::max<int64_t>(*report.lowerBoundBytes, 1);
    std::string text;
    llvm::raw_string_ostream(text)
        << "plan / lower bound (" << formatBytes(*report.lowerBoundBytes)
        << ", " << report.method << ")";
    std::string number;
    llvm::raw_string_ostream(number)
        << llvm::format("%.3f", *report.lowerBoundBytes ? ratio : 1.0);
    writeCard(os, number, text);
  } else {
    writeCard(os, "?", "arena: no plan at these sizes");
  }
  int64_t slotBytes = 0, flops = 0;
  for (const Report::Slot &slot : report.slots)
    slotBytes += slot.bytesAtSizes.value_or(0);
  for (const Report::Kernel &kernel : report.kernels)
    flops += std::max<int64_t>(kernel.flopsAtSizes.value_or(0), 0);
  writeCard(os, formatBytes(slotBytes),
            "in " + std::to_string(report.slots.size()) +
                " slots, if none shared memory");
  writeCard(os, formatBytes(report.weightBytes), "weights");
  writeCard(os, llvm::Twine(report.kernels.size()), "kernels");
  writeCard(os, formatCount(flops), "FLOPs");
  os << "</div>\n";
}

static void writePeak(const Report &report, llvm::raw_ostream &os) {
  constexpr size_t maxShown = 12;
  os << "<h2>Alive at the peak</h2>\n<p>step " << report.peakStep << ", "
     << report.aliveAtPeak.size()
     << " slots</p>\n<div class=\"table\"><table id=\"peak\"><thead><tr><th>"
        "value</th><th class=\"num\">steps</th><th class=\"num\">bytes</th><th "
        "class=\"num\">share</th><th></th></tr></thead><tbody>\n";
  double total = std::max<int64_t>(*report.lowerBoundBytes, 1);
  auto writeRow = [&](const std::string &name, const std::string &steps,
                      int64_t bytes) {
    os << "<tr><td class=\"id\">" << name << "</td><td class=\"num\">" << steps
       << "</td><td class=\"num\" data-key=\"" << bytes << "\" title=\""
       << bytes << "\">" << formatBytes(bytes) << "</td><td class=\"num\">"
       << llvm::format("%.1f %%", 100 * bytes / total)
       << "</td><td class=\"bar\"><svg viewBox=\"0 0 100 12\" "
          "preserveAspectRatio=\"none\"><rect height=\"12\" width=\""
       << llvm::format("%.2f", 100 * bytes / total) << "\"/></svg></td></tr>\n";
  };
  int64_t rest = 0;
  for (auto [index, slot] : llvm::enumerate(report.aliveAtPeak)) {
    int64_t bytes = slot->bytesAtSizes.value_or(0);
    if (index < maxShown)
      writeRow(escape(slot->name),
               std::to_string(slot->first) + "–" + std::to_string(slot->last),
               bytes);
    else
      rest += bytes;
  }
  if (report.aliveAtPeak.size() > maxShown)
    writeRow(std::to_string(report.aliveAtPeak.size() - maxShown) +
                 " smaller ones",
             "", rest);
  os << "</tbody></table></div>\n";
}

static void writeMemory(const Report &report, llvm::raw_ostream &os) {
  if (!report.arenaBytes || report.slots.empty())
    return;
  os << "<h2>Live bytes</h2>\n<p>What the program needs at each step; no "
        "placement in this order can take less than the peak.</p>\n";
  drawTimeline(report, os);
  os << "<h2>The plan</h2>\n<p>Each block is a slot of the arena, from its "
        "first write to its last read; those alive at the peak are marked. "
        "Point at a block for its name, bytes and lifetime.</p>\n";
  drawPlan(report, os);
  writePeak(report, os);
}

/// The operators of a kernel in the order of the graph; what the kernel writes
/// comes last. Values on hover.
static void writeOperators(const Report::Kernel &kernel,
                           llvm::raw_ostream &os) {
  SmallVector<StringRef> ops;
  kernel.op.split(ops, '+');
  size_t maxShown = ops.size() > 14 ? 10 : ops.size();
  os << "<td class=\"ops\">";
  for (auto [index, op] : llvm::enumerate(ops)) {
    if (index == maxShown)
      os << "<details><summary>" << ops.size() - maxShown << " more</summary>";
    else if (index)
      os << "<span class=\"then\">→</span>";
    StringRef value;
    if (index < kernel.values.size())
      value = cast<StringAttr>(kernel.values[index]).getValue();
    os << "<span class=\"op" << (index + 1 == ops.size() ? " root" : "")
       << "\" title=\"" << escape(value) << "\">" << escape(op) << "</span>";
  }
  os << (ops.size() > maxShown ? "</details></td>" : "</td>");
}

static void writeKernels(const Report &report, llvm::raw_ostream &os) {
  if (report.kernels.empty())
    return;
  os << "<h2>Kernels</h2>\n<p>What was fused into each: operators of the graph "
        "in order, the values between them are never stored. Point at a kernel "
        "for what it reads, at an operator for its value; click a heading to "
        "sort.</p>\n<div class=\"table\"><table id=\"kernels\" "
        "class=\"sortable\"><thead><tr>";
  static constexpr std::pair<StringLiteral, bool> heads[] = {
      {"step", true},  {"result", false}, {"operators", false},
      {"kind", false}, {"FLOPs", true},   {"bytes", true}};
  for (auto [head, isNumber] : heads)
    os << (isNumber ? "<th class=\"num\">" : "<th>")
       << "<button type=\"button\">" << head << "</button></th>";
  os << "</tr></thead><tbody>\n";
  for (const Report::Kernel &kernel : report.kernels) {
    os << "<tr><td class=\"num\" data-key=\"" << kernel.step << "\">"
       << kernel.step << "</td><td class=\"id\" title=\"reads:";
    for (auto input : kernel.inputs.getAsValueRange<StringAttr>())
      os << "\n" << escape(input);
    os << "\">" << escape(kernel.name) << "</td>";
    writeOperators(kernel, os);
    os << "<td>" << escape(kernel.kind) << "</td>";
    writeNumber(os, kernel.flopsAtSizes, formatCount, kernel.flops);
    writeNumber(os, kernel.bytesAtSizes, formatBytes, kernel.bytes);
    os << "</tr>\n";
  }
  os << "</tbody></table></div>\n";
}

static void writeDeviceRow(const Report::Kernel &kernel,
                           const DeviceFunction &function,
                           llvm::raw_ostream &os) {
  auto writeCell = [&](std::optional<int64_t> key, const llvm::Twine &text,
                       StringRef hover = "") {
    os << "<td class=\"num\" data-key=\"" << key.value_or(-1) << "\" title=\""
       << escape(hover) << "\">" << (key ? text.str() : "?") << "</td>";
  };
  auto writePlain = [&](std::optional<int64_t> value) {
    writeCell(value, llvm::Twine(value.value_or(0)));
  };
  os << "<tr><td class=\"id\" title=\"" << escape(kernel.op) << "\">"
     << escape(kernel.name) << "</td><td class=\"id\">" << escape(function.name)
     << "</td><td title=\"" << escape(function.reason) << "\">"
     << (function.isFallback ? "<b>fallback</b>: " : "")
     << escape(function.schedule) << "</td>";
  writePlain(function.threads);
  int64_t shared = function.dynamicSharedBytes + function.staticSharedBytes;
  writeCell(shared, formatBytes(shared),
            std::to_string(function.dynamicSharedBytes) + " dynamic, " +
                std::to_string(function.staticSharedBytes) + " static");
  std::optional<int64_t> registers, spills, share;
  if (function.resources) {
    registers = function.resources->registers;
    spills = function.resources->spillBytes;
  }
  Occupancy occupancy = function.occupancy.value_or(Occupancy());
  if (function.occupancy)
    share = std::lround(100 * occupancy.share);
  writePlain(registers);
  writePlain(spills);
  writeCell(share, llvm::Twine(share.value_or(0)) + " %",
            std::to_string(occupancy.blocks) + " blocks; limited by " +
                occupancy.limit.str());
  os << "<td>" << escape(function.matrixOps) << "</td><td>"
     << escape(function.loadBytes) << "</td></tr>\n";
}

static void writeDevice(const Report &report, llvm::raw_ostream &os) {
  if (report.functions.empty())
    return;
  os << "<h2>GPU kernels</h2>\n<p>How each is computed on "
     << escape(report.info.chip)
     << ". Point at a kernel for its operators, at a schedule for why it was "
        "chosen, at shared memory and occupancy for what they are made of; "
        "registers and spills (bytes) are what ptxas says, ? where there was "
        "none. Matrix instructions and bytes are formulas of the words of a "
        "launch.</p>\n<div class=\"table\"><table id=\"gpu\" "
        "class=\"sortable\"><thead><tr>";
  static constexpr std::pair<StringLiteral, bool> heads[] = {
      {"result", false},    {"function", false}, {"schedule", false},
      {"threads", true},    {"shared", true},    {"registers", true},
      {"spills", true},     {"occupancy", true}, {"matrix ops", false},
      {"bytes read", false}};
  for (auto [head, isNumber] : heads)
    os << (isNumber ? "<th class=\"num\">" : "<th>")
       << "<button type=\"button\">" << head << "</button></th>";
  os << "</tr></thead><tbody>\n";
  for (const Report::Kernel &kernel : report.kernels)
    if (kernel.device)
      writeDeviceRow(kernel, *kernel.device, os);
  os << "</tbody></table></div>\n";
}

static void writePasses(const Report &report, llvm::raw_ostream &os) {
  os << "<h2>Passes</h2>\n<p>The program before and after each pass that ran, "
        "and what the pass counted.</p>\n<div class=\"table\"><table "
        "id=\"passes\"><thead><tr><th>pass</th><th "
        "class=\"num\">operations</th>"
        "<th class=\"num\">constants</th><th class=\"num\">bytes of constants"
        "</th><th>counts</th></tr></thead><tbody>\n";
  auto writeChange = [&](int64_t before, int64_t after,
                         std::string (*format)(int64_t)) {
    os << "<td class=\"num\">";
    if (before != after)
      os << format(before) << " → ";
    os << format(after) << "</td>";
  };
  auto plain = [](int64_t value) { return std::to_string(value); };
  for (const PassRecord &record : report.info.passes) {
    os << "<tr><td>" << escape(record.pass) << "</td>";
    writeChange(record.before.operations, record.after.operations, plain);
    writeChange(record.before.constants, record.after.constants, plain);
    writeChange(record.before.constantBytes, record.after.constantBytes,
                formatBytes);
    os << "<td>";
    for (const auto &count : record.counts)
      os << (&count == record.counts.data() ? "" : ", ") << escape(count.first)
         << " " << count.second;
    os << "</td></tr>\n";
  }
  os << "</tbody></table></div>\n";
}

void html::writeKept(StringRef id, ArrayRef<KeptValue> values,
                     llvm::raw_ostream &os) {
  os << "<div class=\"table\"><table id=\"" << id
     << "\"><thead><tr><th>value</th><th>reason</th></tr></thead><tbody>\n";
  for (const KeptValue &value : values)
    os << "<tr><td>" << escape(value.name) << "</td><td>"
       << escape(value.reason) << "</td></tr>\n";
  os << "</tbody></table></div>\n";
}

static void writePrecision(const PrecisionError &error, llvm::raw_ostream &os) {
  os << "<h2>Precision</h2>\n<p>Outputs in " << escape(error.precision)
     << " against f32 on " << error.samples << " sets of inputs ("
     << (error.source.empty() ? "random" : escape(error.source))
     << "): the largest difference over the largest "
        "value, and the norm of the differences over that of the values."
        "</p>\n<div class=\"table\"><table id=\"precision\"><thead><tr><th>"
        "output</th><th class=\"num\">largest</th><th class=\"num\">norm</th>"
        "</tr></thead><tbody>\n";
  for (const OutputError &output : error.outputs)
    os << "<tr><td>" << escape(output.name) << "</td>"
       << llvm::format("<td class=\"num\">%.2e</td><td class=\"num\">%.2e</td>",
                       output.maxError, output.rmsError)
       << "</tr>\n";
  os << "</tbody></table></div>\n<p>Values that stay in f32, and why:</p>\n";
  writeKept("kept", error.kept, os);
}

void cinch::writeHtmlReport(const Report &report, llvm::raw_ostream &os) {
  writeHead(report, os);
  writeSummary(report, os);
  writeMemory(report, os);
  writeKernels(report, os);
  writeDevice(report, os);
  writePasses(report, os);
  if (report.info.quantization)
    html::writeQuantization(*report.info.quantization, os);
  if (report.info.precision)
    writePrecision(*report.info.precision, os);
  os << "<script>" << script << "</script>\n</body>\n</html>\n";
}
