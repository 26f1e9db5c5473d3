//===- HtmlCharts.cpp - the memory of a program as SVG --------------------===//
#include "lib/Pipeline/Html.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::html;

namespace {

/// Maps steps and bytes to the units of a drawing of 1000 x height.
struct Axes {
  Axes(const Report &report, double height)
      : height(height), firstStep(report.firstStep),
        numSteps(std::max<int64_t>(report.numSteps - firstStep, 1)),
        maxBytes(std::max<int64_t>(*report.arenaBytes, 1)) {}
  double getX(int64_t step) const {
    return left + (right - left) * (step - firstStep) / numSteps;
  }
  double getY(int64_t bytes) const {
    return bottom() - (bottom() - top) * bytes / maxBytes;
  }
  double bottom() const { return height - 34; }
  void begin(llvm::raw_ostream &os, StringRef label) const;
  void drawRect(llvm::raw_ostream &os, StringRef css, double x0, double y0,
                double x1, double y1, const std::string &title) const;

  static constexpr double left = 86, right = 990, top = 24;
  double height;
  int64_t firstStep, numSteps, maxBytes;
};

} // namespace

static llvm::format_object<double> number(double value) {
  return llvm::format("%.2f", value);
}

/// 1, 2 or 5 times a power of ten, so that at most `maxTicks` are in `range`.
static int64_t getStepTick(int64_t range, int64_t maxTicks) {
  for (int64_t unit = 1;; unit *= 10)
    for (int64_t factor : {1, 2, 5})
      if (range / (unit * factor) <= maxTicks)
        return unit * factor;
}

static int64_t getByteTick(int64_t range) {
  int64_t tick = 1;
  while (range / tick > 6)
    tick *= 2;
  return tick;
}

/// Opens the drawing and draws its axes.
void Axes::begin(llvm::raw_ostream &os, StringRef label) const {
  os << "<svg viewBox=\"0 0 1000 " << height << "\" role=\"img\" aria-label=\""
     << label << "\">\n";
  int64_t byteTick = getByteTick(maxBytes);
  for (int64_t bytes = 0; bytes <= maxBytes; bytes += byteTick)
    os << "<path class=\"grid\" d=\"M" << left << " " << number(getY(bytes))
       << "H" << right << "\"/><text class=\"tick end\" x=\"" << left - 6
       << "\" y=\"" << number(getY(bytes) + 4) << "\">" << formatBytes(bytes)
       << "</text>\n";
  int64_t stepTick = getStepTick(numSteps, 12);
  for (int64_t step = (firstStep + stepTick - 1) / stepTick * stepTick;
       step < firstStep + numSteps; step += stepTick)
    os << "<text class=\"tick\" x=\"" << number(getX(step)) << "\" y=\""
       << bottom() + 16 << "\">" << step << "</text>\n";
  os << "<text class=\"tick middle\" x=\"" << (left + right) / 2 << "\" y=\""
     << height - 3 << "\">program step</text>\n";
}

void Axes::drawRect(llvm::raw_ostream &os, StringRef css, double x0, double y0,
                    double x1, double y1, const std::string &title) const {
  os << "<rect class=\"" << css << "\" x=\"" << number(x0) << "\" y=\""
     << number(y0) << "\" width=\"" << number(x1 - x0) << "\" height=\""
     << number(y1 - y0) << "\"><title>" << title << "</title></rect>\n";
}

void html::drawTimeline(const Report &report, llvm::raw_ostream &os) {
  Axes axes(report, 260);
  axes.begin(os, "Live bytes by program step");
  llvm::DenseMap<int64_t, StringRef> kernels;
  for (const Report::Kernel &kernel : report.kernels)
    kernels.try_emplace(kernel.step, kernel.name);
  os << "<path class=\"live\" d=\"M" << Axes::left << " "
     << number(axes.bottom());
  for (const Report::Moment &moment : report.timeline)
    os << "H" << number(axes.getX(moment.step)) << "V"
       << number(axes.getY(moment.bytes));
  os << "H" << Axes::right << "V" << number(axes.bottom()) << "Z\"/>\n";
  double bound = axes.getY(*report.lowerBoundBytes);
  double x = axes.getX(report.peakStep);
  bool isRight = x > 500;
  os << "<path class=\"bound\" d=\"M" << Axes::left << " " << number(bound)
     << "H" << Axes::right << "\"/><circle class=\"mark\" r=\"4\" cx=\""
     << number(x) << "\" cy=\"" << number(bound) << "\"/><text class=\"label"
     << (isRight ? " end" : "") << "\" x=\"" << number(x + (isRight ? -8 : 8))
     << "\" y=\"" << number(bound - 7)
     << "\">peak: " << formatBytes(*report.lowerBoundBytes) << " alive at step "
     << report.peakStep << "</text>\n";
  for (auto [index, moment] : llvm::enumerate(report.timeline)) {
    int64_t end = index + 1 < report.timeline.size()
                      ? report.timeline[index + 1].step
                      : report.numSteps;
    if (end <= moment.step)
      continue;
    std::string title = "step " + std::to_string(moment.step) + ": " +
                        formatBytes(moment.bytes) + " (" +
                        std::to_string(moment.bytes) + ")";
    if (auto kernel = kernels.find(moment.step); kernel != kernels.end())
      title += "\ncomputes " + escape(kernel->second);
    axes.drawRect(os, "moment", axes.getX(moment.step), Axes::top,
                  axes.getX(end), axes.bottom(), title);
  }
  os << "</svg>\n";
}

/// The name of a value, cut to what fits in `width` units; its end tells more
/// than its beginning.
static std::string fitName(StringRef name, double width) {
  size_t room = static_cast<size_t>(std::max(width - 8, 0.0) / 6.6);
  name.consume_back("_output_0"); // what exporters add to every name
  std::string whole = llvm::json::fixUTF8(name);
  if (whole.size() <= room)
    return escape(whole);
  if (room < 6)
    return "";
  size_t begin = whole.size() - (room - 1);
  while (begin < whole.size() && (whole[begin] & 0xC0) == 0x80)
    ++begin; // not within a character
  return "…" + escape(whole.substr(begin));
}

void html::drawPlan(const Report &report, llvm::raw_ostream &os) {
  Axes axes(report, 460);
  axes.begin(os, "Slots of the arena by program step and offset");
  for (const Report::Slot &slot : report.slots) {
    int64_t bytes = slot.bytesAtSizes.value_or(0);
    if (slot.offset < 0 || bytes == 0)
      continue;
    bool isAtPeak =
        slot.first <= report.peakStep && report.peakStep <= slot.last;
    double x0 = axes.getX(slot.first), x1 = axes.getX(slot.last + 1);
    double y0 = axes.getY(slot.offset + bytes), y1 = axes.getY(slot.offset);
    std::string title = escape(slot.name) + "\n" + formatBytes(bytes) + " (" +
                        std::to_string(bytes) + "), steps " +
                        std::to_string(slot.first) + " to " +
                        std::to_string(slot.last) + ", at " +
                        std::to_string(slot.offset);
    axes.drawRect(os, isAtPeak ? "slot peak" : "slot", x0, y0, x1, y1, title);
    std::string label = y1 - y0 < 14 ? "" : fitName(slot.name, x1 - x0);
    if (!label.empty())
      os << "<text class=\"name\" x=\"" << number(x0 + 4) << "\" y=\""
         << number((y0 + y1) / 2 + 4) << "\">" << label << "</text>\n";
  }
  double x = (axes.getX(report.peakStep) + axes.getX(report.peakStep + 1)) / 2;
  os << "<path class=\"bound\" d=\"M" << number(x) << " " << Axes::top << "V"
     << number(axes.bottom()) << "\"/><text class=\"tick middle\" x=\""
     << number(std::min(std::max(x, 130.0), 960.0)) << "\" y=\""
     << Axes::top - 8 << "\">peak</text>\n</svg>\n";
}
