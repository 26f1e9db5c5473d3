//===- CheckPlan.cpp - replay of a memory plan ----------------------------===//
//
// Shares no code with the planner: steps are replayed on the caller's buffers,
// and what is live is kept in a map by offset.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan/Planner.h"

#include <algorithm>
#include <map>

using namespace cinch::plan;

static std::string describe(const std::vector<Buffer> &buffers,
                            const Plan &plan, size_t index) {
  const Buffer &buffer = buffers[index];
  return "buffer " + std::to_string(index) + " (steps " +
         std::to_string(buffer.first) + " to " + std::to_string(buffer.last) +
         ", bytes " + std::to_string(plan.offsets[index]) + " to " +
         std::to_string(plan.offsets[index] +
                        std::max<int64_t>(buffer.bytes, 0)) +
         ")";
}

std::string cinch::plan::checkPlan(const std::vector<Buffer> &buffers,
                                   const Plan &plan,
                                   const PlanOptions &options) {
  if (plan.offsets.size() != buffers.size())
    return "expected " + std::to_string(buffers.size()) + " offsets, but got " +
           std::to_string(plan.offsets.size());

  struct Event {
    int64_t step;
    bool isStart; // ends come after the starts of the same step
    size_t index;
  };
  std::vector<Event> events;
  int64_t peak = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    int64_t offset = plan.offsets[i], end;
    if (buffers[i].last < buffers[i].first)
      return "buffer " + std::to_string(i) + " ends in step " +
             std::to_string(buffers[i].last) + " before its first step " +
             std::to_string(buffers[i].first);
    if (offset < 0)
      return "buffer " + std::to_string(i) + " has the negative offset " +
             std::to_string(offset);
    if (offset % options.alignment != 0)
      return "buffer " + std::to_string(i) + " has the offset " +
             std::to_string(offset) + ", which is not a multiple of " +
             std::to_string(options.alignment);
    if (buffers[i].bytes <= 0)
      continue;
    if (__builtin_add_overflow(offset, buffers[i].bytes, &end))
      return "the end of buffer " + std::to_string(i) + " overflows";
    peak = std::max(peak, end);
    events.push_back({buffers[i].first, true, i});
    events.push_back({buffers[i].last, false, i});
  }

  std::stable_sort(
      events.begin(), events.end(), [](const Event &a, const Event &b) {
        return a.step != b.step ? a.step < b.step : a.isStart > b.isStart;
      });
  std::map<int64_t, size_t> live; // by offset
  for (const Event &event : events) {
    int64_t offset = plan.offsets[event.index];
    if (!event.isStart) {
      live.erase(offset);
      continue;
    }
    auto above = live.lower_bound(offset);
    if (above != live.end() &&
        above->first < offset + buffers[event.index].bytes)
      return describe(buffers, plan, event.index) + " overlaps " +
             describe(buffers, plan, above->second) + " in step " +
             std::to_string(event.step);
    if (above != live.begin()) {
      auto below = std::prev(above);
      if (below->first + buffers[below->second].bytes > offset)
        return describe(buffers, plan, event.index) + " overlaps " +
               describe(buffers, plan, below->second) + " in step " +
               std::to_string(event.step);
    }
    live.emplace(offset, event.index);
  }
  if (plan.peak != peak)
    return "expected the peak " + std::to_string(peak) + ", but got " +
           std::to_string(plan.peak);
  return "";
}
