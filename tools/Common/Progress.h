//===- Progress.h - how far a long command is -----------------------------===//
//
// Shared by tools with and without LLVM, hence the standard library only.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_TOOLS_COMMON_PROGRESS_H
#define CINCH_TOOLS_COMMON_PROGRESS_H

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace cinch::tools {

/// A line on the standard error stream, if that is a terminal, that tells the
/// phase, the share done and the time left. It appears after two seconds, is
/// renewed twice a second and vanishes in the end.
class Progress {
public:
  explicit Progress(std::string title);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// `share` of the work is done, from 0 to 1, and `phase` begins.
  void update(double share, std::string phase);
  /// Removes the line, for a message; it comes back by itself.
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  void run();
  void draw();
  void erase();

  std::string title, phase;
  double share = 0;
  Clock::time_point start, updated;
  bool isDrawn = false, isDone = false;
  std::mutex mutex;
  std::condition_variable wake;
  std::thread drawer; ///< not started unless there is a terminal
};

} // namespace cinch::tools

#endif // CINCH_TOOLS_COMMON_PROGRESS_H
